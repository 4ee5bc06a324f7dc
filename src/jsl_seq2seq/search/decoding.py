"""Decoding, tag by tag: what it finds, which sentences share a batch, and the step to the next tag's probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..backends.interface import MASKED, Array, DecodingOps
from ..data.ragged import pad_rows
from ..model import Transformer
from ..settings import PAD, ModelConfig
from .constraints import ConstrainedRows


@dataclass(frozen=True)
class Hypothesis:
    """One decoded target.

    Attributes:
        ids: tags, without SOS and EOS.
        log_probs: natural logarithm of each tag's probability given those before it; one more, the end's,
            if ``finished``.
        finished: whether the model ended the sentence, before the maximum length was reached.
    """

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    finished: bool

    @property
    def log_prob(self) -> float:
        """Natural logarithm of the whole sequence's probability, its end included if there is one."""
        return sum(self.log_probs)


_MAX_SCORES = 64 * 256**2
"""Attention scores of one head, over all sentences of a batch."""


def group_by_length(lengths: Sequence[int], most: int, beam: int = 1) -> Iterator[list[int]]:
    """Indices of sentences in batches of like length, so that little of a batch is padding.

    Args:
        lengths: of each sentence.
        most: sentences in one batch.
        beam: rows of each sentence.
    """
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        scores = (len(group) + 1) * beam * lengths[index] ** 2
        if len(group) == most or (group and scores > _MAX_SCORES):
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def group_by_padded_length(config: ModelConfig, sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """Indices of sentences in batches where none changes another's result.

    All in one, unless the model has no attention masks: then only sentences that are padded to the same length.
    """
    if config.attention_masks:
        return [list(range(len(sources)))]
    groups: dict[int, list[int]] = {}
    for index, source in enumerate(sources):
        groups.setdefault(max(len(source), config.source_length), []).append(index)
    return list(groups.values())


class Step(ABC):
    """Decodes one position after another for a batch of rows, each of one sentence."""

    @abstractmethod
    def __call__(self, latest: np.ndarray) -> np.ndarray:
        """The latest tags [R] (first SOS) -> natural log-probabilities [R, V] of the next ones, on the host."""

    @abstractmethod
    def keep(self, rows: np.ndarray) -> None:
        """Continue from these rows, in this order; a row may be left out, and may come twice."""


def decoding_step(
    ops: DecodingOps,
    model: Transformer[DecodingOps],
    sources: Sequence[Sequence[int]],
    capacity: int,
    rows: ConstrainedRows | None = None,
) -> Step:
    """The step for a batch of :func:`group_by_padded_length`.

    Args:
        capacity: the largest number of calls.
        rows: what the rows may hold. Log-probabilities are then [R, K], of ``rows.ids``, and those of each row are
            normalized over what it may hold; only for models with attention masks.
    """
    source = pad_rows(sources, at_least=model.config.source_length)
    if model.config.attention_masks:
        return _CachedStep(ops, model, source, capacity, rows)
    return _UncachedStep(ops, model, source)


_CAPACITY = 16
"""Initial capacity of a cache; most sentences need no more, and gathering rows copies the whole capacity."""


def log_probs(ops: DecodingOps, logits: Array, temperature: float) -> Array:
    """log softmax(z / T) over the last axis; T is fitted to development data (Guo et al. 2017, §4.2)."""
    return ops.log_softmax(logits if temperature == 1 else ops.scale(logits, 1 / temperature))


class _CachedStep(Step):
    """Computes the newest position only: under the causal mask the keys and values of earlier ones do not change."""

    def __init__(
        self,
        ops: DecodingOps,
        model: Transformer[DecodingOps],
        source: np.ndarray,
        capacity: int,
        rows: ConstrainedRows | None,
    ) -> None:
        self._ops, self._decoder, self._source = ops, model.decoder, source
        memory, mask = model.encoder(ops.array(source), padded=bool((source == PAD).any()))
        self._most, self._capacity = capacity, min(capacity, _CAPACITY)
        self._cache = self._decoder.start(memory, mask, self._capacity)
        self._written = np.zeros((len(source), capacity), np.int32)
        self._temperature = model.config.temperature
        self._impossible: Array | None = None
        if rows is not None:
            self._cache = self._decoder.shortlisted(self._cache, ops.array(rows.ids))
            self._impossible = ops.array(np.where(rows.possible, np.float32(0), np.float32(MASKED)))

    def __call__(self, latest: np.ndarray) -> np.ndarray:
        if self._cache.length == self._capacity:
            self._capacity = min(2 * self._capacity, self._most)
            self._cache = self._decoder.enlarged(self._cache, self._capacity)
        self._written[:, self._cache.length] = latest
        logits, self._cache = self._decoder.step(self._ops.array(latest[:, None]), self._cache)
        if self._impossible is not None:
            logits = self._ops.add(logits, self._impossible)
        return self._ops.to_host(log_probs(self._ops, logits, self._temperature))

    def keep(self, rows: np.ndarray) -> None:
        if np.array_equal(rows, np.arange(len(self._source))):
            return
        source, written = self._source[rows], self._written[rows]
        on_device = self._ops.array(rows)
        if np.array_equal(source, self._source):
            # beams of one sentence change rows: only positions where their tags differ are reordered
            unlike = np.flatnonzero((written != self._written).any(axis=0))
            if unlike.size:
                self._decoder.reorder(self._cache, on_device, int(unlike[0]))
        else:
            mask = self._cache.memory_mask
            if mask is not None:
                mask = self._ops.padding_mask(self._ops.array(source), PAD)
            self._cache = self._decoder.kept(self._cache, on_device, mask)
            if self._impossible is not None:
                self._impossible = self._ops.gather_rows(self._impossible, on_device)
        self._source, self._written = source, written


class _UncachedStep(Step):
    """Recomputes every position: without a causal mask each of them sees the newest."""

    def __init__(self, ops: DecodingOps, model: Transformer[DecodingOps], source: np.ndarray) -> None:
        self._ops, self._decoder, self._temperature = ops, model.decoder, model.config.temperature
        self._memory, _ = model.encoder(ops.array(source))
        self._written = np.empty((len(source), 0), np.int32)

    def __call__(self, latest: np.ndarray) -> np.ndarray:
        self._written = np.concatenate([self._written, latest[:, None]], axis=1)
        logits = self._decoder(self._ops.array(self._written), self._memory, None)
        return self._ops.to_host(log_probs(self._ops, logits, self._temperature))[:, -1].copy()

    def keep(self, rows: np.ndarray) -> None:
        self._written = self._written[rows]
        self._memory = self._ops.gather_rows(self._memory, self._ops.array(rows))
