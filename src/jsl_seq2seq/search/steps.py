"""From the tags written last to the next ones' probabilities, whatever the model needs for that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ..backends.interface import Ops
from ..data.padding import pad_rows
from ..model import Transformer
from ..settings import PAD, ModelConfig


class Step(ABC):
    """Writes one tag after another for rows that grow side by side, each from a sentence."""

    @abstractmethod
    def __call__(self, latest: np.ndarray) -> np.ndarray:
        """Tags just written [R] (first SOS) -> natural log-probabilities [R, V] of the next ones, on the host."""

    @abstractmethod
    def keep(self, rows: np.ndarray) -> None:
        """Go on with what these rows have written, in this order; a row may be left out, and may come twice."""


def next_tags(ops: Ops, model: Transformer, sources: Sequence[Sequence[int]], capacity: int) -> Step:
    """How one tag after another is written for ``sources``, which :func:`side_by_side` put together.

    Args:
        capacity: how often the step will be taken at most.
    """
    source = pad_rows(sources, at_least=model.config.source_length)
    if model.config.attention_masks:
        return _Cached(ops, model, source, capacity)
    return _Recomputing(ops, model, source)


def side_by_side(config: ModelConfig, sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """Indices of the sentences that can be translated together without disturbing each other.

    All of them, unless the model sees padding: then only sentences that are padded to the same length.
    """
    if config.attention_masks:
        return [list(range(len(sources)))]
    groups: dict[int, list[int]] = {}
    for index, source in enumerate(sources):
        groups.setdefault(max(len(source), config.source_length), []).append(index)
    return list(groups.values())


_CAPACITY = 16
"""Tags that a cache has room for at first; most sentences need no more, and rows that leave are copied whole."""


class _Cached(Step):
    """The causal mask keeps earlier positions as they were: each step computes the newest one only."""

    def __init__(self, ops: Ops, model: Transformer, source: np.ndarray, capacity: int) -> None:
        self._ops, self._decoder, self._source = ops, model.decoder, source
        memory, mask = model.encoder(ops.array(source), padded=bool((source == PAD).any()))
        self._most, self._capacity = capacity, min(capacity, _CAPACITY)
        self._cache = model.decoder.start(memory, mask, self._capacity)
        self._written = np.zeros((len(source), capacity), np.int32)

    def __call__(self, latest: np.ndarray) -> np.ndarray:
        if self._cache.length == self._capacity:
            self._capacity = min(2 * self._capacity, self._most)
            self._cache = self._decoder.enlarged(self._cache, self._capacity)
        self._written[:, self._cache.length] = latest
        logits, self._cache = self._decoder.step(self._ops.array(latest[:, None]), self._cache)
        return self._ops.to_host(self._ops.log_softmax(logits))

    def keep(self, rows: np.ndarray) -> None:
        if np.array_equal(rows, np.arange(len(self._source))):
            return
        source, written = self._source[rows], self._written[rows]
        places = self._ops.array(rows)
        if np.array_equal(source, self._source):
            # beams of one sentence change places: what they began with alike may stay where it is
            unlike = np.flatnonzero((written != self._written).any(axis=0))
            if unlike.size:
                self._decoder.reorder(self._cache, places, int(unlike[0]))
        else:
            mask = self._cache.memory_mask
            if mask is not None:
                mask = self._ops.padding_mask(self._ops.array(source), PAD)
            self._cache = self._decoder.kept(self._cache, places, mask)
        self._source, self._written = source, written


class _Recomputing(Step):
    """Without a causal mask every position sees the newest: each step computes all of them again."""

    def __init__(self, ops: Ops, model: Transformer, source: np.ndarray) -> None:
        self._ops, self._decoder = ops, model.decoder
        self._memory, _ = model.encoder(ops.array(source))
        self._written = np.empty((len(source), 0), np.int32)

    def __call__(self, latest: np.ndarray) -> np.ndarray:
        self._written = np.concatenate([self._written, latest[:, None]], axis=1)
        logits = self._decoder(self._ops.array(self._written), self._memory, None)
        return self._ops.to_host(self._ops.log_softmax(logits))[:, -1].copy()

    def keep(self, rows: np.ndarray) -> None:
        self._written = self._written[rows]
        self._memory = self._ops.gather_rows(self._memory, self._ops.array(rows))
