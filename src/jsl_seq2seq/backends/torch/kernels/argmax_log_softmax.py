"""The next tag of greedy decoding: where log softmax(x) + added is largest in each row, and how large."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

_BLOCK = 1024


def argmax_log_softmax(logits: torch.Tensor, added: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [R, V] and added [V] -> the largest values [R, 1] and their int32 indices [R, 1]; of equals the first."""
    logits = logits.contiguous()
    rows, columns = logits.shape
    values = torch.empty(rows, 1, device=logits.device, dtype=logits.dtype)
    places = torch.empty(rows, 1, device=logits.device, dtype=torch.int32)
    _argmax_log_softmax[(rows,)](logits, added, values, places, columns, BLOCK=_BLOCK)
    return values, places


@triton.jit
def _argmax_log_softmax(x, added, values, places, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    top = -float("inf")
    total = 0.0
    for start in range(0, columns, BLOCK):
        column = start + tl.arange(0, BLOCK)
        there = tl.load(x + row * columns + column, mask=column < columns, other=-float("inf")).to(tl.float32)
        higher = tl.maximum(top, tl.max(there, 0))
        total = total * tl.exp(top - higher) + tl.sum(tl.exp(there - higher), 0)
        top = higher
    log_total = tl.log(total)
    best = -float("inf")
    at = 0
    for start in range(0, columns, BLOCK):
        column = start + tl.arange(0, BLOCK)
        there = tl.load(x + row * columns + column, mask=column < columns, other=-float("inf")).to(tl.float32)
        more = tl.load(added + column, mask=column < columns, other=0.0).to(tl.float32)
        value, place = tl.max(
            there - top - log_total + more, 0, return_indices=True, return_indices_tie_break_left=True
        )
        at = tl.where(value > best, start + place, at)
        best = tl.maximum(best, value)
    tl.store(values + row, best)
    tl.store(places + row, at)
