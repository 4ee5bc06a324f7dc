"""Adam (Kingma & Ba 2015, Algorithm 1) as one Triton kernel: everything is read once and written once.

    m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²,   θ ← θ - α m / (√v + ε)

With 22 million parameters PyTorch's own operations move 2 GB through memory for one update, this one 0.7 GB.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

_BLOCK = 1024


def adam_update(
    parameters: torch.Tensor,
    gradient: torch.Tensor,
    m: torch.Tensor,
    v: torch.Tensor,
    rates: torch.Tensor,
    betas: tuple[float, float],
    bf16_copy: torch.Tensor | None,
) -> None:
    """One step on flat float32 [N] arrays, in place.

    Args:
        gradient: [N], float32 or bfloat16.
        rates: [2], α and ε of this step, bias corrections included (the paper's §2).
        bf16_copy: [N], becomes the new parameters, rounded to bfloat16.
    """
    size = parameters.numel()
    _adam[(triton.cdiv(size, _BLOCK),)](
        parameters,
        gradient,
        m,
        v,
        rates,
        parameters if bf16_copy is None else bf16_copy,
        size,
        *betas,
        HAS_BF16_COPY=bf16_copy is not None,
        BLOCK=_BLOCK,
    )


@triton.jit
def _adam(
    parameters,
    gradient,
    m,
    v,
    rates,
    bf16_copy,
    size,
    beta1,
    beta2,
    HAS_BF16_COPY: tl.constexpr,
    BLOCK: tl.constexpr,
):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    alpha = tl.load(rates)
    epsilon = tl.load(rates + 1)
    g = tl.load(gradient + at, mask=inside).to(tl.float32)
    new_m = beta1 * tl.load(m + at, mask=inside) + (1 - beta1) * g
    new_v = beta2 * tl.load(v + at, mask=inside) + (1 - beta2) * g * g
    new = tl.load(parameters + at, mask=inside) - alpha * new_m / (tl.sqrt(new_v) + epsilon)
    tl.store(m + at, new_m, mask=inside)
    tl.store(v + at, new_v, mask=inside)
    tl.store(parameters + at, new, mask=inside)
    if HAS_BF16_COPY:
        tl.store(bf16_copy + at, new.to(bf16_copy.dtype.element_ty), mask=inside)
