"""Attention of one query for each sentence and head, as decoding needs it: softmax(q Kᵀ / √E) V.

One program goes along the keys of one head and keeps the largest score, Σ e^score and the weighted sum of values so far
(Milakov & Gimelshein 2018, Algorithm 3). It can first write the newest key and value into their cache.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl

_KEYS = 64


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    newest: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """[B, H, 1, E], twice [B, H, S, E], and [B or 1, 1, 1, S] booleans -> [B, H, 1, E].

    The last axes must be dense. The result lies in memory as [B, 1, H, E], so that joining heads moves nothing.

    Args:
        newest: a key and a value, [B, H, 1, E], and the place [1], an integer on the device, where they are put into
            ``key`` and ``value`` before the scores are computed.
    """
    batch, heads, _, width = query.shape
    length = key.shape[2]
    out = torch.empty(batch, 1, heads, width, device=query.device, dtype=query.dtype)
    new_key, new_value, place = newest or (query, query, query)
    _attend[(batch, heads)](
        query, key, value, query if mask is None else mask, out, new_key, new_value, place, length, width,
        query.stride(0), query.stride(1), *key.stride()[:3], *value.stride()[:3],
        *new_key.stride()[:2], *new_value.stride()[:2],
        0 if mask is None or mask.shape[0] == 1 else mask.stride(0), 1 / math.sqrt(width),
        GROWS=newest is not None, MASKED=mask is not None, KEYS=_KEYS, WIDTH=triton.next_power_of_2(width),
    )  # fmt: skip
    return out.permute(0, 2, 1, 3)


@triton.jit(do_not_specialize=["length"])
def _attend(
    query, key, value, mask, out, new_key, new_value, newest, length, width,
    query_batch, query_head, key_batch, key_head, key_place, value_batch, value_head, value_place,
    new_key_batch, new_key_head, new_value_batch, new_value_head, mask_batch, scale,
    GROWS: tl.constexpr, MASKED: tl.constexpr, KEYS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(0)
    head = tl.program_id(1)
    e = tl.arange(0, WIDTH)
    if GROWS:  # names of their own: a loop's variables keep their types
        here = tl.load(newest)
        grown_key = key + batch * key_batch + head * key_head + here * key_place + e
        grown_value = value + batch * value_batch + head * value_head + here * value_place + e
        from_key = new_key + batch * new_key_batch + head * new_key_head + e
        from_value = new_value + batch * new_value_batch + head * new_value_head + e
        tl.store(grown_key, tl.load(from_key, mask=e < width), mask=e < width)
        tl.store(grown_value, tl.load(from_value, mask=e < width), mask=e < width)
        tl.debug_barrier()  # what some threads have written, others read below
    q = tl.load(query + batch * query_batch + head * query_head + e, mask=e < width, other=0.0)
    q = q.to(tl.float32) * scale
    largest = -1e38
    total = 0.0
    mixture = tl.zeros((WIDTH,), tl.float32)
    for start in range(0, length, KEYS):
        place = start + tl.arange(0, KEYS)
        seen = place < length
        if MASKED:
            seen = seen & (tl.load(mask + batch * mask_batch + place, mask=seen, other=0) != 0)
        inside = seen[:, None] & (e < width)[None, :]
        at = batch * key_batch + head * key_head + place[:, None] * key_place + e[None, :]
        k = tl.load(key + at, mask=inside, other=0.0).to(tl.float32)
        scores = tl.where(seen, tl.sum(k * q[None, :], 1), -1e38)
        new = tl.maximum(largest, tl.max(scores, 0))
        weights = tl.where(seen, tl.exp(scores - new), 0.0)
        shrink = tl.exp(largest - new)
        at = batch * value_batch + head * value_head + place[:, None] * value_place + e[None, :]
        v = tl.load(value + at, mask=inside, other=0.0).to(tl.float32)
        mixture = mixture * shrink + tl.sum(weights[:, None] * v, 0)
        total = total * shrink + tl.sum(weights, 0)
        largest = new
    result = mixture / tl.where(total > 0, total, 1.0)  # a fully masked row gives zeros
    tl.store(out + (batch * tl.num_programs(1) + head) * width + e, result, mask=e < width)
