"""Beam search: the most probable sequences of tags, not the sequence of most probable tags.

At every length the ``width`` most probable prefixes are kept, those that have ended included; the others compete
for the rest of the width. So a search finds at most ``width`` translations, it terminates, and with width 1 it is
greedy decoding.

    score(Y) = log P(Y|X) / lp(Y),   lp(Y) = ((5 + |Y|) / 6)^α           (Wu et al. 2016, §7, eq. 14)

|Y| counts the tags and the end. Prefixes of one search are equally long, so the penalty only ranks what has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..backends.interface import DecodingOps
from ..settings import EOS, SOS, ModelConfig
from .constraints import ConstrainedRows, OpenWordConstraint
from .decoding import Hypothesis, Model, Step, decoding_step, group_by_padded_length, require_finite


@dataclass(frozen=True)
class Search:
    """How translations are searched for.

    Attributes:
        beam: prefixes kept at every length; 1 is greedy decoding.
        length_penalty: α.
        n_best: translations to find, at most ``beam``.
    """

    beam: int = ModelConfig.beam
    length_penalty: float = ModelConfig.length_penalty
    n_best: int = 1

    def __str__(self) -> str:
        if self.beam == 1:
            return "貪欲法（ビーム 1）"
        return f"ビームサーチ（ビーム {self.beam}、長さの補正 {self.length_penalty:g}）"


def beam_search(
    ops: DecodingOps,
    model: Model,
    sources: Sequence[Sequence[int]],
    max_length: int,
    width: int,
    n_best: int = 1,
    length_penalty: float = ModelConfig.length_penalty,
    stop_early: bool = True,
    constraints: Sequence[OpenWordConstraint] = (),
) -> list[list[Hypothesis]]:
    """The best translations of each sentence, best first; each sentence's are what they would be alone.

    Translations that the model ended come first. Fewer than ``n_best`` only if there are not as many at all.

    Args:
        sources: source ids of each sentence, none empty.
        max_length: most tags in a translation.
        width: prefixes that are kept at every length.
        n_best: translations to return, at most ``width``.
        length_penalty: α; 0 ranks by probability alone, more favours longer translations.
        stop_early: stop when no prefix can become one of the best; never changes the result.
        constraints: what each sentence's translations may hold, or none.

    Raises:
        ValueError: not 1 <= n_best <= width, or a negative α.
    """
    if not 1 <= n_best <= width or not length_penalty >= 0:
        raise ValueError(f"beam_search: width {width}, n_best {n_best}, length_penalty {length_penalty}")
    found: dict[int, list[Hypothesis]] = {}
    for indices in group_by_padded_length(model.config, sources):
        constrained = ConstrainedRows([constraints[index] for index in indices]) if constraints else None
        group = [sources[index] for index in indices]
        step = decoding_step(ops, model, group, max_length + 1, constrained)
        ids = np.arange(model.config.vocab_size.target) if constrained is None else constrained.ids
        searches = [_Search(width, n_best, length_penalty, max_length, stop_early, ids) for _ in indices]
        _run(step, searches, model.config.never_decoded, constrained)
        found.update((index, search.best()) for index, search in zip(indices, searches, strict=True))
    return [found[index] for index in range(len(sources))]


def penalized(log_prob: float, length: int, alpha: float) -> float:
    """log P / lp; ``length`` counts the end."""
    return log_prob / ((5 + length) / 6) ** alpha


@dataclass(frozen=True)
class _Prefix:
    """The tags so far, each one's log-probability, and their sum."""

    ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    total: float = 0.0


