"""Several linear layers of one input as one matrix product.

On a GPU a small product costs its launch. Q, K and V of one attention are three products forward, and backward
six products, three sums and two additions of gradients; side by side they are one, and two and two sums.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.autograd.function import once_differentiable

_FEW_ROWS = 2048
"""Up to here a product takes less time than its launch, so two launches are better than three."""


def linears(
    x: torch.Tensor, weights: Sequence[torch.Tensor], biases: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    """x Wᵢ + bᵢ for each i: [..., I] x n of [I, O] + n of [O] -> n of [..., O]."""
    return _Linears.apply(x, len(weights), *weights, *biases)  # type: ignore[return-value]


class _Linears(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, n: int, *parameters: torch.Tensor) -> tuple[torch.Tensor, ...]:
        weights, biases = parameters[:n], parameters[n:]
        ctx.save_for_backward(x, *weights)
        rows = x.reshape(-1, x.shape[-1])
        if rows.shape[0] <= _FEW_ROWS:  # parameters lie evenly spaced: nothing is copied but the biases
            together = torch.baddbmm(stacked(biases)[:, None], rows.expand(n, -1, -1), stacked(weights))
            parts = together.unbind()
        else:
            parts = torch.addmm(torch.cat(biases), rows, torch.cat(weights, dim=1)).chunk(n, dim=1)
        return tuple(part.view(*x.shape[:-1], -1) for part in parts)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx, *gradients: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        # dx = Σ Gᵢ Wᵢᵀ,  dWᵢ = xᵀ Gᵢ,  dbᵢ = Σ Gᵢ
        x, *weights = ctx.saved_tensors
        n, rows = len(weights), x.reshape(-1, x.shape[-1])
        g = stacked([gradient.reshape(rows.shape[0], -1) for gradient in gradients])  # [n, rows, O]
        dx = torch.bmm(g, stacked(weights).mT).sum(dim=0).view(x.shape)
        dweights = torch.bmm(rows.T.expand(n, -1, -1), g)
        return dx, None, *dweights.unbind(), *g.sum(dim=1).unbind()


def stacked(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """``torch.stack``, without moving anything if the parts lie evenly spaced in one memory already."""
    first = parts[0]
    step = (parts[1].data_ptr() - first.data_ptr()) // first.element_size() if len(parts) > 1 else 0
    even = step > 0 and all(
        part.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        and part.stride() == first.stride()
        and part.data_ptr() == first.data_ptr() + i * step * first.element_size()
        for i, part in enumerate(parts)
    )
    if not even:
        return torch.stack(tuple(parts))
    return first.detach().as_strided((len(parts), *first.shape), (step, *first.stride()))
