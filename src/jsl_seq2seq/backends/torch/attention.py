"""PyTorch's fused attention, told about masks in the form that its kernels take without preparing them."""

from __future__ import annotations

from collections import deque

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

_ZERO_WHERE_NOTHING_IS_SEEN = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""The CUDA kernels that promise zeros, and not NaN, for a row that sees nothing; cuDNN's does not."""

_MASKS = 2
"""Prepared masks to remember: decoding needs one for its own tags and one for the sentence."""

_ALIGNMENT = 8
"""Elements between whose multiples each row of a mask must begin, for the kernels to read it as it is."""


class FusedAttention:
    """softmax(Q Kᵀ / √E) V in one kernel."""

    def __init__(self) -> None:
        self._causal: dict[int, torch.Tensor] = {}
        self._prepared: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=_MASKS)

    def causal_mask(self, length: int, device: torch.device) -> torch.Tensor:
        """[1, 1, T, T]; the same tensor each time, by which :meth:`__call__` knows it."""
        if length not in self._causal:
            ones = torch.ones(length, length, dtype=torch.bool, device=device)
            self._causal[length] = ones.tril()[None, None]
        return self._causal[length]

    def __call__(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """[B, H, T, E] and twice [B, H, S, E] -> [B, H, T, E]."""
        if mask is None:
            return F.scaled_dot_product_attention(query, key, value)
        if mask is self._causal.get(mask.shape[-1]) and query.shape[2] == key.shape[2]:
            return F.scaled_dot_product_attention(query, key, value, is_causal=True)
        additive = self._additive(mask, query.dtype)
        if not query.is_cuda:
            return F.scaled_dot_product_attention(query, key, value, additive)
        with sdpa_kernel(_ZERO_WHERE_NOTHING_IS_SEEN):
            return F.scaled_dot_product_attention(query, key, value, additive)

    def _additive(self, mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """0 where the mask is true, -inf elsewhere. All layers of one pass ask for the same one or two."""
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
