"""What is compiled: linear layers in bytes, and LayerNorm, attention and the like in one pass each.

Sums that run along a sentence are added up in order and skip what is masked, and no row looks at another: a sentence
comes out the same to the last bit, alone or in a batch, with a cache or without.
"""

from __future__ import annotations

import math
from contextlib import suppress
from hashlib import sha256
from importlib import resources
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numba import boolean, float32, float64, int8, int32, intp, njit, types

from .tile import COLUMNS, MACHINE, ROWS, tile_of_one, tile_of_rows
from .vectors import (
    BYTES,
    LANES,
    WIDE,
    WIDER,
    flat,
    mixture_of_one,
    mixture_of_wide,
    mixture_of_wider,
    product,
    rounded_bytes,
)

_ZERO = MACHINE.zero


def given(kind: Any, axes: int, layout: str = "C") -> Any:
    """An array that is only read; writable ones may be given, too."""
    return types.Array(kind, axes, layout, readonly=True)


_ROW, _ROWS, _HEADS = given(float32, 1), given(float32, 2), given(float32, 4, "A")
_NEW_ROWS = types.Array(float32, 2, "C")


def _written(name: str) -> bytes:
    """A module of this folder as it is written, in an archive, too; its byte code where nothing else is shipped."""
    folder = resources.files(__name__.rpartition(".")[0])
    with suppress(OSError):
        return (folder / f"{name}.py").read_bytes()
    return (folder / f"{name}.pyc").read_bytes()


_WRITERS = sha256(
    b"".join(_written(name) for name in ("emit", "float_tile", "kernels", "passes", "tile", "vectors"))
).hexdigest()[:16]
"""Part of the names that compiled kernels are kept under: Numba itself notices a change of this file only."""

_REORDERED = {"reassoc", "contract", "arcp", "nsz"}
"""Sums may be added up in another order; what is no number stays none."""


def kernel(signature: Any, **options: Any) -> Any:
    """Compiled when this file is imported, for one kind of arrays; the next process finds it on disk."""

    def compiled(function: Any) -> Any:
        function.__qualname__ += "_" + _WRITERS
        options.update(nogil=True, error_model="numpy")
        try:
            return njit(signature, cache=True, **options)(function)
        except (RuntimeError, OSError):
            # nowhere to keep it, as on a server whose disks are read-only, or full
            return njit(signature, **options)(function)
        except (EOFError, ValueError, UnpicklingError):
            # what was kept is cut short: begin again
            unread: Any = njit(cache=True, **options)(function)
            unread._cache.flush()
            return njit(signature, cache=True, **options)(function)

    return compiled


part: Any = njit(nogil=True, inline="always")
"""Part of a kernel."""


@part
def to_bytes(x, rows, width, inner, out, steps):
    """Each row as whole multiples of a step of its own, shifted: dense [R, I] -> bytes [R, inner], steps [R].

    What a row is filled up with does not matter: the weights there are 0.
    """
    words = x.view(np.int32)
    for r in range(rows):
        # the largest |x|, found among integers: they are in the same order, and LLVM makes vectors of their maximum
        largest = np.int32(0)
        for i in range(width):
            largest = max(largest, words[r, i] & np.int32(0x7FFFFFFF))
        step = np.int32(largest).view(np.float32) / np.float32(127)
        each = np.float32(1) / step if step > 0 else np.float32(0)
        whole = width - width % BYTES
        if whole > 0:
            rounded_bytes(x, r * x.shape[1], each, np.int32(_ZERO), whole, out, r * inner)
        for i in range(whole, width):
            out[r * inner + i] = np.uint8(np.int32(np.rint(x[r, i] * each)) + _ZERO)
        steps[r] = step


