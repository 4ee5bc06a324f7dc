"""Sums over the rows of a matrix: the gradient of a bias.

PyTorch's reduction needs about 10 microseconds for the shapes of this model; in a deep one a sixth of a training
step went there. Here every program adds up some rows, and a second, small launch adds up the programs' sums. The
order is always the same, so the result is, too.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

ROWS, COLUMNS = 32, 64
"""What a program reads at once."""

_ROWS_EACH, _MOST_PARTS = 128, 64
_ONE_PART = 512
"""Rows that are not worth being shared."""


def parts(rows: int) -> tuple[int, int]:
    """How many programs share so many rows, and how many rows each has."""
    if rows <= _ONE_PART:
        return 1, rows
    each = max(_ROWS_EACH, triton.cdiv(rows, _MOST_PARTS * ROWS) * ROWS)
    return triton.cdiv(rows, each), each


def column_sums(x: torch.Tensor) -> torch.Tensor:
    """Σᵣ x[:, r, :]: [n, R, N], whose last axis is dense -> [n, N] in float32."""
    n, rows, columns = x.shape
    count, each = parts(rows)
    blocks = triton.cdiv(columns, COLUMNS)
    sums = torch.empty(n, count, columns, device=x.device, dtype=torch.float32)
    _column_sums[(blocks, count, n)](
        x, sums, rows, columns, x.stride(0), x.stride(1), each, ROWS=ROWS, COLUMNS=COLUMNS,
        num_warps=8 if count == 1 else 2,
    )  # fmt: skip
    return sums[:, 0] if count == 1 else column_sums(sums)


@triton.jit(do_not_specialize=["rows", "rows_each"])
def _column_sums(
    x, sums, rows, columns, stride, row_stride, rows_each, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    part = tl.program_id(1)
    which = tl.program_id(2)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, rows_each, ROWS):
        row = part * rows_each + start + tl.arange(0, ROWS)[:, None]
        inside = (row < rows) & (column < columns)
        at = which * stride + row * row_stride + column
        total += tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    place = (which * tl.num_programs(1) + part) * columns + column
    tl.store(sums + place, tl.sum(total, 0)[None, :], mask=column < columns)
