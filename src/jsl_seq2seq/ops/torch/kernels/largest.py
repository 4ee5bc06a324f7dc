"""The largest element of each row, and where it stands: the next tag of greedy decoding."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

_BLOCK = 1024


def largest(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[R, V] -> values [R, 1] and int32 places [R, 1]; of equals the first."""
    x = x.contiguous()
    rows, columns = x.shape
    values = torch.empty(rows, 1, device=x.device, dtype=x.dtype)
    places = torch.empty(rows, 1, device=x.device, dtype=torch.int32)
    _largest[(rows,)](x, values, places, columns, BLOCK=_BLOCK)
    return values, places


@triton.jit
def _largest(x, values, places, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    best = -float("inf")
    at = 0
    for start in range(0, columns, BLOCK):
        column = start + tl.arange(0, BLOCK)
        there = tl.load(x + row * columns + column, mask=column < columns, other=-float("inf"))
        value, place = tl.max(there, 0, return_indices=True, return_indices_tie_break_left=True)
        at = tl.where(value > best, start + place, at)
        best = tl.maximum(best, value)
    tl.store(values + row, best)
    tl.store(places + row, at)
