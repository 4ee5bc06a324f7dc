"""Attention, by hand.

    Attention(Q, K, V) = softmax(Q Kᵀ / √E) V                  (Vaswani et al. 2017, §3.2.1, eq. 1)

    MultiHead(X, M) = [head_1 ... head_H] W_O + b_O            (§3.2.2)
        head_h = Attention(X W_Q^h, M W_K^h, M W_V^h)

A position of X asks (query) the positions of M (keys), and takes home a mixture of their values.
Self-attention is M = X; in cross-attention X is the decoder's and M the encoder's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..ops.base import Array, Ops
from .capture import Observer
from .layers import Linear


def attention(
    ops: Ops, query: Array, key: Array, value: Array, mask: Array | None = None
) -> tuple[Array, Array]:
    """softmax(Q Kᵀ / √E) V, and the softmax's result.

    Args:
        query: [B, H, T, E].
        key, value: [B, H, S, E].
        mask: what may be seen, broadcast against [B, H, T, S]; ``None`` lets everything through.

    Returns:
        Mixed values [B, H, T, E] and weights [B, H, T, S]: how much of each value went into each mixture.
    """
    scores = ops.scale(ops.matmul(query, key, transpose_b=True), 1 / math.sqrt(query.shape[-1]))
    weights = ops.softmax(scores, mask)
    return ops.matmul(weights, value), weights


class MultiHeadAttention:
    """H attentions side by side, each on its own E = D / H wide projection of the same input.

    Args:
        name: the parameters' prefix, such as ``encoder.layers.0.self_attn``.
        label: what observers are told, such as ``encoder.0.self``.
    """

    def __init__(
        self, ops: Ops, parameters: Mapping[str, Array], name: str, n_heads: int, label: str
    ) -> None:
        self.ops, self.n_heads, self.label = ops, n_heads, label
        self.q_proj = Linear(ops, parameters, f"{name}.q_proj")
        self.k_proj = Linear(ops, parameters, f"{name}.k_proj")
        self.v_proj = Linear(ops, parameters, f"{name}.v_proj")
        self.out_proj = Linear(ops, parameters, f"{name}.out_proj")

    def __call__(self, x: Array, memory: Array, mask: Array | None, observe: Observer | None = None) -> Array:
        """[B, T, D] attends to ``memory`` [B, S, D] -> [B, T, D]."""
        key, value = self.keys_and_values(memory)
        return self.attend(x, key, value, mask, observe)

    def keys_and_values(self, memory: Array) -> tuple[Array, Array]:
        """What ``memory`` [B, S, D] shows of itself: two of [B, H, S, E]. Decoding computes it once and keeps it."""
        return self._split_heads(self.k_proj(memory)), self._split_heads(self.v_proj(memory))

    def attend(
        self, x: Array, key: Array, value: Array, mask: Array | None, observe: Observer | None = None
    ) -> Array:
        """[B, T, D] attends to keys and values [B, H, S, E] -> [B, T, D]."""
        heads, weights = attention(self.ops, self._split_heads(self.q_proj(x)), key, value, mask)
        if observe is not None:
            observe(self.label, weights)
        return self.out_proj(self._join_heads(heads))

    def _split_heads(self, x: Array) -> Array:
        """[B, T, D] -> [B, H, T, E]."""
        batch, length, d_model = x.shape
        heads = self.ops.reshape(x, (batch, length, self.n_heads, d_model // self.n_heads))
        return self.ops.transpose(heads, (0, 2, 1, 3))

    def _join_heads(self, heads: Array) -> Array:
        """[B, H, T, E] -> [B, T, D]."""
        batch, n_heads, length, head_size = heads.shape
        return self.ops.reshape(self.ops.transpose(heads, (0, 2, 1, 3)), (batch, length, n_heads * head_size))
