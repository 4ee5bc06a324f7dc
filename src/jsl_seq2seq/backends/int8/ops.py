"""NumPy's operations with whole networks compiled, and those of weights of one byte besides."""

# Arrays are np.ndarray here, narrower than the interface's: a backend is only handed arrays that it made.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numba
import numpy as np

from ...settings import ModelConfig
from ..interface import Mask
from ..network import Network, NetworkDecodingOps
from ..numpy import NumpyDecodingOps
from . import kernels
from .tile import MACHINE
from .weights import PackedWeights, packed

Array = np.ndarray

_EVERYTHING = np.ones((1, 1, 1, 1), bool)


class CompiledOps(NumpyDecodingOps, NetworkDecodingOps):
    """The CPU, for translating in float32: NumPy's operations, and networks compiled as one."""

    name = "numba"

    def __init__(self) -> None:
        super().__init__(None)
        self.device = f"CPU (Numba {numba.__version__})"
        self._networks: dict[int, tuple[Network, object]] = {}
        """By the ids of the parameters, which are kept so that no other mapping gets the same id."""

    def network(
        self, config: ModelConfig, parameters: Mapping[str, Any], positions: Callable[[int], Any]
    ) -> Network:
        from .network import CompiledNetwork  # noqa: PLC0415  compiles for seconds, once, what one operation needs not

        key = id(parameters)
        if key not in self._networks:
            self._networks[key] = (
                CompiledNetwork(config, parameters, positions, self.precision),
                parameters,
            )
        return self._networks[key][0]


class Int8Ops(CompiledOps):
    """The CPU, for translating. Everything but the linear layers stays float32.

    Weights are quantized at their first use, and must not change afterwards.
    """

    name, precision = "ndarray", "int8"

    def __init__(self) -> None:
        super().__init__()
        self.device = f"CPU (Numba {numba.__version__}、{MACHINE.name})"
        self._packed: dict[tuple[int, ...], tuple[PackedWeights, object]] = {}
        """By the ids of the arrays they were made from, which are kept so that no other array gets the same id."""

    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        y = self._products(x, [weight], [bias])
        return y.reshape(*x.shape[:-1], -1)

    def linears(self, x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> tuple[Array, ...]:
        y = self._products(x, weights, biases)
        parts, at = [], 0
        for bias in biases:
            end = at + bias.shape[0]
            parts.append(y[:, at:end].reshape(*x.shape[:-1], -1))
            at = end
        return tuple(parts)

    def matmul(self, a: Array, b: Array, transpose_b: bool = False) -> Array:
        if not transpose_b or b.ndim > 2:
            return super().matmul(a, b, transpose_b)
        return self._products(a, [b], None).reshape(*a.shape[:-1], -1)  # an embedding that serves as weights

    def relu(self, x: Array) -> Array:
        return kernels.relu(_rows(x)).reshape(x.shape)

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        return kernels.layer_norm(_rows(x), weight, bias, epsilon).reshape(x.shape)

    def log_softmax(self, logits: Array) -> Array:
        rows = _rows(logits)
        return kernels.log_softmax(rows, rows.max(axis=1)).reshape(logits.shape)

    def fused_attention(self, query: Array, key: Array, value: Array, mask: Mask | None) -> Array | None:
        seen: Any = _EVERYTHING if mask is None else mask.array
        sizes = (query.shape[0], 1, query.shape[2], key.shape[2])
        if any(has not in (1, wanted) for has, wanted in zip(seen.shape, sizes, strict=True)):
            return None  # of another shape than the model's masks
        return kernels.attend(query, key, value, seen).transpose(0, 2, 1, 3)

    def _products(self, x: Array, weights: Sequence[Array], biases: Sequence[Array] | None) -> Array:
        """[..., I] through linear layers side by side -> [R, Σ O]; without biases, through one layer's rows [O, I]."""
        key = tuple(map(id, weights if biases is None else (*weights, *biases)))
        if key not in self._packed:
            columns = ([weights[0].T], [np.zeros(len(weights[0]))]) if biases is None else (weights, biases)
            self._packed[key] = packed(*columns), (weights, biases)
        w = self._packed[key][0]
        assert x.shape[-1] == w.inputs, "as many inputs as weights"
        y = kernels.linear(_rows(x), w.values, w.start, w.scale, w.bias, w.inner)
        return y if y.shape[1] == w.width else y[:, : w.width]


def _rows(x: Array) -> Array:
    """[..., D] -> [R, D], dense."""
    return np.ascontiguousarray(x.reshape(-1, x.shape[-1]), np.float32)
