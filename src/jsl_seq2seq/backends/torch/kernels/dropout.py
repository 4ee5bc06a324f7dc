"""Dropout (Srivastava et al. 2014) in one kernel: the random words are computed where they are needed, not stored.

They are those of :func:`jsl_seq2seq.backends.torch.dropout.random_bits`: the same elements are zeroed on every backend.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from ..dropout import Drop

_BLOCK = 1024


def dropout(x: torch.Tensor, drop: Drop) -> torch.Tensor:
    """yᵢ = xᵢ · scale where the random word of element i reaches the threshold, else 0; any shape.

    The gradient is the same function of the result's gradient.
    """
    x = x.contiguous()
    y = torch.empty_like(x)
    _dropout[(triton.cdiv(x.numel(), _BLOCK),)](
        x, y, drop.key, x.numel(), drop.site, drop.first, drop.threshold, drop.scale, BLOCK=_BLOCK
    )
    return y


@triton.jit(do_not_specialize=["size", "site", "first", "threshold"])
def _dropout(x, y, key, size, site, first, threshold, scale, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    stays = kept(key, site, first, at, threshold)
    values = tl.load(x + at, mask=inside).to(tl.float32)
    tl.store(y + at, tl.where(stays, values * scale, 0.0), mask=inside)


@triton.jit
def kept(key, site, first, at, threshold):
    """Whether the elements number ``at`` stay."""
    stream = pcg(site.to(tl.uint32) + pcg(tl.load(key).to(tl.uint32)))
    return pcg((at + first).to(tl.uint32) + stream) >= threshold.to(tl.uint32)


@triton.jit
def pcg(x):
    """PCG hashing of 32-bit words (Jarzynski & Olano 2020, JCGT 9(3))."""
    state = x * 747796405 + 2891336453
    word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737
    return (word >> 22) ^ word
