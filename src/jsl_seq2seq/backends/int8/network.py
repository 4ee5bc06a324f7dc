"""A model's parameters as :mod:`.passes` reads them, and the batches that are decoded with them, split over threads."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from math import prod, sqrt
from typing import Any, TypeVar

import numpy as np
from numba.core import config as numba_config

from ...settings import ModelConfig
from ...settings.environment import thread_limit
from ..interface import MASKED
from ..network import Network, NetworkBatch, Shortlist
from ..numpy import aligned_empty
from . import passes
from .float_tile import panels
from .passes import Rows, Weights
from .weights import packed

Result = TypeVar("Result")

_CAPACITY = 32
"""Initial capacity of a cache; twice as much whenever it does not suffice."""
_SHARE = 4
"""Fewest rows, or sentences, that a thread is given."""
_KEPT = 1 << 25
"""Most numbers of a buffer that is kept from one batch to the next: 128 MB."""


def thread_count() -> int:
    """How many threads compute: one for each core that the process may use, or fewer if ``NUMBA_NUM_THREADS`` or
    ``OMP_NUM_THREADS`` says so."""
    most: int = vars(numba_config)[
        "NUMBA_NUM_THREADS"
    ]  # numba.get_num_threads() would start threads of its own
    return min(most, thread_limit() or most)


@cache
def _pool(threads: int, _: int) -> ThreadPoolExecutor:
    """Threads of the process with this id: one that was forked has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="jsl-seq2seq")


