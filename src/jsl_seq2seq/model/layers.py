"""The layers around attention: linear, layer norm, feed-forward, embedding, dropout."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

from ..backends.interface import Array, DecodingOps, InferenceOps, TrainingOps

Regularizer = Callable[[Array], Array]
"""Applied to each sublayer's output: :class:`Dropout` in training, :func:`identity` otherwise."""


def identity(x: Array) -> Array:
    """x: the regularizer of inference."""
    return x


class Dropout:
    """The dropout of one training step; every call zeroes different elements.

    Args:
        key: [1] unsigned 32-bit, new for each step.
    """

    def __init__(self, ops: TrainingOps, rate: float, key: Array) -> None:
        self._ops, self._rate, self._key, self._calls = ops, rate, key, 0

    def __call__(self, x: Array) -> Array:
        self._calls += 1
        return self._ops.dropout(x, self._rate, self._key, site=self._calls)


class Linear:
    """x W + b: [..., I] -> [..., O]."""

    def __init__(self, ops: InferenceOps, parameters: Mapping[str, Array], name: str) -> None:
        self._ops = ops
        self.weight, self.bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]

    def __call__(self, x: Array) -> Array:
        return self._ops.linear(x, self.weight, self.bias)

    def shortlist(self, ops: DecodingOps, columns: Array) -> ShortlistLinear:
        """The same layer with these columns [K] of its output alone."""
        return ShortlistLinear(ops, ops.transpose(self.weight, (1, 0)), self.bias, columns)


def linears(ops: InferenceOps, x: Array, layers: Sequence[Linear]) -> tuple[Array, ...]:
    """Several linear layers of one input: [..., I] -> [..., O] from each."""
    return ops.linears(x, [layer.weight for layer in layers], [layer.bias for layer in layers])


class LayerNorm:
    """(x - mean) / sqrt(var + ε) · weight + bias: [..., D] -> [..., D] (Ba et al. 2016)."""

    def __init__(self, ops: InferenceOps, parameters: Mapping[str, Array], name: str) -> None:
        self._ops = ops
        self._weight, self._bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]

    def __call__(self, x: Array) -> Array:
        return self._ops.layer_norm(x, self._weight, self._bias)


class TiedLinear:
    """x Eᵀ + b with the rows of an embedding E [V, D] for weights: [B, T, D] -> [B, T, V] (Press & Wolf 2017)."""

    def __init__(self, ops: InferenceOps, parameters: Mapping[str, Array], embedding: str, name: str) -> None:
        self._ops = ops
        self._weight, self._bias = parameters[f"{embedding}.weight"], parameters[f"{name}.bias"]

    def __call__(self, x: Array) -> Array:
        ops = self._ops
        rows = ops.matmul(ops.reshape(x, (-1, x.shape[-1])), self._weight, transpose_b=True)
        return ops.reshape(ops.add(rows, self._bias), (*x.shape[:-1], -1))

    def shortlist(self, ops: DecodingOps, columns: Array) -> ShortlistLinear:
        """The same layer with these columns [K] of its output alone."""
        return ShortlistLinear(ops, self._weight, self._bias, columns)


class ShortlistLinear:
    """Some columns of an output layer: x W[c]ᵀ + b[c], [B, T, D] -> [B, T, K] (Jean et al. 2015, §3).

    Args:
        weight: [V, D].
        bias: [V].
        columns: integers [K].
    """

    def __init__(self, ops: DecodingOps, weight: Array, bias: Array, columns: Array) -> None:
        self._ops = ops
        # with a leading axis, so that a backend that prepares two-dimensional weights once does not prepare these
        self._weight = ops.reshape(ops.gather_rows(weight, columns), (1, columns.shape[0], weight.shape[1]))
        self._bias = ops.reshape(ops.gather_rows(ops.reshape(bias, (-1, 1)), columns), (-1,))

    def __call__(self, x: Array) -> Array:
        ops = self._ops
        rows = ops.matmul(ops.reshape(x, (1, -1, x.shape[-1])), self._weight, transpose_b=True)
        return ops.reshape(ops.add(rows, self._bias), (*x.shape[:-1], -1))


