"""Whole passes through a network, each compiled as one function: encoding a batch, and decoding its rows.

The formulas are those of :mod:`jsl_seq2seq.model`; so are the names. What differs is where numbers stand. Sentences
are not padded: their tokens stand one behind the other, [N]. The keys and values of a layer's tokens are written once,
side by side; rows (hypotheses) have a sentence each, and find its keys by where it begins. In the decoder a position's
keys and values are written into the slot of the row that computed them, and every row has a list of the slots that its
earlier positions are in. So nothing is copied when rows are reordered, or leave.

No row's arithmetic depends on another row: rows may be computed in any company, and by several threads.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float32, float64, int8, int32, int64, intp, njit, types

from .float_tile import float_tile_of_one, float_tile_of_rows
from .kernels import dot_product, given, kernel, log_sum_row, mix, norm_row, part, to_bytes
from .tile import COLUMNS, ROWS, tile_of_one, tile_of_rows
from .vectors import LANES, softmax_of_lanes

EPSILON = 1e-5
BLOCK = 64
"""Rows that go through linear layers together: their numbers stay in the cache next to the core."""

QUANTIZED, VALUES, START, INPUTS, COLUMNS_OF = range(5)
"""Columns of :attr:`Weights.linears`."""
ENCODER_LINEARS, DECODER_LINEARS = 4, 7
"""Linear layers of a layer: in the encoder Q, K and V side by side, output, and two of the feed-forward; in the
decoder the memory's K and V, then Q, K and V, output, the cross-attention's Q, output, and two of the feed-forward."""
ENCODER_NORMS, DECODER_NORMS = 2, 3


class Weights(NamedTuple):
    """A network's parameters.

    Attributes:
        factor: what embeddings are multiplied by.
        source, target: the embeddings, [V, D].
        norms: [n, 2, D], weight and bias: those of the encoder's layers, of the decoder's, and the two final ones.
        linears: [n, 5] integers, in the same order, the output layer last: whether weights are bytes, where they begin
            in ``quantized`` or ``floats``, where columns begin in ``start``, ``scale`` and ``bias``, and how many
            inputs and (filled up) columns there are.
    """

    layers: int
    heads: int
    final_norm: bool
    factor: float
    hidden: int
    source: np.ndarray
    target: np.ndarray
    norms: np.ndarray
    linears: np.ndarray
    quantized: np.ndarray
    floats: np.ndarray
    start: np.ndarray
    scale: np.ndarray
    bias: np.ndarray


class Rows(NamedTuple):
    """The state of a batch's decoding.

    Attributes:
        begins: [B + 1], where each sentence's tokens begin.
        memory: [layers, N, columns], keys and values of the encoder's output.
        cache: [layers, C, slots, 2 D], keys and values of decoded positions.
        sentence: [R], of each row.
        slots: [R, C], the slot that each earlier position of a row is in.
        positions: [C, D], the positions' encodings.
        out_values, out_bias: the shortlist's output layer in panels; empty without.
        possible: [B, K] numbers that are added to logits of the shortlist: 0, or one that hides them.
        cooling: what logits are multiplied by; 1 over the temperature.
    """

    begins: np.ndarray
    memory: np.ndarray
    cache: np.ndarray
    sentence: np.ndarray
    slots: np.ndarray
    positions: np.ndarray
    out_values: np.ndarray
    out_bias: np.ndarray
    possible: np.ndarray
    cooling: float


def _array(kind: Any, axes: int) -> Any:
    return types.Array(kind, axes, "C")


_WEIGHTS: Any = types.NamedTuple(
    (
        *(intp, intp, boolean, float64, intp),
        *(_array(float32, 2), _array(float32, 2), _array(float32, 3), _array(int64, 2)),
        *(_array(int8, 1), _array(float32, 1), _array(int32, 1), _array(float32, 1), _array(float32, 1)),
    ),
    Weights,
)
_ROWS: Any = types.NamedTuple(
    (
        *(_array(intp, 1), _array(float32, 3), _array(float32, 4), _array(int32, 1), _array(int32, 2)),
        *(_array(float32, 2), _array(float32, 1), _array(float32, 1), _array(float32, 2), float64),
    ),
    Rows,
)


@njit(nogil=True, error_model="numpy")
def _float_linear(x, rows, inputs, values, bias, columns, out):
    """x W + b: the first ``inputs`` of [R, ...] -> the first ``columns`` of [R, ...]."""
    whole = rows - rows % ROWS
    stride = x.shape[1]
    for column in range(0, columns, COLUMNS):
        for row in range(0, whole, ROWS):
            float_tile_of_rows(x, row, stride, inputs, values, bias, column, out)
        for row in range(whole, rows):
            float_tile_of_one(x, row, stride, inputs, values, bias, column, out)


@njit(nogil=True, error_model="numpy")
def _linear(weights, index, x, rows, scratch, steps, out):
    """The same with a network's layer ``index``; ``scratch`` and ``steps`` are room for rows in bytes."""
    each = weights.linears[index]
    inputs, columns, first, start = each[INPUTS], each[COLUMNS_OF], each[VALUES], each[START]
    bias = weights.bias[start : start + columns]
    if not each[QUANTIZED]:
        _float_linear(x, rows, inputs, weights.floats[first:], bias, columns, out)
        return
    inner = (inputs + 3) // 4 * 4
    to_bytes(x, rows, inputs, inner, scratch, steps)
    values = weights.quantized[first:]
    starts, scale = weights.start[start : start + columns], weights.scale[start : start + columns]
    whole = rows - rows % ROWS
    for column in range(0, columns, COLUMNS):
        for row in range(0, whole, ROWS):
            tile_of_rows(scratch, row, inner, values, starts, scale, bias, column, steps, out)
        for row in range(whole, rows):
            tile_of_one(scratch, row, inner, values, starts, scale, bias, column, steps, out)


