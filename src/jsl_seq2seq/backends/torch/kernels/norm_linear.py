"""Few rows through a linear layer, and through what stands around it in a Pre-LN sublayer, as one kernel.

    out = relu?( LayerNorm?(x) W + b ) +? residual

Decoding computes one position of each sentence at a time. Its products are so small that what they cost is
their number; this makes two of the four to six kernels that a sublayer would take. A row's result does not
depend on how many others there are.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

_ROWS, _INNER, _COLUMNS = 16, 128, 32
"""What a program multiplies at once; the quickest of what was tried on an H100."""


def norm_linear(
    x: torch.Tensor,
    weights: torch.Tensor,
    biases: torch.Tensor,
    norm: tuple[torch.Tensor, torch.Tensor, float] | None = None,
    relu: bool = False,
    residual: torch.Tensor | None = None,
) -> torch.Tensor:
    """[R, I] through n layers [n, I, O] + [n, O] -> [n, R, O].

    Args:
        norm: γ, β [I] and ε, if x is to be normalized first.
        residual: [R, O], added at the end; only for n = 1.
    """
    rows, inner = x.shape
    n, _, outer = weights.shape
    out = torch.empty(n, rows, outer, device=x.device, dtype=x.dtype)
    gain, offset, epsilon = norm or (x, x, 0.0)
    _norm_linear[(triton.cdiv(rows, _ROWS), triton.cdiv(outer, _COLUMNS), n)](
        x, gain, offset, weights, biases, x if residual is None else residual, out,
        rows, inner, outer, weights.stride(0), biases.stride(0), epsilon,
        NORMED=norm is not None, RELU=relu, ADDED=residual is not None,
        ROWS=_ROWS, INNER=_INNER, COLUMNS=_COLUMNS,
    )  # fmt: skip
    return out


@triton.jit(do_not_specialize=["rows"])
def _norm_linear(
    x, gain, offset, weights, biases, residual, out, rows, inner, outer, weight_stride, bias_stride, epsilon,
    NORMED: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
    ROWS: tl.constexpr, INNER: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    which = tl.program_id(2)
    mean = tl.zeros((ROWS, 1), tl.float32)
    std = tl.full((ROWS, 1), 1.0, tl.float32)
    if NORMED:
        total = tl.zeros((ROWS, INNER), tl.float32)
        for start in range(0, inner, INNER):
            k = start + tl.arange(0, INNER)[None, :]
            total += tl.load(x + row * inner + k, mask=(row < rows) & (k < inner), other=0.0).to(tl.float32)
        mean = tl.sum(total, 1)[:, None] / inner
        total = tl.zeros((ROWS, INNER), tl.float32)
        for start in range(0, inner, INNER):
            k = start + tl.arange(0, INNER)[None, :]
            a = tl.load(x + row * inner + k, mask=(row < rows) & (k < inner), other=0.0).to(tl.float32)
            centred = tl.where(k < inner, a - mean, 0.0)
            total += centred * centred
        std = tl.sqrt(tl.sum(total, 1)[:, None] / inner + epsilon)
    y = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, inner, INNER):
        k = start + tl.arange(0, INNER)
        across = k[None, :]
        down = k[:, None]
        a = tl.load(x + row * inner + across, mask=(row < rows) & (across < inner), other=0.0).to(tl.float32)
        if NORMED:
            g = tl.load(gain + across, mask=across < inner, other=0.0).to(tl.float32)
            o = tl.load(offset + across, mask=across < inner, other=0.0).to(tl.float32)
            a = (a - mean) / std * g + o
        w = tl.load(
            weights + which * weight_stride + down * outer + column,
            mask=(down < inner) & (column < outer),
            other=0.0,
        ).to(tl.float32)
        # three products of TensorFloat-32 halves: the tensor cores' speed, and float32's precision but for a bit
        y = tl.dot(a, w, y, input_precision="tf32x3")
    y += tl.load(biases + which * bias_stride + column, mask=column < outer, other=0.0).to(tl.float32)
    if RELU:
        y = tl.maximum(y, 0.0)
    inside = (row < rows) & (column < outer)
    if ADDED:
        y += tl.load(residual + row * outer + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + which * rows * outer + row * outer + column, y, mask=inside)
