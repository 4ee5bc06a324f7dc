"""PyTorch's fused attention, with masks in the form that its kernels read without converting them."""

from __future__ import annotations

from collections import deque

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..interface import Mask

_ZERO_WHERE_NOTHING_IS_SEEN = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""The CUDA kernels that give zeros, and not NaN, for a fully masked row; cuDNN's does not."""

_MASKS = 2
"""Additive masks that are kept: decoding uses one for its own tags and one for the sentence."""

_ALIGNMENT = 8
"""Each row of a mask must begin at a multiple of so many elements, for the kernels to read it as it is."""


class FusedAttention:
    """softmax(Q Kᵀ / √E) V in one kernel."""

    def __init__(self) -> None:
        self._prepared: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=_MASKS)

    def __call__(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Mask | None
    ) -> torch.Tensor:
        """[B, H, T, E] and twice [B, H, S, E] -> [B, H, T, E]."""
        if mask is None:
            return F.scaled_dot_product_attention(query, key, value)
        if mask.kind == "causal":
            return F.scaled_dot_product_attention(query, key, value, is_causal=True)
        additive = self._additive(mask.array, query.dtype)  # pyright: ignore[reportArgumentType]
        if not query.is_cuda:
            return F.scaled_dot_product_attention(query, key, value, additive)
        with sdpa_kernel(_ZERO_WHERE_NOTHING_IS_SEEN):
            return F.scaled_dot_product_attention(query, key, value, additive)

    def _additive(self, mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """0 where the mask is true, -inf elsewhere; computed once for all layers of a pass."""
        for known, additive in self._prepared:
            if known is mask and additive.dtype == dtype:
                return additive
        length = mask.shape[-1]
        room = mask.to(dtype)
        if length % _ALIGNMENT:
            room = F.pad(room, (0, -length % _ALIGNMENT))[..., :length]
        additive = room.log_()  # log 1 is 0, and log 0 is -inf
        self._prepared.append((mask, additive))
        return additive