@part
def _norm(weights, index, x, rows, out):
    for r in range(rows):
        norm_row(x[r], weights.norms[index, 0], weights.norms[index, 1], EPSILON, out[r])


@part
def _add(x, rows, width, y):
    """x ← x + y."""
    for r in range(rows):
        for i in range(width):
            x[r, i] += y[r, i]


@part
def _embed(weights, embedding, token, position, out):
    factor = np.float32(weights.factor)
    for i in range(out.shape[0]):
        out[i] = embedding[token, i] * factor + position[i]


@njit(nogil=True, error_model="numpy")
def _feed_forward(weights, norm, linear, x, rows, normed, hidden, out, scratch, steps):
    """x ← x + FeedForward(LayerNorm(x))."""
    _norm(weights, norm, x, rows, normed)
    _linear(weights, linear, normed, rows, scratch, steps, hidden)
    for r in range(rows):
        for i in range(weights.hidden):
            hidden[r, i] = max(hidden[r, i], np.float32(0))
    _linear(weights, linear + 1, hidden, rows, scratch, steps, out)
    _add(x, rows, x.shape[1], out)


@part
def _widest(weights):
    """The most columns of a layer but the last, and the most inputs of one, filled up."""
    columns, inputs = 0, 0
    for n in range(weights.linears.shape[0] - 1):
        columns = max(columns, weights.linears[n, COLUMNS_OF])
    for n in range(weights.linears.shape[0]):
        inputs = max(inputs, weights.linears[n, INPUTS])
    return columns, (inputs + 3) // 4 * 4


@part
def _lanes(heads):
    """The heads, filled up to whole vectors."""
    return (heads + LANES - 1) // LANES * LANES


@njit(nogil=True, error_model="numpy")
def _attend(rows, count, queries, q, source, start, width, heads, scores, out, at):
    """All heads of one query, side by side in vectors: softmax(q · k[n] / √E) of each, and the values' mixture.

    Args:
        rows: where each key's row begins in ``source``; its keys stand at ``start``, values ``width`` behind them.
        scores: room for ``count`` times :func:`_lanes` numbers.
    """
    head, step = width // heads, _lanes(heads)
    factor = np.float32(1 / math.sqrt(head))
    for n in range(count):
        for h in range(heads):
            key = rows[n] + start + h * head
            scores[n * step + h] = factor * dot_product(queries, q + h * head, source, key, head)
        for h in range(heads, step):
            scores[n * step + h] = np.float32(0)
    for h in range(0, step, LANES):
        softmax_of_lanes(scores, h, count, step)
    for h in range(heads):
        mix(scores, h, step, source, rows, start + width + h * head, count, out, at + h * head, head)


def width_of_encoding(weights: Weights) -> int:
    """How many numbers of a token :func:`encode` keeps: x, the values' mixture, and Q, K and V."""
    return 2 * weights.source.shape[1] + int(weights.linears[0, COLUMNS_OF])


@kernel(types.void(_WEIGHTS, given(int32, 1), given(int32, 1), given(intp, 1), intp, intp, _array(float32, 2),
                   _array(float32, 3), _array(float32, 2)))  # fmt: skip
