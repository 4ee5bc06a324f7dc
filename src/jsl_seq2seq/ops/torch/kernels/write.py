"""New keys and values into a cache, at a place that only the device knows."""

from __future__ import annotations

import torch
import triton
import triton.language as tl


def write(buffer: torch.Tensor, values: torch.Tensor, place: torch.Tensor) -> None:
    """buffer[:, :, place] ← values: dense [B, H, C, E], [B, H, 1, E] with a dense last axis, [1] integer."""
    batch, heads, capacity, width = buffer.shape
    _write[(batch * heads,)](
        buffer, values, place, heads, capacity, width, values.stride(0), values.stride(1),
        WIDTH=triton.next_power_of_2(width), num_warps=1,
    )  # fmt: skip


@triton.jit(do_not_specialize=["capacity"])
def _write(buffer, values, place, heads, capacity, width, batch_stride, head_stride, WIDTH: tl.constexpr):
    which = tl.program_id(0)
    e = tl.arange(0, WIDTH)
    source = values + which // heads * batch_stride + which % heads * head_stride
    target = buffer + (which * capacity + tl.load(place)) * width
    tl.store(target + e, tl.load(source + e, mask=e < width), mask=e < width)