class _Search:
    """The search for one sentence's translations."""

    def __init__(
        self, width: int, n_best: int, alpha: float, max_length: int, stop_early: bool, ids: np.ndarray
    ) -> None:
        self._ids = ids
        self._width, self._n_best, self._alpha = width, n_best, alpha
        self._max_length, self._stop_early = max_length, stop_early
        self.prefixes = [_Prefix()]
        self._ended: list[tuple[float, Hypothesis]] = []
        self._cut: list[tuple[float, Hypothesis]] = []

    def latest(self) -> list[int]:
        """The last tag of every prefix."""
        return [one.ids[-1] if one.ids else SOS for one in self.prefixes]

    def extend(self, log_probs: np.ndarray) -> list[int]:
        """Log-probabilities of every prefix's next tags, one column for each of the search's ids -> each new prefix's
        parent, by index."""
        before, self.prefixes = self.prefixes, []
        if len(before[0].ids) == self._max_length:
            self._close(before, log_probs)
            return []
        totals = np.array([[one.total] for one in before]) + log_probs
        parents = []
        for place in _largest(totals.reshape(-1), self._width - len(self._ended)):
            parent, column = divmod(int(place), totals.shape[1])
            one, tag = before[parent], int(self._ids[column])
            scores = (*one.log_probs, float(log_probs[parent, column]))
            total = float(totals[parent, column])
            if tag == EOS:
                self._end(one.ids, scores, total)
            else:
                self.prefixes.append(_Prefix((*one.ids, tag), scores, total))
                parents.append(parent)
        if self._stop_early and self._settled():
            self.prefixes = []
            return []
        return parents

    def best(self) -> list[Hypothesis]:
        """The n best; of equals the one that was found first."""
        ranked = [sorted(group, key=lambda one: -one[0]) for group in (self._ended, self._cut)]
        return [hypothesis for group in ranked for _, hypothesis in group][: self._n_best]

    def _end(self, ids: tuple[int, ...], log_probs: tuple[float, ...], total: float) -> None:
        score = penalized(total, len(log_probs), self._alpha)
        self._ended.append((score, Hypothesis(ids, log_probs, finished=True)))

    def _close(self, prefixes: Sequence[_Prefix], log_probs: np.ndarray) -> None:
        """At the maximum length: a prefix ends if its most probable next tag is the end, and is cut off otherwise."""
        for one, scores in zip(prefixes, log_probs, strict=True):
            column = int(scores.argmax())
            if self._ids[column] == EOS:
                end = float(scores[column])
                self._end(one.ids, (*one.log_probs, end), one.total + end)
            else:
                score = penalized(one.total, len(one.ids), self._alpha)
                self._cut.append((score, Hypothesis(one.ids, one.log_probs, finished=False)))

    def _settled(self) -> bool:
        """Whether the n best are final: a longer prefix is never more probable, and no end is later than the last."""
        if len(self._ended) < self._n_best or not self.prefixes:
            return False
        worst_kept = sorted((score for score, _ in self._ended), reverse=True)[self._n_best - 1]
        most_probable = max(one.total for one in self.prefixes)
        return worst_kept >= penalized(most_probable, self._max_length + 1, self._alpha)


def _run(
    step: Step,
    searches: Sequence[_Search],
    never: tuple[int, ...],
    constrained: ConstrainedRows | None,
) -> None:
    """Extend all searches until each has ended; ``step`` begins with one row for each search."""
    active = list(searches)
    while active:
        latest = np.array([tag for search in active for tag in search.latest()], np.int32)
        if constrained is not None and latest[0] != SOS:
            constrained.advance(latest.tolist())
        log_probs = step(latest)
        if constrained is None:
            log_probs[:, never] = -np.inf
        else:
            constrained.mask(log_probs)
        require_finite(log_probs.max(axis=-1))
        rows: list[int] = []
        start = 0
        for search in active:
            end = start + len(search.prefixes)
            rows += [start + parent for parent in search.extend(log_probs[start:end])]
            start = end
        active = [search for search in active if search.prefixes]
        if active:
            step.keep(np.array(rows))
            if constrained is not None:
                constrained.keep(rows)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the ``count`` largest finite values, largest first, of equals the first."""
    count = min(count, values.size)
    threshold = np.partition(values, values.size - count)[values.size - count]
    places = np.flatnonzero((values >= threshold) & np.isfinite(values))
    return places[np.argsort(-values[places], kind="stable")[:count]]