def encode(weights, tokens, places, begins, first, last, positions, memory, passing):
    """Encode sentences ``first`` to ``last`` and write the decoder's keys and values of them.

    Args:
        tokens: source ids of all sentences, [N].
        places: their positions, [N].
        begins: [B + 1].
        positions: [S, D].
        memory: [layers, N, columns].
        passing: [N, :func:`width_of_encoding`], room for what passes through the layers.
    """
    begin = begins[first]
    count = begins[last] - begin
    width, layers, heads = weights.source.shape[1], weights.layers, weights.heads
    columns, inner = _widest(weights)
    stride = weights.linears[0, COLUMNS_OF]
    room = passing[begin : begin + count].reshape(-1)
    mixed_flat, projected_flat = room[count * width : 2 * count * width], room[2 * count * width :]
    x, mixed = room[: count * width].reshape((count, width)), mixed_flat.reshape((count, width))
    projected = projected_flat.reshape((count, stride))
    normed, out = np.empty((BLOCK, width), np.float32), np.empty((BLOCK, columns), np.float32)
    hidden = np.empty((BLOCK, columns), np.float32)
    scratch, steps = np.empty(BLOCK * inner, np.uint8), np.empty(BLOCK, np.float32)
    rows = np.empty(count, np.intp)
    scores = np.empty(count * _lanes(heads), np.float32)
    for n in range(count):
        _embed(weights, weights.source, tokens[begin + n], positions[places[begin + n]], x[n])
    for layer in range(layers):
        norm, linear = ENCODER_NORMS * layer, ENCODER_LINEARS * layer
        for at in range(0, count, BLOCK):
            some = min(BLOCK, count - at)
            _norm(weights, norm, x[at:], some, normed)
            _linear(weights, linear, normed, some, scratch, steps, projected[at:])
        for sentence in range(first, last):
            start, end = begins[sentence] - begin, begins[sentence + 1] - begin
            for n in range(end - start):
                rows[n] = (start + n) * stride
            for n in range(start, end):
                _attend(
                    rows, end - start, projected_flat, n * stride, projected_flat, width, width, heads, scores,
                    mixed_flat, n * width,
                )  # fmt: skip
        for at in range(0, count, BLOCK):
            some = min(BLOCK, count - at)
            block = x[at:]
            _linear(weights, linear + 1, mixed[at:], some, scratch, steps, out)
            _add(block, some, width, out)
            _feed_forward(weights, norm + 1, linear + 2, block, some, normed, hidden, out, scratch, steps)
    for at in range(0, count, BLOCK):
        some = min(BLOCK, count - at)
        block = x[at:]
        if weights.final_norm:
            _norm(weights, weights.norms.shape[0] - 2, block, some, normed)
            block = normed
        for layer in range(layers):
            linear = ENCODER_LINEARS * layers + DECODER_LINEARS * layer
            _linear(weights, linear, block, some, scratch, steps, memory[layer, begin + at :])


class _Room(NamedTuple):
    """Arrays for what a step computes on its way, for as many rows."""

    x: np.ndarray
    normed: np.ndarray
    out: np.ndarray
    hidden: np.ndarray
    mixed: np.ndarray
    scratch: np.ndarray
    steps: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    logits: np.ndarray
    powers: np.ndarray


@njit(nogil=True, error_model="numpy")
def _room(weights, state, rows, position):
    width = weights.target.shape[1]
    columns, inner = _widest(weights)
    keys = position
    for n in range(state.begins.shape[0] - 1):
        keys = max(keys, state.begins[n + 1] - state.begins[n])
    last = weights.linears[weights.linears.shape[0] - 1, COLUMNS_OF]
    tags = max(last, state.out_bias.shape[0])
    return _Room(
        np.empty((rows, width), np.float32),
        np.empty((rows, width), np.float32),
        np.empty((rows, columns), np.float32),
        np.empty((rows, columns), np.float32),
        np.empty((rows, width), np.float32),
        np.empty(rows * inner, np.uint8),
        np.empty(rows, np.float32),
        np.empty(keys, np.intp),
        np.empty(keys * _lanes(weights.heads), np.float32),
        np.empty((rows, tags), np.float32),
        np.empty(tags, np.float32),
    )