@kernel(_NEW_ROWS(_ROWS, given(int8, 1), given(int32, 1), _ROW, _ROW, intp))
def linear(x, values, start, scale, bias, inner):
    """x W + b: [R, I] -> [R, columns]; the rest is :class:`.weights.PackedWeights`."""
    rows, columns = x.shape[0], bias.shape[0]
    inputs, row_scales = np.empty(rows * inner, np.uint8), np.empty(rows, np.float32)
    to_bytes(x, rows, x.shape[1], inner, inputs, row_scales)
    out = np.empty((rows, columns), np.float32)
    whole = rows - rows % ROWS
    for column in range(0, columns, COLUMNS):
        for row in range(0, whole, ROWS):
            tile_of_rows(inputs, row, inner, values, start, scale, bias, column, row_scales, out)
        for row in range(whole, rows):
            tile_of_one(inputs, row, inner, values, start, scale, bias, column, row_scales, out)
    return out


@kernel(_NEW_ROWS(_ROWS))
def relu(x):
    """max(0, x): [R, D] -> [R, D]."""
    out = np.empty_like(x)
    for r in range(x.shape[0]):
        for i in range(x.shape[1]):
            out[r, i] = max(x[r, i], np.float32(0))
    return out


@njit(nogil=True, error_model="numpy", fastmath=_REORDERED)
def norm_row(x, weight, bias, epsilon, out):
    """(x - mean) / √(var + ε) · weight + bias: [D] -> [D]."""
    width = x.shape[0]
    total = np.float32(0)
    for i in range(width):
        total += x[i]
    mean = total / np.float32(width)
    squares = np.float32(0)
    for i in range(width):
        squares += (x[i] - mean) * (x[i] - mean)
    factor = np.float32(1) / np.sqrt(squares / np.float32(width) + np.float32(epsilon))
    for i in range(width):
        out[i] = (x[i] - mean) * factor * weight[i] + bias[i]


@kernel(_NEW_ROWS(_ROWS, _ROW, _ROW, float64))
def layer_norm(x, weight, bias, epsilon):
    """:func:`norm_row` of every row: [R, D] -> [R, D]."""
    out = np.empty_like(x)
    for r in range(x.shape[0]):
        norm_row(x[r], weight, bias, epsilon, out[r])
    return out


@njit(nogil=True)
def exp_in_place(x, count):
    """x[n] ← exp(x[n]) in place, for numbers that are not above 0.

    exp(a) = 2^k · exp(r) with k = round(a / ln 2) and |r| <= ln 2 / 2, where Taylor's polynomial of degree 6 is right
    to 1.2e-7. Written out because LLVM makes vectors of this, and not of a call of the C library's.
    """
    for n in range(count):
        a = max(x[n], np.float32(-87))
        k = np.rint(a * np.float32(1.4426950408889634))
        # ln 2 in two parts, of which the first is short: k times it is exact
        r = a - k * np.float32(0.693359375)
        r = r + k * np.float32(2.12194440e-4)
        p = np.float32(1 / 720)
        p = p * r + np.float32(1 / 120)
        p = p * r + np.float32(1 / 24)
        p = p * r + np.float32(1 / 6)
        p = p * r + np.float32(0.5)
        p = p * r + np.float32(1)
        p = p * r + np.float32(1)
        x[n] = p * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)


@njit(nogil=True, error_model="numpy", fastmath=_REORDERED)
def log_sum_row(x, largest, powers):
    """log Σ exp(x): [V], the largest of them, and room for V numbers -> a number."""
    for i in range(x.shape[0]):
        powers[i] = x[i] - largest
    exp_in_place(powers, x.shape[0])
    total = np.float32(0)
    for i in range(x.shape[0]):
        total += powers[i]
    return largest + np.float32(math.log(total))


@kernel(_NEW_ROWS(_ROWS, _ROW))
def log_softmax(x, largest):
    """x - log Σ exp(x): [R, V], and each row's largest [R] -> [R, V]."""
    out = np.empty_like(x)
    powers = np.empty(x.shape[1], np.float32)
    for r in range(x.shape[0]):
        shift = log_sum_row(x[r], largest[r], powers)
        for i in range(x.shape[1]):
            out[r, i] = x[r, i] - shift
    return out


