"""A residual connection and the LayerNorm behind it, as one kernel forward and one backward.

Forward, row by row:   t = r + drop(y),   n = (t - mean(t)) / σ · γ + β
Backward, from dt and dn:

    dx = (dn γ - mean(dn γ) - x̂ mean(dn γ ⊙ x̂)) / σ + dt,   x̂ = (t - mean(t)) / σ
    dr = dx,   dy = drop(dx),   dγ = Σ dn ⊙ x̂,   dβ = Σ dn

Σ dy comes along: it is the gradient of the bias of the linear layer that y came from.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from ..dropout import Drop
from .dropout import kept
from .sums import column_sums

_ELEMENTS = 2048
"""How many a program holds at once, about."""

_PROGRAMS = 264
"""Programs that share the rows backward, at most: two for each core of an H100, few enough to add up their sums."""


def add_norm(
    residual: torch.Tensor,
    addend: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    epsilon: float,
    drop: Drop | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """r, y [R, D] and γ, β [D] -> t [R, D] and n [R, D]."""
    rows, size = residual.shape
    total, normed = torch.empty_like(residual), torch.empty_like(residual)
    block, at_once = _block(size)
    _add_norm[(triton.cdiv(rows, at_once),)](
        residual, addend, weight, bias, total, normed, rows, size, epsilon,
        *_chance(drop, residual), DROPS=drop is not None, ROWS=at_once, BLOCK=block,
    )  # fmt: skip
    return total, normed


def add_norm_backward(
    dtotal: torch.Tensor | None,
    dnormed: torch.Tensor,
    total: torch.Tensor,
    weight: torch.Tensor,
    epsilon: float,
    drop: Drop | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """dt, dn, t [R, D] and γ [D] -> dr [R, D], dy [R, D], and dγ, dβ, Σ dy as [3, D] in float32."""
    rows, size = total.shape
    dresidual = torch.empty_like(total)
    daddend = dresidual if drop is None else torch.empty_like(total)
    block, at_once = _block(size)
    each = triton.cdiv(rows, _PROGRAMS * at_once) * at_once
    count = triton.cdiv(rows, each)
    sums = torch.empty(1, count, 3 * size, device=total.device, dtype=torch.float32)
    _add_norm_backward[(count,)](
        dnormed if dtotal is None else dtotal, dnormed, total, weight, dresidual, daddend, sums,
        rows, size, each, epsilon, *_chance(drop, total),
        HAS_DTOTAL=dtotal is not None, DROPS=drop is not None, ROWS=at_once, BLOCK=block, num_warps=2,
    )  # fmt: skip
    return dresidual, daddend, column_sums(sums).view(3, size)


def _block(size: int) -> tuple[int, int]:
    """Columns and rows that a program holds at once."""
    block = triton.next_power_of_2(size)
    return block, max(1, _ELEMENTS // block)


def _chance(drop: Drop | None, anything: torch.Tensor) -> tuple:
    """The kernels' arguments for dropout; without it the pointer is not read."""
    if drop is None:
        return anything, 0, 0, 0, 1.0
    return drop.key, drop.site, drop.first, drop.threshold, drop.scale


@triton.jit(do_not_specialize=["rows", "site", "first", "threshold"])
def _add_norm(
    residual, addend, weight, bias, total, normed, rows, size, epsilon, key, site, first, threshold, scale,
    DROPS: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.arange(0, BLOCK)[None, :]
    inside = (row < rows) & (column < size)
    at = row * size + column
    y = tl.load(addend + at, mask=inside, other=0.0).to(tl.float32)
    if DROPS:
        y = tl.where(kept(key, site, first, at, threshold), y * scale, 0.0)
    t = tl.load(residual + at, mask=inside, other=0.0).to(tl.float32) + y
    rounded = t.to(total.dtype.element_ty)  # what is normalized is what goes on along the residual stream
    tl.store(total + at, rounded, mask=inside)
    normal, _ = _normal(rounded.to(tl.float32), inside, size, epsilon)
    w = tl.load(weight + column, mask=column < size, other=0.0).to(tl.float32)
    b = tl.load(bias + column, mask=column < size, other=0.0).to(tl.float32)
    tl.store(normed + at, normal * w + b, mask=inside)


@triton.jit(do_not_specialize=["rows", "rows_each", "site", "first", "threshold"])
def _add_norm_backward(
    dtotal, dnormed, total, weight, dresidual, daddend, sums, rows, size, rows_each, epsilon,
    key, site, first, threshold, scale,
    HAS_DTOTAL: tl.constexpr, DROPS: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, BLOCK)[None, :]
    w = tl.load(weight + column, mask=column < size, other=0.0).to(tl.float32)
    dweight = tl.zeros((ROWS, BLOCK), tl.float32)
    dbias = tl.zeros((ROWS, BLOCK), tl.float32)
    dy_sum = tl.zeros((ROWS, BLOCK), tl.float32)
    for start in range(0, rows_each, ROWS):
        row = tl.program_id(0) * rows_each + start + tl.arange(0, ROWS)[:, None]
        inside = (row < rows) & (column < size)
        at = row * size + column
        t = tl.load(total + at, mask=inside, other=0.0).to(tl.float32)
        dn = tl.load(dnormed + at, mask=inside, other=0.0).to(tl.float32)
        normal, std = _normal(t, inside, size, epsilon)
        gw = dn * w
        mean = tl.sum(gw, 1)[:, None] / size
        along = tl.sum(gw * normal, 1)[:, None] / size
        dx = (gw - mean - normal * along) / std
        if HAS_DTOTAL:
            dx += tl.load(dtotal + at, mask=inside, other=0.0).to(tl.float32)
        dx = tl.where(inside, dx, 0.0)
        tl.store(dresidual + at, dx, mask=inside)
        if DROPS:
            dx = tl.where(kept(key, site, first, at, threshold), dx * scale, 0.0)
            tl.store(daddend + at, dx, mask=inside)
        dweight += dn * normal
        dbias += dn
        dy_sum += dx
    place = sums + tl.program_id(0) * 3 * size + column
    tl.store(place, tl.sum(dweight, 0)[None, :], mask=column < size)
    tl.store(place + size, tl.sum(dbias, 0)[None, :], mask=column < size)
    tl.store(place + 2 * size, tl.sum(dy_sum, 0)[None, :], mask=column < size)


@triton.jit
def _normal(x, inside, size, epsilon):
    """(x - mean) / σ and σ of each row."""
    centred = tl.where(inside, x - tl.sum(x, 1)[:, None] / size, 0.0)
    std = tl.sqrt(tl.sum(centred * centred, 1)[:, None] / size + epsilon)
    return centred / std, std