class FeedForward:
    """FFN(x) = max(0, x W₁ + b₁) W₂ + b₂: [..., D] -> [..., D] (Vaswani et al. 2017, §3.3, eq. 2)."""

    def __init__(self, ops: InferenceOps, parameters: Mapping[str, Array], name: str) -> None:
        self._ops = ops
        self._linear1 = Linear(ops, parameters, f"{name}.linear1")
        self._linear2 = Linear(ops, parameters, f"{name}.linear2")

    def __call__(self, x: Array) -> Array:
        return self._linear2(self._ops.relu(self._linear1(x)))


@dataclass(frozen=True)
class Positions:
    """The positions of a batch's tokens, if not 0, 1, 2, ...

    Attributes:
        source: [S] integers.
        target: [T] integers.
        capacity: an upper bound of all positions, exclusive.
    """

    source: Array
    target: Array
    capacity: int


class Embedding:
    """A token's vector, times √D, plus its position's encoding (Vaswani et al. 2017, §3.4 and §3.5).

    The encoding is computed, not learned, so it exists for any length.

    Args:
        scaled: whether to multiply by √D.
    """

    def __init__(
        self, ops: InferenceOps, parameters: Mapping[str, Array], name: str, scaled: bool = True
    ) -> None:
        self._ops, self._scaled = ops, scaled
        self._weight = parameters[f"{name}.weight"]
        self._positions: dict[tuple[int, int], Array] = {}
        self._tables: dict[int, Array] = {}

    def __call__(self, ids: Array, start: int = 0) -> Array:
        """[B, T] integers at positions ``start``, ``start + 1``, ... -> [B, T, D]."""
        return self._ops.add(self._vectors(ids), self.positions(start, ids.shape[1]))

    def at(self, ids: Array, positions: Array, capacity: int) -> Array:
        """[B, T] integers at ``positions``, an integer array [T] of values below ``capacity`` -> [B, T, D]."""
        return self._ops.add(self._vectors(ids), self._ops.embedding(self.positions(0, capacity), positions))

    def _vectors(self, ids: Array) -> Array:
        vectors = self._ops.embedding(self._weight, ids)
        return self._ops.scale(vectors, math.sqrt(self._weight.shape[1])) if self._scaled else vectors

    def positions(self, start: int, length: int) -> Array:
        """PE of ``start``, ``start + 1``, ...: [length, D]. Computed once.

        What begins at 0 is the beginning of one table, so that the lengths that have been seen cost nothing.
        """
        if start == 0 and length:
            return self._beginning(length)
        if (start, length) not in self._positions:
            rows = [sinusoid(position, self._weight.shape[1]) for position in range(start, start + length)]
            self._positions[start, length] = self._ops.array(rows)
        return self._positions[start, length]

    def _beginning(self, length: int) -> Array:
        """The first ``length`` rows of the smallest table that has them. A table has 2^k rows, and stays where it is:
        captured steps may refer to it. All together have less than twice as many rows as the largest."""
        width = self._weight.shape[1]
        rows = max(_SMALLEST_TABLE, 1 << (length - 1).bit_length())
        if rows not in self._tables:
            self._tables[rows] = self._ops.array(_sinusoids(rows, width))
        return self._ops.beginning(self._tables[rows], (length, width))


_SMALLEST_TABLE = 16


def sinusoid(position: int, d_model: int) -> list[float]:
    """PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos(the same) (Vaswani et al. 2017, §3.5)."""
    angles = (position / 10000 ** (2 * i / d_model) for i in range(d_model // 2))
    return [wave(angle) for angle in angles for wave in (math.sin, math.cos)]


@cache
def _sinusoids(rows: int, d_model: int) -> array[float]:
    """PE of 0, 1, ..., rows - 1, one after the other: the same for every embedding of that width."""
    return array("d", chain.from_iterable(sinusoid(position, d_model) for position in range(rows)))
