"""The gradient of y = max(0, x W + b) before the ReLU, and its sum over the rows, which is the gradient of b."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from .sums import COLUMNS, ROWS, column_sums, parts


def relu_backward(dy: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient of the result [R, N] and the result [R, N] -> dy ⊙ (y > 0) [R, N], and its column sums [N]."""
    rows, columns = y.shape
    count, each = parts(rows)
    g = torch.empty_like(y)
    sums = torch.empty(1, count, columns, device=y.device, dtype=torch.float32)
    _relu_backward[(triton.cdiv(columns, COLUMNS), count)](
        dy, y, g, sums, rows, columns, each, ROWS=ROWS, COLUMNS=COLUMNS, num_warps=2
    )
    return g, (sums if count == 1 else column_sums(sums)).view(columns)


@triton.jit(do_not_specialize=["rows", "rows_each"])
def _relu_backward(dy, y, g, sums, rows, columns, rows_each, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    part = tl.program_id(1)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, rows_each, ROWS):
        row = part * rows_each + start + tl.arange(0, ROWS)[:, None]
        inside = (row < rows) & (column < columns)
        at = row * columns + column
        there = tl.load(y + at, mask=inside, other=0.0)
        passed = tl.where(there > 0, tl.load(dy + at, mask=inside, other=0.0), 0.0)
        tl.store(g + at, passed, mask=inside)
        total += passed.to(tl.float32)
    tl.store(sums + part * columns + column, tl.sum(total, 0)[None, :], mask=column < columns)
