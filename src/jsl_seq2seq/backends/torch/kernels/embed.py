"""The decoder's input: tag embeddings, scaled, plus encodings of their positions (Vaswani et al. 2017, §3.4, §3.5)."""

from __future__ import annotations

import torch
import triton
import triton.language as tl


def embed(
    table: torch.Tensor, ids: torch.Tensor, factor: float, other: torch.Tensor, places: torch.Tensor
) -> torch.Tensor:
    """factor · table[ids] + other[places]: [V, D], [..., T] and [P, D], [T] integers -> [..., T, D].

    The tables are dense.
    """
    width = table.shape[1]
    out = torch.empty(*ids.shape, width, device=table.device, dtype=table.dtype)
    _embed[(ids.numel(),)](
        table, ids.contiguous(), other, places.contiguous(), out, places.numel(), width, factor,
        WIDTH=triton.next_power_of_2(width),
    )  # fmt: skip
    return out


@triton.jit
def _embed(table, ids, other, places, out, length, width, factor, WIDTH: tl.constexpr):
    row = tl.program_id(0)
    e = tl.arange(0, WIDTH)
    vector = tl.load(table + tl.load(ids + row) * width + e, mask=e < width)
    place = tl.load(other + tl.load(places + row % length) * width + e, mask=e < width)
    tl.store(out + row * width + e, vector * factor + place, mask=e < width)
