"""Training on a GPU: what surrounds the products, fused into our own kernels.

A Pre-LN sublayer ends in x + drop(y W + b), and the next begins with its LayerNorm. Forward that is a product and
one kernel here, and backward two products and two; PyTorch's operations would take twice as many, and its sums
for biases and LayerNorm's parameters alone took a quarter of a deep model's step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from .deferred import Deferred, DeferredLinear, DeferredSum, computed
from .dropout import Drop
from .kernels.adam import adam_update
from .kernels.dropout import dropout
from .kernels.norm import add_norm, add_norm_backward
from .kernels.relu import relu_backward
from .kernels.sums import column_sums
from .linear import linears
from .ops import CudaOps

Array = Any
"""A tensor, or a :class:`~.deferred.Deferred` one."""


class TritonTrainingOps(CudaOps):
    """PyTorch on CUDA, with Triton, for training."""

    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        return self._linear(computed(x), weight, bias)

    def linears(self, x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> tuple[Array, ...]:
        if len({weight.shape for weight in weights}) > 1:
            return super().linears(x, weights, biases)
        return linears(computed(x), weights, biases, column_sums)

    def relu(self, x: Array) -> Array:
        if isinstance(x, DeferredLinear) and x.pending and x.drop is None:
            return _LinearRelu.apply(computed(x.x), x.weight, x.bias)
        return super().relu(computed(x))

    def dropout(self, x: Array, rate: float, key: Array, site: int) -> Array:
        if rate == 0:
            return x
        drop = self.drop(x, rate, key, site)
        if isinstance(x, DeferredLinear) and x.pending and x.drop is None:
            return self._linear(computed(x.x), x.weight, x.bias, drop)
        return _Dropout.apply(computed(x), drop)

    def add(self, a: Array, b: Array) -> Array:
        residual = computed(a)
        if isinstance(b, DeferredLinear) and b.pending and b.shape == residual.shape:
            return DeferredSum(residual, b, lambda: residual + b.tensor())
        return super().add(residual, computed(b))

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        if isinstance(x, DeferredSum) and x.pending:
            y = x.sublayer
            total, normed = _LinearAddNorm.apply(  # pyright: ignore[reportGeneralTypeIssues]
                computed(y.x), y.weight, y.bias, x.residual, weight, bias, epsilon, y.drop
            )
            x.set(total)
            return normed
        return super().layer_norm(computed(x), weight, bias, epsilon)

    def adam_update(
        self, parameters: Array, gradient: Array, m: Array, v: Array, rates: Array, betas: tuple[float, float]
    ) -> None:
        adam_update(parameters, gradient, m, v, rates, betas, self.bf16_copy(parameters))

    @staticmethod
    def _linear(
        x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, drop: Drop | None = None
    ) -> Deferred:
        def compute() -> torch.Tensor:
            (y,) = linears(x, [weight], [bias], column_sums)
            return y if drop is None else _Dropout.apply(y, drop)  # type: ignore[return-value]

        return DeferredLinear(x, weight, bias, compute, drop=drop)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, drop: Drop) -> torch.Tensor:
        ctx.drop = drop
        return dropout(x, drop)

    @staticmethod
    @once_differentiable
    def backward(ctx, g: torch.Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        return dropout(g, ctx.drop), None


class _LinearRelu(torch.autograd.Function):
    """max(0, x W + b)."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        y = torch.addmm(bias, _rows(x), weight).relu_()
        ctx.save_for_backward(x, weight, y)
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx, dy: torch.Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight, y = ctx.saved_tensors
        g, sums = relu_backward(_rows(dy), y)
        return (g @ weight.T).view(x.shape), _rows(x).T @ g, sums.to(weight.dtype)


class _LinearAddNorm(torch.autograd.Function):
    """t = residual + drop(x W + b) and LayerNorm(t): see :mod:`.kernels.norm`."""

    @staticmethod
    def forward(
        ctx,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        residual: torch.Tensor,
        gain: torch.Tensor,
        offset: torch.Tensor,
        epsilon: float,
        drop: Drop | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.addmm(bias, _rows(x), weight)
        total, normed = add_norm(_rows(residual), y, gain, offset, epsilon, drop)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, weight, total, gain)
        ctx.epsilon, ctx.drop = epsilon, drop
        return total.view(residual.shape), normed.view(residual.shape)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx, dtotal: torch.Tensor | None, dnormed: torch.Tensor | None
    ):
        x, weight, total, gain = ctx.saved_tensors
        dnormed = torch.zeros_like(total) if dnormed is None else _rows(dnormed)
        dtotal = None if dtotal is None else _rows(dtotal)
        dresidual, dy, sums = add_norm_backward(dtotal, dnormed, total, gain, ctx.epsilon, ctx.drop)
        dgain, doffset, dbias = sums.to(gain.dtype)
        dx, dweight = (dy @ weight.T).view(x.shape), _rows(x).T @ dy
        shape = (*x.shape[:-1], weight.shape[1])
        return dx, dweight, dbias, dresidual.view(shape), dgain, doffset, None, None


def _rows(x: torch.Tensor) -> torch.Tensor:
    """[..., D] -> [R, D], dense."""
    return x.reshape(-1, x.shape[-1]).contiguous()
