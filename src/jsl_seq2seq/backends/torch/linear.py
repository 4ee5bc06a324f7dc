"""Several linear layers of one input as one matrix product.

On a GPU a small product costs its launch. Q, K and V of one attention are three products forward, and backward
six products, three sums and two additions of gradients; side by side they are one, and two and two sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.autograd.function import once_differentiable

_FEW_ROWS = 2048
"""Up to here a product takes less time than its launch, so one kernel less is worth some more arithmetic."""

ColumnSums = Callable[[torch.Tensor], torch.Tensor]
"""Σ over the rows: [n, R, O] -> [n, O]."""


def linears(
    x: torch.Tensor,
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor],
    column_sums: ColumnSums = lambda g: g.sum(dim=1),
) -> tuple[torch.Tensor, ...]:
    """x Wᵢ + bᵢ for each i: [..., I] x n of [I, O] + n of [O] -> n of [..., O]."""
    return _Linears.apply(x, column_sums, len(weights), *weights, *biases)  # type: ignore[return-value]


class _Linears(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, x: torch.Tensor, column_sums: ColumnSums, n: int, *parameters: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        weights, biases = parameters[:n], parameters[n:]
        rows = x.reshape(-1, x.shape[-1])
        if n > 1 and rows.shape[0] <= _FEW_ROWS:  # parameters lie evenly spaced: only biases are copied
            together = torch.baddbmm(stacked(biases)[:, None], rows.expand(n, -1, -1), stacked(weights))
            parts, wide = together.unbind(), None
        else:
            wide = torch.cat(weights, dim=1) if n > 1 else weights[0]
            bias = torch.cat(biases) if n > 1 else biases[0]
            parts = torch.addmm(bias, rows, wide).chunk(n, dim=1)
        ctx.column_sums, ctx.n = column_sums, n
        ctx.save_for_backward(x, *(weights if wide is None else (wide,)))
        return tuple(part.view(*x.shape[:-1], -1) for part in parts)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx, *gradients: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        # dx = Σ Gᵢ Wᵢᵀ = [G₁ ... Gₙ] [W₁ ... Wₙ]ᵀ,  dWᵢ = xᵀ Gᵢ,  dbᵢ = Σ Gᵢ
        x, *weights = ctx.saved_tensors
        n, rows = ctx.n, x.reshape(-1, x.shape[-1])
        count = rows.shape[0]
        if len(weights) < n or n == 1:  # all of them side by side in one
            beside = [gradient.reshape(count, -1) for gradient in gradients]
            wide = torch.cat(beside, dim=1) if n > 1 else beside[0]
            dx = wide @ weights[0].T
            g = wide.view(count, n, -1).transpose(0, 1)  # [n, rows, O]
        else:
            g = stacked([gradient.reshape(count, -1) for gradient in gradients])
            dx = torch.bmm(g, stacked(weights).mT).sum(dim=0)
        dweights = torch.bmm(rows.T.expand(n, -1, -1), g)
        dbiases = ctx.column_sums(g).to(x.dtype)
        return dx.view(x.shape), None, None, *dweights.unbind(), *dbiases.unbind()


def stacked(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """``torch.stack``, without moving anything if the parts lie evenly spaced in one memory already."""
    first = parts[0]
    if len(parts) == 1:
        return first[None]
    step = (parts[1].data_ptr() - first.data_ptr()) // first.element_size()
    even = step > 0 and all(
        part.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        and part.stride() == first.stride()
        and part.data_ptr() == first.data_ptr() + i * step * first.element_size()
        for i, part in enumerate(parts)
    )
    if not even:
        return torch.stack(tuple(parts))
    return first.detach().as_strided((len(parts), *first.shape), (step, *first.stride()))
