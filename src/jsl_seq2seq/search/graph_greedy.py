"""Greedy decoding in captured steps: between two tags no value is read back.

The chosen tag is the next step's input on the device; the host reads the tags now and then to see whether all
sentences have ended. So no step depends on a value that only the host has: the cache has its full length from
the start, the position is an array, and a mask hides the positions after it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from ..backends.interface import MASKED, Array, DecodingOps, GraphDecodingOps, Mask
from ..data.ragged import pad_rows
from ..model import Transformer
from ..model.decoder import DecoderCache
from ..settings import EOS, SOS
from .decoding import log_probs

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
        source = pad_rows(filled, self._ops.pad_multiple, at_least=self._model.config.source_length)
        key = (*source.shape, max_length + 1)
        if key not in self._shapes:
            self._shapes[key] = _CapturedBatch(self._ops, self._model, *source.shape, capacity=max_length + 1)
            if len(self._shapes) > _SHAPES:
                self._shapes.popitem(last=False)
        self._shapes.move_to_end(key)
        tags, scores = self._shapes[key].decode(source)
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
        self._cache = model.decoder.room(rows, length, capacity)
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
        self._model.decoder.fill(self._cache, memory)
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
