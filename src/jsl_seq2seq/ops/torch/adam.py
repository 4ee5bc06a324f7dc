"""Adam over flat arrays: one kernel where Triton can compile one, else a few of PyTorch's."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch


def adam_update(
    parameters: torch.Tensor,
    gradient: torch.Tensor,
    m: torch.Tensor,
    v: torch.Tensor,
    rates: torch.Tensor,
    betas: tuple[float, float],
    shadow: torch.Tensor | None,
) -> None:
    """See :meth:`jsl_seq2seq.ops.base.Ops.adam_update`; ``shadow`` gets the new parameters in its own precision."""
    fused = _fused() if parameters.is_cuda and parameters.dtype == torch.float32 else None
    if fused is not None:
        fused(parameters, gradient, m, v, rates, betas, shadow)
        return
    m.lerp_(gradient, 1 - betas[0])
    v.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
    parameters.sub_((v.sqrt().add_(rates[1])).reciprocal_().mul_(m).mul_(rates[0]))
    if shadow is not None:
        shadow.copy_(parameters)


@functools.cache
def _fused() -> Callable[..., None] | None:
    """The Triton kernel, tried once on a few numbers; ``None`` where it does not work (no compiler, no Triton)."""
    try:
        from .triton_adam import adam_update as fused  # noqa: PLC0415  only where it is needed

        ones = [torch.ones(3, device="cuda") for _ in range(5)]
        shadow = torch.ones(3, dtype=torch.bfloat16, device="cuda")
        fused(ones[0], ones[1], ones[2], ones[3], ones[4], (0.9, 0.98), shadow)
        torch.cuda.synchronize()
    except Exception:  # whatever goes wrong in a compiler, there is another way
        return None
    return fused
