"""Beam search: the most probable sequences of tags, not the sequence of most probable tags.

At every length the ``width`` most probable beginnings are kept. One that ends keeps its place and waits; the
others compete for what is left. So a search finds at most ``width`` translations, it ends by itself, and of
width 1 it is greedy decoding.

    score(Y) = log P(Y|X) / lp(Y),   lp(Y) = ((5 + |Y|) / 6)^α           (Wu et al. 2016, §7, eq. 14)

|Y| counts the tags and the end. Beginnings of one search are equally long, so the penalty only ranks what has
ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..backends.interface import Ops
from ..model import Transformer
from ..settings import EOS, SOS
from .hypothesis import Hypothesis
from .steps import Step, next_tags, side_by_side


def beam_search(
    ops: Ops,
    model: Transformer,
    sources: Sequence[Sequence[int]],
    max_length: int,
    width: int,
    n_best: int = 1,
    length_penalty: float = 0.6,
    stop_early: bool = True,
) -> list[list[Hypothesis]]:
    """The best translations of each sentence, best first; each sentence's come out as they would alone.

    Those that the model ended come first. Fewer than ``n_best`` only if there are not as many at all.

    Args:
        sources: source ids of each sentence, none empty.
        max_length: most tags to write.
        width: beginnings that are kept at every length.
        n_best: translations to return, at most ``width``.
        length_penalty: α; 0 ranks by probability alone, more favours longer translations.
        stop_early: stop when nothing that could still come would be among the best; never changes the result.

    Raises:
        ValueError: not 1 <= n_best <= width, or a negative α.
    """
    if not 1 <= n_best <= width or not length_penalty >= 0:
        raise ValueError(f"beam_search: width {width}, n_best {n_best}, length_penalty {length_penalty}")
    found: dict[int, list[Hypothesis]] = {}
    for indices in side_by_side(model.config, sources):
        step = next_tags(ops, model, [sources[index] for index in indices], capacity=max_length + 1)
        searches = [_Search(width, n_best, length_penalty, max_length, stop_early) for _ in indices]
        _run(step, searches, model.config.never_decoded)
        found.update((index, search.best()) for index, search in zip(indices, searches, strict=True))
    return [found[index] for index in range(len(sources))]


def penalized(log_prob: float, length: int, alpha: float) -> float:
    """log P / lp; ``length`` counts the end."""
    return log_prob / ((5 + length) / 6) ** alpha


@dataclass(frozen=True)
class _Beginning:
    """Tags written so far, the sum of their log-probabilities and each of them."""

    ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    total: float = 0.0


class _Search:
    """The search for one sentence's translations."""

    def __init__(self, width: int, n_best: int, alpha: float, max_length: int, stop_early: bool) -> None:
        self._width, self._n_best, self._alpha = width, n_best, alpha
        self._max_length, self._stop_early = max_length, stop_early
        self.beginnings = [_Beginning()]
        self._ended: list[tuple[float, Hypothesis]] = []
        self._cut: list[tuple[float, Hypothesis]] = []

    def latest(self) -> list[int]:
        """The last tag of every beginning."""
        return [one.ids[-1] if one.ids else SOS for one in self.beginnings]

    def grow(self, log_probs: np.ndarray) -> list[int]:
        """Every beginning's next tags [K, V] -> which beginning each of the new ones goes on from."""
        before, self.beginnings = self.beginnings, []
        if len(before[0].ids) == self._max_length:
            self._close(before, log_probs)
            return []
        totals = np.array([[one.total] for one in before]) + log_probs
        parents = []
        for place in _largest(totals.reshape(-1), self._width - len(self._ended)):
            parent, tag = divmod(int(place), totals.shape[1])
            one = before[parent]
            scores = (*one.log_probs, float(log_probs[parent, tag]))
            total = float(totals[parent, tag])
            if tag == EOS:
                self._end(one.ids, scores, total)
            else:
                self.beginnings.append(_Beginning((*one.ids, tag), scores, total))
                parents.append(parent)
        if self._stop_early and self._settled():
            self.beginnings = []
            return []
        return parents

    def best(self) -> list[Hypothesis]:
        """The n best; of equals the one that was found first."""
        ranked = [sorted(group, key=lambda one: -one[0]) for group in (self._ended, self._cut)]
        return [hypothesis for group in ranked for _, hypothesis in group][: self._n_best]

    def _end(self, ids: tuple[int, ...], log_probs: tuple[float, ...], total: float) -> None:
        score = penalized(total, len(log_probs), self._alpha)
        self._ended.append((score, Hypothesis(ids, log_probs, finished=True)))

    def _close(self, beginnings: Sequence[_Beginning], log_probs: np.ndarray) -> None:
        """The length has run out: whoever would write another tag is cut off."""
        for one, scores in zip(beginnings, log_probs, strict=True):
            if scores.argmax() == EOS:
                end = float(scores[EOS])
                self._end(one.ids, (*one.log_probs, end), one.total + end)
            else:
                score = penalized(one.total, len(one.ids), self._alpha)
                self._cut.append((score, Hypothesis(one.ids, one.log_probs, finished=False)))

    def _settled(self) -> bool:
        """Whether the n best are known: a beginning only gets less probable, and no end comes later than the last."""
        if len(self._ended) < self._n_best or not self.beginnings:
            return False
        worst_kept = sorted((score for score, _ in self._ended), reverse=True)[self._n_best - 1]
        most_probable = max(one.total for one in self.beginnings)
        return worst_kept >= penalized(most_probable, self._max_length + 1, self._alpha)


def _run(step: Step, searches: Sequence[_Search], never: tuple[int, ...]) -> None:
    """Grow all searches until each has ended; ``step`` has one row for each search."""
    going = list(searches)
    while going:
        latest = np.array([tag for search in going for tag in search.latest()], np.int32)
        log_probs = step(latest)
        log_probs[:, never] = -np.inf
        rows: list[int] = []
        start = 0
        for search in going:
            end = start + len(search.beginnings)
            rows += [start + parent for parent in search.grow(log_probs[start:end])]
            start = end
        going = [search for search in going if search.beginnings]
        if going:
            step.keep(np.array(rows))


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Where the ``count`` largest finite values stand, largest first, of equals the first."""
    count = min(count, values.size)
    threshold = np.partition(values, values.size - count)[values.size - count]
    places = np.flatnonzero((values >= threshold) & np.isfinite(values))
    return places[np.argsort(-values[places], kind="stable")[:count]]
