"""Decoding, tag by tag: the step to the next tag's probabilities, and greedy decoding, always the most probable next
tag until the end is the most probable.

Where the operations can capture graphs, greedy decoding reads no value back between two tags. The chosen tag is the
next step's input on the device; the host reads the tags now and then to see whether all sentences have ended. So no
step depends on a value that only the host has: the cache has its full length from the start, the position is an
array, and a mask hides the positions after it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..backends.interface import MASKED, Array, DecodingOps, GraphDecodingOps, Mask, pad_rows
from ..backends.network import NetworkBatch, NetworkDecodingOps, Shortlist
from ..errors import Failure
from ..model import Transformer
from ..model.decoder import DecoderCache
from ..model.layers import sinusoid
from ..settings import EOS, PAD, SOS, ModelConfig
from .constraints import ConstrainedRows, OpenWordConstraint


class Hypothesis(NamedTuple):
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


@dataclass(frozen=True)
class Ensemble:
    """Models that decode together: the probability of the next tag is the mean of theirs.

        P(y|Y, X) = 1/n · Σ P_m(y|Y, X),   log P = logsumexp log P_m - log n       (Sutskever et al. 2014, §3.6)

    The mean of the probabilities, as in fairseq, rather than of their logarithms: it sums to 1 as it is, so that a
    probability and a threshold mean what they mean of one model, and one member alone cannot rule a tag out.

    Attributes:
        members: models with the same vocabularies and, apart from their sizes, the same settings.
    """

    members: tuple[Transformer[DecodingOps], ...]

    @property
    def config(self) -> ModelConfig:
        """The first member's; what decoding reads of it is the same of all."""
        return self.members[0].config


Model = Transformer[DecodingOps] | Ensemble
"""What decodes."""


def mean_log_probs(members: Sequence[np.ndarray]) -> np.ndarray:
    """Each member's natural log-probabilities [..., V] -> those of their mean distribution, in float64."""
    each = np.stack(members).astype(np.float64)
    highest = each.max(axis=0)
    return highest + np.log(np.exp(each - highest).mean(axis=0))


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
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
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
    model: Model,
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
    if isinstance(model, Ensemble):
        return _EnsembleStep([decoding_step(ops, one, sources, capacity, rows) for one in model.members])
    source = pad_rows(sources, PAD, at_least=model.config.source_length)
    if model.config.attention_masks:
        if isinstance(ops, NetworkDecodingOps):
            shortlist = None if rows is None else Shortlist(rows.ids, rows.possible)
            return _NetworkStep(_started(ops, model, source, capacity, shortlist))
        return _CachedStep(ops, model, source, capacity, rows)
    return _UncachedStep(ops, model, source)


def require_finite(scores: np.ndarray) -> None:
    """Raise Failure if one of these log-probabilities of chosen tags is NaN or infinite.

    Weights can be finite and so large that the computation overflows; NaN has no largest value to choose.
    """
    if not np.isfinite(scores).all():
        raise Failure(
            "モデルの計算の結果が数になりません（NaN か無限大）。",
            "学習が発散したか、重みが壊れたモデルです。元のコピーに戻すか、学習し直してください。",
            code="scores-not-finite",
        )


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


def _started(
    ops: NetworkDecodingOps,
    model: Transformer[DecodingOps],
    source: np.ndarray,
    capacity: int,
    shortlist: Shortlist | None = None,
) -> NetworkBatch:
    """Sentences [B, S], encoded with the model as a compiled network."""

    def positions(position: int) -> list[float]:
        return sinusoid(position, model.config.d_model)

    network = ops.network(model.config, model.parameters, positions)
    return network.start(source, PAD, capacity, shortlist)


class _NetworkStep(Step):
    """A compiled step."""

    def __init__(self, batch: NetworkBatch) -> None:
        self._batch = batch

    def __call__(self, latest: np.ndarray) -> np.ndarray:
        return self._batch.log_probs(latest)

    def keep(self, rows: np.ndarray) -> None:
        self._batch.keep(rows)


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


class _EnsembleStep(Step):
    """The members' steps, side by side: each has its own cache of the same rows."""

    def __init__(self, members: Sequence[Step]) -> None:
        self._members = members

    def __call__(self, latest: np.ndarray) -> np.ndarray:
        return mean_log_probs([step(latest) for step in self._members])

    def keep(self, rows: np.ndarray) -> None:
        for step in self._members:
            step.keep(rows)


