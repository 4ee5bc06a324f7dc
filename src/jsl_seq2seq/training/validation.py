"""Figures of greedy translations of validation data, measured after each epoch of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..backends.process_group import ProcessGroup
from ..data import SentencePair
from ..errors import Failure
from ..tokenize import TargetTokenizer
from ..translate.translator import Translator, tags_of

_BATCH = 64
"""Sentences between two questions whether to stop."""

SHOWN, DECIDING = 200, 1_000
"""Most sentences that are translated after an epoch: where the figure is only shown, and where ``metric`` decides
by it."""

_LONGER, _MORE = 2, 8
"""A translation is cut at so many times the longest reference and so many tokens: it is wrong already."""


class Stopped(Exception):
    """A stop was asked for in the middle of validation."""


@dataclass(frozen=True)
class Figures:
    """Figures of translations: the share of exact ones, and BLEU or chrF where the metric is that."""

    exact: float | None = None
    bleu: float | None = None
    chrf: float | None = None


class Validation:
    """Translates a sample of validation data, the same after each epoch.

    Args:
        pairs: all validation data; at most :data:`SHOWN` or :data:`DECIDING` of it are used, evenly spaced.
        metric: of ``TrainingConfig``.

    Raises:
        UserError: the metric needs sacrebleu, which is missing or broken.
    """

    def __init__(self, pairs: Sequence[SentencePair], metric: str) -> None:
        self.pairs = evenly(pairs, SHOWN if metric == "loss" else DECIDING)
        self._metric = metric
        if metric in ("bleu", "chrf"):
            from ..evaluation.metrics import require_sacrebleu  # noqa: PLC0415  only some trainings need it

            require_sacrebleu()

    def max_length(self, target: TargetTokenizer) -> int:
        """Length at which translations are cut, in tokens of the target."""
        longest = max(sum(len(target.pieces(tag)) for tag in pair.tags) for pair in self.pairs)
        return _LONGER * longest + _MORE

    def measure(
        self, translator: Translator, processes: ProcessGroup, should_stop: Callable[[], bool]
    ) -> Figures:
        """The figures of the translator's network; the same in all processes, of which the first translates.

        Figures are ``None`` where the network computes NaN.

        Raises:
            Stopped: ``should_stop()``, which is asked between two batches.
            Exception: whatever translating raises; in the other processes a Failure.
        """
        if processes.world_size == 1:
            return self._measured(translator, should_stop)
        found, problem = Figures(), None
        if processes.rank == 0:
            try:
                found = self._measured(translator, should_stop)
            except Exception as error:  # after the others were told
                problem = error
        figures = [math.nan if one is None else one for one in (found.exact, found.bleu, found.chrf)]
        if processes.rank:
            figures = [0.0] * 3
        failed, stopped, *figures = processes.all_reduce(
            float(problem is not None), float(isinstance(problem, Stopped)), *figures
        )
        if problem is not None:
            raise problem
        if stopped:
            raise Stopped
        if failed:
            raise Failure(
                "検証データを訳せませんでした（最初のプロセスで失敗しました）。", code="validation-failed"
            )
        return Figures(*(None if math.isnan(one) else one for one in figures))

    def _measured(self, translator: Translator, should_stop: Callable[[], bool]) -> Figures:
        hypotheses: list[tuple[str, ...]] = []
        for start in range(0, len(self.pairs), _BATCH):
            if should_stop():
                raise Stopped
            try:
                found = translator.translate_each(
                    [pair.source for pair in self.pairs[start : start + _BATCH]], beam=1
                )
            except Failure as error:
                if error.code != "scores-not-finite":
                    raise
                return Figures()
            hypotheses += [tags_of(one) or () for one in found]
        pairs = [(hypothesis, pair.tags) for hypothesis, pair in zip(hypotheses, self.pairs, strict=True)]
        exact = sum(hypothesis == reference for hypothesis, reference in pairs) / len(pairs)
        if self._metric not in ("bleu", "chrf"):
            return Figures(exact)
        from ..evaluation import metrics  # noqa: PLC0415

        score = metrics.bleu(pairs) if self._metric == "bleu" else metrics.chrf(pairs)
        return Figures(exact, **{self._metric: None if score is None else score.value})


def evenly(items: Sequence[Any], count: int) -> list[Any]:
    """At most ``count`` items, evenly spaced over the whole sequence."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]
