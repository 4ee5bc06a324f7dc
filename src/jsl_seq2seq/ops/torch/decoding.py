"""Translating on a GPU: few rows at a time, so what a tag costs is how many kernels it takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..base import Array
from .kernels.attend import attend
from .kernels.largest import largest
from .kernels.rows import rows_linear
from .linear import stacked
from .ops import TorchOps
from .waiting import WaitingLinear, WaitingNorm, WaitingWrite, now

_FEW_ROWS = 512
"""Up to here a product takes less time than a launch, and our own kernel saves launches."""


class DecodingOps(TorchOps):
    """PyTorch on CUDA, with Triton, for translating."""

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        x = now(x)
        usual = super().layer_norm
        if not _few(x):
            return usual(x, weight, bias, epsilon)
        return WaitingNorm(x, weight, bias, epsilon, lambda: usual(x, weight, bias, epsilon))

    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        if not _few(x):
            return super().linear(now(x), weight, bias)
        return WaitingLinear(x, weight, bias, lambda: _through(x, [weight], [bias])[0])

    def linears(self, x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> tuple[Array, ...]:
        if not _few(x) or len({weight.shape for weight in weights}) > 1:
            return super().linears(now(x), weights, biases)
        return tuple(_through(x, weights, biases))

    def relu(self, x: Array) -> Array:
        if isinstance(x, WaitingLinear) and x.waits:
            return _through(x.x, [x.weight], [x.bias], relu=True)[0]
        return super().relu(now(x))

    def add(self, a: Array, b: Array) -> Array:
        if isinstance(b, WaitingLinear) and b.waits and b.shape == a.shape:
            return _through(b.x, [b.weight], [b.bias], residual=now(a))[0]
        return super().add(now(a), now(b))

    def fused_attention(self, query: Array, key: Array, value: Array, mask: Array | None) -> Array | None:
        if query.shape[2] > 1 or not (mask is None or mask.shape[1] == mask.shape[2] == 1):
            return super().fused_attention(query, now(key), now(value), mask)
        newest = None
        if isinstance(key, WaitingWrite) and isinstance(value, WaitingWrite) and key.waits and value.waits:
            newest = key.values, value.values, key.place
            key.settle(key.buffer)
            value.settle(value.buffer)
        return attend(query, now(key), now(value), mask, newest)

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        if k > 1 or x.ndim != 2:
            return super().top_k(x, k)
        return largest(x)

    def write(self, buffer: Array, values: Array, start: int | Array) -> Array:
        usual = super().write
        if not isinstance(start, torch.Tensor) or values.shape[2] > 1:
            return usual(buffer, values, start)
        return WaitingWrite(buffer, values, start, lambda: usual(buffer, values, start))


def _few(x: Array) -> bool:
    return x.shape[:-1].numel() <= _FEW_ROWS


def _through(
    x: Array,
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor],
    relu: bool = False,
    residual: torch.Tensor | None = None,
) -> list[torch.Tensor]:
    """[..., I] -> n of [..., O], with a LayerNorm in front if ``x`` waits for one."""
    norm = None
    if isinstance(x, WaitingNorm) and x.waits:
        norm = (x.weight, x.bias, x.epsilon)
        x = x.x
    x = now(x)
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    if residual is not None:
        residual = residual.reshape(rows.shape[0], -1).contiguous()
    out = rows_linear(rows, stacked(weights), stacked(biases), norm, relu, residual)
    return [part.view(*x.shape[:-1], -1) for part in out.unbind()]