def _parts(count: int, threads: int) -> list[tuple[int, int]]:
    """Where contiguous parts of ``count`` rows begin and end, one for each thread."""
    parts = max(1, min(threads, count // _SHARE))
    bounds = [count * part // parts for part in range(parts + 1)]
    return list(itertools.pairwise(bounds))


def _in_threads(compute: Callable[[int, int], Result], parts: Sequence[tuple[int, int]]) -> list[Result]:
    """``compute`` of every part, each in a thread of its own; the last one in this thread."""
    others = [_pool(len(parts) - 1, os.getpid()).submit(compute, *part) for part in parts[:-1]]
    try:
        own = compute(*parts[-1])
    finally:
        wait(others)
    return [*(other.result() for other in others), own]


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays one behind the other, from the beginning of a line on."""
    together = aligned_empty(sum(array.size for array in arrays), arrays[0].dtype.type)
    return np.concatenate([array.reshape(-1) for array in arrays], out=together)


class _Buffers:
    """Memory that batches use one after another: the system hands out new memory page by page, at its first use, which
    takes a tenth of the time of a batch."""

    def __init__(self) -> None:
        self._spare: list[np.ndarray] = []

    def take(self, count: int) -> np.ndarray:
        """At least ``count`` numbers, of any value."""
        try:
            spare = self._spare.pop()
        except IndexError:  # the first batch, or one of another thread is using it
            return aligned_empty(count)
        return spare if spare.size >= count else aligned_empty(count)

    def give_back(self, buffer: np.ndarray) -> None:
        """Nobody uses what :meth:`take` returned any more."""
        if not self._spare and buffer.size <= _KEPT:
            self._spare.append(buffer)


class CompiledNetwork(Network):
    """A model of 8-bit or of float32 weights.

    Args:
        precision: ``int8`` or ``fp32``.
        positions: see :meth:`~jsl_seq2seq.backends.network.NetworkDecodingOps.network`.
    """

    def __init__(
        self,
        config: ModelConfig,
        parameters: Mapping[str, np.ndarray],
        positions: Callable[[int], Any],
        precision: str,
    ) -> None:
        self.config, self._positions_of = config, positions
        self.weights, self.columns = _weights(config, parameters, precision == "int8")
        self.buffers = _Buffers()
        self._positions = np.empty((0, config.d_model), np.float32)
        self._output = parameters.get("decoder.output_projection.weight")
        self.output_bias = parameters["decoder.output_projection.bias"]
        self.threads = thread_count()

    def start(
        self, sources: np.ndarray, pad: int, capacity: int, shortlist: Shortlist | None = None
    ) -> NetworkBatch:
        return _Batch(self, sources, pad, capacity, shortlist)

    def positions(self, count: int) -> np.ndarray:
        """The encodings of at least ``count`` positions."""
        known = self._positions
        if len(known) < count:
            most = 1 << (count - 1).bit_length()
            rows = [self._positions_of(position) for position in range(len(known), most)]
            self._positions = known = np.concatenate([known, np.array(rows, np.float32)])
        return known

    def output_columns(self, ids: np.ndarray) -> np.ndarray:
        """The output layer's weights of these tags, [D, K]."""
        return self.weights.target[ids].T if self._output is None else self._output[:, ids]


class _Batch(NetworkBatch):
    def __init__(
        self,
        network: CompiledNetwork,
        sources: np.ndarray,
        pad: int,
        capacity: int,
        shortlist: Shortlist | None,
    ) -> None:
        self._network, self._weights, self._most = network, network.weights, capacity
        real = sources != pad
        begins = np.zeros(len(sources) + 1, np.intp)
        np.cumsum(real.sum(axis=1), out=begins[1:])
        tokens = sources[real].astype(np.int32)
        places = np.nonzero(real)[1].astype(np.int32)
        config = network.config
        self._length = 0
        room = min(capacity, _CAPACITY)
        # a slot more than rows: positions that are powers of two apart would share a few places of a CPU's cache
        shapes = (
            (config.n_layers, len(tokens), network.columns),
            (config.n_layers, room, len(sources) + 1, 2 * config.d_model),
            (len(tokens), passes.width_of_encoding(self._weights)),
        )
        self._buffer = network.buffers.take(sum(map(prod, shapes)))
        ends = list(itertools.accumulate(map(prod, shapes), initial=0))
        memory, cache, passing = (
            self._buffer[start:end].reshape(shape)
            for (start, end), shape in zip(itertools.pairwise(ends), shapes, strict=True)
        )
        table = network.positions(max(sources.shape[1], 1))
        _in_threads(
            lambda first, last: passes.encode(
                self._weights, tokens, places, begins, first, last, table, memory, passing
            ),
            _parts(len(sources), network.threads),
        )
        if shortlist is None:
            out = np.empty(0, np.float32), np.empty(0, np.float32)
            possible = np.empty((len(sources), 0), np.float32)
        else:
            weight, bias = panels(network.output_columns(shortlist.ids), network.output_bias[shortlist.ids])
            out = weight.reshape(-1), bias
            possible = np.ascontiguousarray(np.where(shortlist.possible, np.float32(0), np.float32(MASKED)))
        self._state = Rows(
            begins,
            memory,
            cache,
            np.arange(len(sources), dtype=np.int32),
            np.empty((len(sources), room), np.int32),
            network.positions(room),
            *out,
            possible,
            1 / config.temperature,
        )

    def __del__(self) -> None:
        if hasattr(self, "_buffer"):
            self._network.buffers.give_back(self._buffer)

    def log_probs(self, latest: np.ndarray) -> np.ndarray:
        state = self._with_room()
        tags = state.possible.shape[1] or len(self._weights.target)
        found = np.empty((len(latest), tags), np.float32)
        latest = latest.astype(np.int32)
        _in_threads(
            lambda first, last: passes.step(self._weights, state, first, last, self._length, latest, found),
            _parts(len(latest), self._network.threads),
        )
        self._length += 1
        return found

    def keep(self, rows: np.ndarray) -> None:
        state = self._state
        self._state = state._replace(
            sentence=state.sentence[rows],
            slots=state.slots[rows],
            cache=_enlarged(state.cache, state.cache.shape[1], len(rows), self._length),
        )

    def greedy(self, first: int, end: int, never: Sequence[int], most: int) -> tuple[np.ndarray, np.ndarray]:
        count = len(self._state.sentence)
        tags, scores = np.full((count, most), end, np.int32), np.zeros((count, most))
        latest, unused = np.full(count, first, np.int32), np.array(never, np.int32)
        parts = _parts(count, self._network.threads)
        while self._length < most and parts:
            state = self._with_room()
            until = min(most, state.cache.shape[1])

            def compute(
                begin: int, rows_end: int, state: Rows = state, until: int = until
            ) -> tuple[int, int]:
                rows = passes.greedy(
                    self._weights, state, begin, rows_end - begin, self._length, until, latest, end, unused, tags,
                    scores,
                )  # fmt: skip
                return begin, begin + rows

            parts = [part for part in _in_threads(compute, parts) if part[0] < part[1]]
            self._length = until
        return tags, scores

    def _with_room(self) -> Rows:
        """The state, with room for one more position at least."""
        state = self._state
        capacity, rows = state.cache.shape[1:3]
        if self._length == capacity:
            capacity = min(2 * capacity, self._most)
            slots = np.empty((len(state.slots), capacity), np.int32)
            slots[:, : self._length] = state.slots
            cache = _enlarged(state.cache, capacity, rows, self._length)
            positions = self._network.positions(capacity)
            self._state = state._replace(cache=cache, slots=slots, positions=positions)
        return self._state


def _enlarged(cache: np.ndarray, capacity: int, rows: int, length: int) -> np.ndarray:
    """The cache, or a copy of its first ``length`` positions with room for more positions or rows."""
    layers, has, slots, width = cache.shape
    if capacity <= has and rows <= slots:
        return cache
    larger = np.empty((layers, max(capacity, has), max(rows, slots), width), np.float32)
    larger[:, :length, :slots] = cache[:, :length]
    return larger


def _weights(
    config: ModelConfig, parameters: Mapping[str, np.ndarray], quantized: bool
) -> tuple[Weights, int]:
    """The parameters, and how many columns the memory's keys and values have."""
    norms: list[np.ndarray] = []
    linears: list[tuple[Sequence[np.ndarray], Sequence[np.ndarray]]] = []

    def norm(name: str) -> None:
        norms.append(np.stack([parameters[f"{name}.weight"], parameters[f"{name}.bias"]]))

    def linear(prefix: str, *names: str) -> None:
        """Layers of one input, side by side."""
        weights, biases = (
            [parameters[f"{prefix}.{name}.{part}"] for name in names] for part in ("weight", "bias")
        )
        linears.append((weights, biases))

    for layer in range(config.n_layers):
        prefix = f"encoder.layers.{layer}"
        norm(f"{prefix}.norm1")
        linear(f"{prefix}.self_attn", "q_proj", "k_proj", "v_proj")
        linear(f"{prefix}.self_attn", "out_proj")
        norm(f"{prefix}.norm2")
        linear(f"{prefix}.feed_forward", "linear1")
        linear(f"{prefix}.feed_forward", "linear2")
    for layer in range(config.n_layers):
        prefix = f"decoder.layers.{layer}"
        linear(f"{prefix}.cross_attn", "k_proj", "v_proj")
        norm(f"{prefix}.norm1")
        linear(f"{prefix}.self_attn", "q_proj", "k_proj", "v_proj")
        linear(f"{prefix}.self_attn", "out_proj")
        norm(f"{prefix}.norm2")
        linear(f"{prefix}.cross_attn", "q_proj")
        linear(f"{prefix}.cross_attn", "out_proj")
        norm(f"{prefix}.norm3")
        linear(f"{prefix}.feed_forward", "linear1")
        linear(f"{prefix}.feed_forward", "linear2")
    for side in ("encoder", "decoder"):
        if config.final_norm:
            norm(f"{side}.final_norm")
    if config.tied_embeddings:
        rows = parameters["decoder.embedding.weight"]
        linears.append(([rows.T], [parameters["decoder.output_projection.bias"]]))
    else:
        linear("decoder", "output_projection")

    table = np.zeros((len(linears), 5), np.int64)
    values: list[np.ndarray] = []
    starts: list[np.ndarray] = []
    scales: list[np.ndarray] = []
    biases: list[np.ndarray] = []
    at = column = 0
    for index, (weights, offsets) in enumerate(linears):
        if quantized:
            w = packed(weights, offsets)
            value, start, scale, bias = w.values, w.start, w.scale, w.bias
        else:
            value, bias = panels(np.concatenate(weights, axis=1), np.concatenate(offsets))
            start, scale = np.empty(0, np.int32), np.empty(0, np.float32)
        table[index] = quantized, at, column, weights[0].shape[0], len(bias)
        at, column = at + value.size, column + len(bias)
        values.append(value.reshape(-1))
        starts.append(start)
        scales.append(scale)
        biases.append(bias)
    together = _joined(values)
    empty = np.empty(0, np.float32)
    source, target = (
        np.require(parameters[f"{side}.embedding.weight"], np.float32, ("C", "W"))
        for side in ("encoder", "decoder")
    )
    return Weights(
        config.n_layers,
        config.n_heads,
        config.final_norm,
        sqrt(config.d_model) if config.embedding_scale else 1.0,
        config.d_ff,
        source,
        target,
        np.stack(norms).astype(np.float32),
        table,
        together if quantized else empty.astype(np.int8),
        empty if quantized else together,
        _joined(starts),
        _joined(scales),
        _joined(biases),
    ), int(table[passes.ENCODER_LINEARS * config.n_layers, passes.COLUMNS_OF])