_COMPACT_BELOW = 0.75
"""Share of rows that have not ended below which the others are dropped from the batch, by copying those that stay."""


def greedy(
    ops: DecodingOps,
    model: Model,
    sources: Sequence[Sequence[int]],
    max_length: int,
    graph: GraphGreedy | None = None,
    constraints: Sequence[OpenWordConstraint] = (),
) -> list[Hypothesis]:
    """The most probable tag at every position; each sentence's result is what it would be alone.

    Args:
        sources: source ids of each sentence, none empty.
        max_length: most tags in a result.
        graph: captured steps of earlier calls with the same model, where ``ops`` are :class:`GraphDecodingOps`.
        constraints: what each sentence's result may hold, or none.
    """
    if isinstance(model, Transformer) and model.config.attention_masks and not constraints:
        if isinstance(ops, GraphDecodingOps):
            tags, scores = (graph or GraphGreedy(ops, model))(sources, max_length)
            return [_ended(*row, max_length) for row in zip(tags.tolist(), scores.tolist(), strict=True)]
        if isinstance(ops, NetworkDecodingOps):
            source = pad_rows(sources, PAD, at_least=model.config.source_length)
            batch = _started(ops, model, source, max_length + 1)
            tags, scores = batch.greedy(SOS, EOS, model.config.never_decoded, max_length + 1)
            require_finite(scores)
            return [_ended(*row, max_length) for row in zip(tags.tolist(), scores.tolist(), strict=True)]
    found: dict[int, Hypothesis] = {}
    for indices in group_by_padded_length(model.config, sources):
        constrained = ConstrainedRows([constraints[index] for index in indices]) if constraints else None
        group = [sources[index] for index in indices]
        step = decoding_step(ops, model, group, max_length + 1, constrained)
        decoded = _decoded(step, len(indices), max_length, model.config.never_decoded, constrained)
        found.update(zip(indices, decoded, strict=True))
    return [found[index] for index in range(len(sources))]


def _decoded(
    step: Step,
    count: int,
    max_length: int,
    never: tuple[int, ...],
    constrained: ConstrainedRows | None,
) -> list[Hypothesis]:
    """Greedy decoding of ``count`` sentences, one row of ``step`` each."""
    tags = np.full((count, max_length + 1), EOS, np.int32)
    scores = np.zeros((count, max_length + 1))
    rows = np.arange(count)  # the sentence that each row of the step belongs to
    growing = np.ones(count, bool)
    latest = np.full(count, SOS, np.int32)
    for position in range(max_length + 1):
        log_probs = step(latest)
        if constrained is None:
            log_probs[:, never] = -np.inf
        else:
            constrained.mask(log_probs)
        columns = log_probs.argmax(axis=-1)
        latest = columns.astype(np.int32) if constrained is None else constrained.ids[columns]
        tags[rows, position] = latest
        scores[rows, position] = log_probs[np.arange(len(rows)), columns]
        growing &= latest != EOS
        if constrained is not None:
            constrained.advance(latest.tolist())
        left = np.count_nonzero(growing)
        if not left:
            break
        if left < _COMPACT_BELOW * len(rows):
            stay = np.flatnonzero(growing)
            step.keep(stay)
            rows, growing, latest = rows[stay], growing[stay], latest[stay]
            if constrained is not None:
                constrained.keep(stay.tolist())
    require_finite(scores)
    return [_ended(*row, max_length) for row in zip(tags.tolist(), scores.tolist(), strict=True)]


def _ended(tags: list[int], scores: list[float], max_length: int) -> Hypothesis:
    """The tags up to the end, or up to the maximum length."""
    end = tags.index(EOS) if EOS in tags else len(tags)
    finished = end < len(tags)
    ids = tags[: min(end, max_length)]
    return Hypothesis(tuple(ids), tuple(scores[: len(ids) + finished]), finished)


_READ_EVERY = 16
"""Tags between two reads, where a captured step is one tag: a read takes about as long as a tag, and so does a
superfluous tag."""

_SHAPES = 16
"""Batch shapes whose caches and captured steps are kept; the least recently used is dropped."""