@part
def _place(x, i, j, k):
    """Where x[i, j, k] begins, in numbers from x's first."""
    return (i * x.strides[0] + j * x.strides[1] + k * x.strides[2]) // 4


@part
def dot_product(a, i, b, j, width):
    """Σ a[i + e] · b[j + e]."""
    whole = width - width % LANES
    total = product(a, i, b, j, whole) if whole > 0 else np.float32(0)
    for e in range(whole, width):
        total += a[i + e] * b[j + e]
    return total


@part
def _softmax(x, count):
    """The first ``count`` of x, in place."""
    largest = x[0]
    for n in range(1, count):
        largest = max(largest, x[n])
    for n in range(count):
        x[n] -= largest
    exp_in_place(x, count)
    total = np.float32(0)
    for n in range(count):
        total += x[n]
    for n in range(count):
        x[n] /= total


@part
def mix(weights, first, step, values, rows, start, count, out, at, width):
    """out[at + e] = Σ weights[first + n · step] · values[rows[n] + start + e]."""
    e = 0
    while e + WIDER * LANES <= width:
        mixture_of_wider(weights, first, step, values, rows, count, start + e, out, at + e)
        e += WIDER * LANES
    while e + WIDE * LANES <= width:
        mixture_of_wide(weights, first, step, values, rows, count, start + e, out, at + e)
        e += WIDE * LANES
    while e + LANES <= width:
        mixture_of_one(weights, first, step, values, rows, count, start + e, out, at + e)
        e += LANES
    while e < width:
        total = np.float32(0)
        for n in range(count):
            total += weights[first + n * step] * values[rows[n] + start + e]
        out[at + e] = total
        e += 1


@njit(nogil=True, error_model="numpy")
def attend_row(
    queries, q, keys, key_rows, key_start, values, value_rows, value_start, count, width, weights, out, at
):
    """One head of one query: out[at + e] = Σ softmax(q · k[n] / √E)[n] · v[n, e] over ``count`` keys, at least one.

    ``q``, ``at``, ``start + rows[n]`` are where numbers begin in arrays of one axis; ``weights`` is room for S numbers.
    """
    factor = np.float32(1 / math.sqrt(width))
    for n in range(count):
        weights[n] = factor * dot_product(queries, q, keys, key_rows[n] + key_start, width)
    _softmax(weights, count)
    mix(weights, 0, 1, values, value_rows, value_start, count, out, at, width)


@kernel(types.Array(float32, 4, "C")(_HEADS, _HEADS, _HEADS, given(boolean, 4, "A")))
def attend(query, key, value, mask):
    """softmax(Q Kᵀ / √E) V: [B, H, T, E], twice [B, H, S, E], [B or 1, 1, T or 1, S or 1] -> [B, T, H, E].

    Last axes are dense and no stride is negative. A fully masked row is zeros.
    """
    batch, heads, length, width = query.shape
    places = key.shape[2]
    out = np.zeros((batch, length, heads, width), np.float32)
    queries, keys, values, mixtures = flat(query), flat(key), flat(value), flat(out)
    key_step, value_step = key.strides[2] // 4, value.strides[2] // 4
    weights = np.empty(places, np.float32)
    key_rows, value_rows = np.empty(places, np.intp), np.empty(places, np.intp)
    for b in range(batch):
        for t in range(length):
            count = 0
            for s in range(places):
                if mask[min(b, mask.shape[0] - 1), 0, min(t, mask.shape[2] - 1), min(s, mask.shape[3] - 1)]:
                    key_rows[count], value_rows[count] = s * key_step, s * value_step
                    count += 1
            if count == 0:
                continue
            for h in range(heads):
                attend_row(
                    queries, _place(query, b, h, t), keys, key_rows, _place(key, b, h, 0), values, value_rows,
                    _place(value, b, h, 0), count, width, weights, mixtures, _place(out, b, t, h),
                )  # fmt: skip
    return out