@njit(nogil=True, error_model="numpy")
def _advance(weights, state, first, rows, position, latest, room):
    """One more position of ``rows`` rows from ``first`` on: their log-probabilities, the first columns of
    ``room.logits``, and how many columns those are."""
    width, layers, heads = weights.target.shape[1], weights.layers, weights.heads
    x, normed, out, hidden, mixed = room.x, room.normed, room.out, room.hidden, room.mixed
    cache, memory = state.cache.reshape(-1), state.memory.reshape(-1)
    queries, heads_out = hidden.reshape(-1), mixed.reshape(-1)
    stride = hidden.shape[1]
    slot_size = state.cache.shape[3]
    position_size = state.cache.shape[2] * slot_size
    layer_size = state.cache.shape[1] * position_size
    for r in range(rows):
        _embed(weights, weights.target, latest[first + r], state.positions[position], x[r])
        state.slots[first + r, position] = first + r
    for layer in range(layers):
        norm = ENCODER_NORMS * layers + DECODER_NORMS * layer
        linear = ENCODER_LINEARS * layers + DECODER_LINEARS * layer
        _norm(weights, norm, x, rows, normed)
        _linear(weights, linear + 1, normed, rows, room.scratch, room.steps, hidden)
        for r in range(rows):
            place = layer * layer_size + position * position_size + (first + r) * slot_size
            for i in range(2 * width):
                cache[place + i] = hidden[r, width + i]
        for r in range(rows):
            for n in range(position + 1):
                room.rows[n] = n * position_size + state.slots[first + r, n] * slot_size
            _attend(
                room.rows, position + 1, queries, r * stride, cache, layer * layer_size, width, heads,
                room.scores, heads_out, r * width,
            )  # fmt: skip
        _linear(weights, linear + 2, mixed, rows, room.scratch, room.steps, out)
        _add(x, rows, width, out)
        _norm(weights, norm + 1, x, rows, normed)
        _linear(weights, linear + 3, normed, rows, room.scratch, room.steps, hidden)
        columns = state.memory.shape[2]
        for r in range(rows):
            sentence = state.sentence[first + r]
            begin, end = state.begins[sentence], state.begins[sentence + 1]
            for n in range(end - begin):
                room.rows[n] = n * columns
            _attend(
                room.rows, end - begin, queries, r * stride, memory,
                (layer * state.memory.shape[1] + begin) * columns, width, heads, room.scores, heads_out, r * width,
            )  # fmt: skip
        _linear(weights, linear + 4, mixed, rows, room.scratch, room.steps, out)
        _add(x, rows, width, out)
        _feed_forward(weights, norm + 2, linear + 5, x, rows, normed, hidden, out, room.scratch, room.steps)
    if weights.final_norm:
        _norm(weights, weights.norms.shape[0] - 1, x, rows, normed)
        x = normed
    count = state.possible.shape[1]
    if count:
        _float_linear(x, rows, width, state.out_values, state.out_bias, state.out_bias.shape[0], room.logits)
    else:
        count = weights.target.shape[0]
        _linear(weights, weights.linears.shape[0] - 1, x, rows, room.scratch, room.steps, room.logits)
    for r in range(rows):
        scores = room.logits[r, :count]
        if state.possible.shape[1]:
            possible = state.possible[state.sentence[first + r]]
            for i in range(count):
                scores[i] += possible[i]
        if state.cooling != 1:
            for i in range(count):
                scores[i] *= np.float32(state.cooling)
        largest = scores[0]
        for i in range(1, count):
            largest = max(largest, scores[i])
        shift = log_sum_row(scores, largest, room.powers)
        for i in range(count):
            scores[i] -= shift
    return count


@kernel(types.void(_WEIGHTS, _ROWS, intp, intp, intp, _array(int32, 1), _array(float32, 2)))
def step(weights, state, first, last, position, latest, log_probs):
    """One more position of rows ``first`` to ``last``: the latest tags [R] -> their log-probabilities [R, K]."""
    rows = last - first
    room = _room(weights, state, rows, position + 1)
    count = _advance(weights, state, first, rows, position, latest, room)
    for r in range(rows):
        for i in range(count):
            log_probs[first + r, i] = room.logits[r, i]


@kernel(intp(_WEIGHTS, _ROWS, intp, intp, intp, intp, _array(int32, 1), int32, given(int32, 1), _array(int32, 2),
             _array(float64, 2)))  # fmt: skip
def greedy(weights, state, first, rows, position, most, latest, end, never, tags, scores):
    """The most probable tag of ``rows`` rows from ``first`` on, from ``position`` to ``most`` or until all have ended.

    Rows that end leave; those that stay move up, in order.

    Args:
        latest: [R], the tags before; those of the rows that stay afterwards.
        never: tags that are never chosen.
        tags, scores: [B, C], one row for each sentence; the tags and their log-probabilities are written there.

    Returns:
        How many rows have not ended.
    """
    room = _room(weights, state, rows, most)
    while position < most and rows > 0:
        count = _advance(weights, state, first, rows, position, latest, room)
        stay = 0
        for r in range(rows):
            for tag in never:
                room.logits[r, tag] = -np.inf
            best = 0
            for tag in range(1, count):
                if room.logits[r, tag] > room.logits[r, best]:
                    best = tag
            sentence = state.sentence[first + r]
            tags[sentence, position], scores[sentence, position] = best, room.logits[r, best]
            if best != end:
                latest[first + stay], state.sentence[first + stay] = best, sentence
                if stay != r:
                    for n in range(position + 1):
                        state.slots[first + stay, n] = state.slots[first + r, n]
                stay += 1
        rows = stay
        position += 1
    return rows
