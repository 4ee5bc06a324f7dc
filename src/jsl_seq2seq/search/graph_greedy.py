"""Greedy decoding on a device that is told once what a tag takes, and then only to do it again.

Between two tags nothing comes back: the chosen tag is fed to the next step on the device, and the host looks
every now and then whether all sentences have ended. So nothing may depend on what only the host knows. The
cache has its full length from the start, the position is an array, and a mask hides what is not written yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from ..backends.interface import MASKED, Array, Ops
from ..data.padding import pad_rows
from ..model import Transformer
from ..model.decoder import DecoderCache
from ..settings import EOS, PAD, SOS

_LOOK_EVERY = 16
"""Tags between two looks, where they are told one by one: a look costs about as much as a tag, and so does a tag
that nobody needed."""

_SHAPES = 16
"""Batch shapes whose caches and recordings are kept; the least recently used is forgotten."""


class GraphGreedy:
    """Writes the most probable tags; remembers from one batch to the next what the device was told.

    Only for models with attention masks, on backends that replay.
    """

    def __init__(self, ops: Ops, model: Transformer) -> None:
        self._ops, self._model = ops, model
        self._shapes: OrderedDict[tuple[int, int, int], _Recorded] = OrderedDict()

    def __call__(self, sources: Sequence[Sequence[int]], max_length: int) -> tuple[np.ndarray, np.ndarray]:
        """Tags [B, N] and their log-probabilities [B, N], N up to ``max_length + 1``; whatever comes after EOS."""
        # sizes that repeat: few recordings serve all batches
        rows = 1 << (len(sources) - 1).bit_length()
        filled = [*sources, *[sources[0]] * (rows - len(sources))]
        source = pad_rows(filled, self._ops.pad_multiple, at_least=self._model.config.source_length)
        key = (*source.shape, max_length + 1)
        if key not in self._shapes:
            self._shapes[key] = _Recorded(self._ops, self._model, *source.shape, capacity=max_length + 1)
            if len(self._shapes) > _SHAPES:
                self._shapes.popitem(last=False)
        self._shapes.move_to_end(key)
        tags, scores = self._shapes[key].write(source)
        return tags[: len(sources)], scores[: len(sources)]


class _Recorded:
    """One batch shape: a cache that stays where it is, and the two things the device does with it.

    Args:
        rows, length: B and S.
        capacity: most tags, the end included.
    """

    def __init__(self, ops: Ops, model: Transformer, rows: int, length: int, capacity: int) -> None:
        self._ops, self._model, self._capacity = ops, model, capacity
        self._cache = model.decoder.room(rows, length, capacity)
        sizes = model.config.vocab_size
        self._never = ops.array([MASKED if tag in (PAD, SOS) else 0.0 for tag in range(sizes.target)])
        starts = range(0, capacity, ops.unroll)
        self._positions = [
            ops.array(np.arange(start, min(start + ops.unroll, capacity), dtype=np.int32)) for start in starts
        ]
        self._first = ops.array(np.full((rows, 1), SOS, np.int32))
        self._begin, self._next = ops.capture(self._begun), ops.capture(self._advanced)

    def write(self, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Source ids [B, S] -> tags [B, N] and their log-probabilities [B, N]."""
        mask = self._begin(source)
        latest = self._first
        tags: list[Array] = []
        scores: list[Array] = []
        read: list[np.ndarray] = []
        at_once = self._ops.unroll
        for positions in self._positions:
            found = self._next(latest, mask, positions)
            tags += found[::2]
            scores += found[1::2]
            latest = tags[-1]
            if at_once > 1 or len(tags) % _LOOK_EVERY == 0 or len(tags) == self._capacity:
                read += self._ops.all_to_host(tags[len(read) :])
                if np.all(np.any(np.concatenate(read, axis=1) == EOS, axis=1)):
                    break
        return np.concatenate(read, axis=1), np.concatenate(self._ops.all_to_host(scores), axis=1)

    def _begun(self, source: Array) -> Array:
        """Read the sentences [B, S]; what the encoder makes of them goes into the cache. Returns their mask."""
        memory, mask = self._model.encoder(self._ops.array(source))
        assert mask is not None, "only models with attention masks are decoded with a cache"
        self._model.decoder.fill(self._cache, memory)
        return mask

    def _advanced(self, latest: Array, mask: Array, positions: Array) -> tuple[Array, ...]:
        """The tags written last [B, 1], at the first of ``positions`` [n] -> the best next ones and their
        log-probabilities, and so on for every position."""
        ops = self._ops
        cache = DecoderCache(self._cache, mask, length=0)
        found: list[Array] = []
        one_by_one = ops.named_views(positions, {str(number): (1,) for number in range(positions.shape[0])})
        for position in one_by_one.values():
            logits = self._model.decoder.step_at(latest, cache, position)
            score, latest = ops.top_k(ops.add(ops.log_softmax(logits), self._never), 1)
            found += [latest, score]
        return tuple(found)