class GraphGreedy:
    """Greedy decoding of one batch after another; keeps a cache and captured steps for each batch shape.

    Only for models with attention masks.
    """

    def __init__(self, ops: GraphDecodingOps, model: Transformer[DecodingOps]) -> None:
        self._ops, self._model = ops, model
        self._shapes: OrderedDict[tuple[int, int, int], _CapturedBatch] = OrderedDict()

    def __call__(self, sources: Sequence[Sequence[int]], max_length: int) -> tuple[np.ndarray, np.ndarray]:
        """Tags [B, N] and their log-probabilities [B, N], N up to ``max_length + 1``; arbitrary tags after EOS."""
        # few sizes, so that few captured steps serve all batches
        rows = 1 << (len(sources) - 1).bit_length()
        filled = [*sources, *[sources[0]] * (rows - len(sources))]
        source = pad_rows(filled, PAD, self._ops.pad_multiple, self._model.config.source_length)
        key = (*source.shape, max_length + 1)
        if key not in self._shapes:
            self._shapes[key] = _CapturedBatch(self._ops, self._model, *source.shape, capacity=max_length + 1)
            if len(self._shapes) > _SHAPES:
                self._shapes.popitem(last=False)
        self._shapes.move_to_end(key)
        tags, scores = self._shapes[key].decode(source)
        require_finite(scores)
        return tags[: len(sources)], scores[: len(sources)]


class _CapturedBatch:
    """One batch shape: a cache in place, and two captured steps: encode a batch, and decode ``unroll`` tags.

    Args:
        rows, length: B and S.
        capacity: most tags, the end included.
    """

    def __init__(
        self,
        ops: GraphDecodingOps,
        model: Transformer[DecodingOps],
        rows: int,
        length: int,
        capacity: int,
    ) -> None:
        self._ops, self._model, self._capacity = ops, model, capacity
        self._cache = model.decoder.empty_caches(rows, length, capacity)
        never, size = model.config.never_decoded, model.config.vocab_size.target
        self._never = ops.array([MASKED if tag in never else 0.0 for tag in range(size)])
        self._positions = [
            ops.array(np.arange(start, min(start + ops.unroll, capacity), dtype=np.int32))
            for start in range(0, capacity, ops.unroll)
        ]
        self._first = ops.array(np.full((rows, 1), SOS, np.int32))
        self._encode, self._next = ops.capture(self._encoded), ops.capture(self._decoded)

    def decode(self, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Source ids [B, S] -> tags [B, N] and their log-probabilities [B, N]."""
        real = self._encode(source)
        latest = self._first
        tags: list[Array] = []
        scores: list[Array] = []
        read: list[np.ndarray] = []
        for positions in self._positions:
            found = self._next(latest, real, positions)
            tags += found[::2]
            scores += found[1::2]
            latest = tags[-1]
            if self._ops.unroll > 1 or len(tags) % _READ_EVERY == 0 or len(tags) == self._capacity:
                read += self._ops.all_to_host(tags[len(read) :])
                if np.all(np.any(np.concatenate(read, axis=1) == EOS, axis=1)):
                    break
        return np.concatenate(read, axis=1), np.concatenate(self._ops.all_to_host(scores), axis=1)

    def _encoded(self, source: Array) -> Array:
        """Encode sentences [B, S] and write the memory's keys and values into the cache; the padding mask's array."""
        memory, mask = self._model.encoder(self._ops.array(source))
        assert mask is not None, "only models with attention masks are decoded with a cache"
        self._model.decoder.write_memory(self._cache, memory)
        return mask.array

    def _decoded(self, latest: Array, real: Array, positions: Array) -> tuple[Array, ...]:
        """The latest tags [B, 1], at the first of ``positions`` [n] -> for every position the most probable next
        tags [B, 1] and their log-probabilities [B, 1]."""
        ops = self._ops
        cache = DecoderCache(self._cache, Mask("padding", real), length=0)
        found: list[Array] = []
        each = ops.named_views(positions, {str(number): (1,) for number in range(positions.shape[0])})
        for position in each.values():
            logits = self._model.decoder.step_at(latest, cache, position)
            score, latest = ops.top_k(
                ops.add(log_probs(ops, logits, self._model.config.temperature), self._never), 1
            )
            found += [latest, score]
        return tuple(found)
