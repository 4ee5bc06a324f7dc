"""Attention, by hand.

    Attention(Q, K, V) = softmax(Q Kᵀ / √E) V                  (Vaswani et al. 2017, §3.2.1, eq. 1)

    MultiHead(X, M) = [head_1 ... head_H] W_O + b_O            (§3.2.2)
        head_h = Attention(X W_Q^h, M W_K^h, M W_V^h)

Each position of X is a query; each position of M has a key and a value. A query's result is the values of M,
weighted by the softmax of its scores with the keys. Self-attention is M = X; in cross-attention X is the
decoder's and M the encoder's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..backends.interface import Array, InferenceOps, Mask
from .capture import Observer
from .layers import Linear, linears


def attention(
    ops: InferenceOps, query: Array, key: Array, value: Array, mask: Mask | None = None
) -> tuple[Array, Array]:
    """softmax(Q Kᵀ / √E) V, and the softmax's result.

    Args:
        query: [B, H, T, E].
        key, value: [B, H, S, E].
        mask: which keys are seen, broadcast against [B, H, T, S]; ``None`` shows all.

    Returns:
        The values, weighted by the softmax, [B, H, T, E], and the softmax's weights [B, H, T, S].
    """
    scores = ops.scale(ops.matmul(query, key, transpose_b=True), 1 / math.sqrt(query.shape[-1]))
    weights = ops.softmax(scores, mask)
    return ops.matmul(weights, value), weights


class MultiHeadAttention:
    """H attentions in parallel, each on its own E = D / H wide projection of the same input.

    Args:
        name: the parameters' prefix, such as ``encoder.layers.0.self_attn``.
        label: the name that observers get, such as ``encoder.0.self``.
    """

    def __init__(
        self, ops: InferenceOps, parameters: Mapping[str, Array], name: str, n_heads: int, label: str
    ) -> None:
        self.ops, self.n_heads, self.label = ops, n_heads, label
        self.q_proj = Linear(ops, parameters, f"{name}.q_proj")
        self.k_proj = Linear(ops, parameters, f"{name}.k_proj")
        self.v_proj = Linear(ops, parameters, f"{name}.v_proj")
        self.out_proj = Linear(ops, parameters, f"{name}.out_proj")

    def __call__(self, x: Array, memory: Array, mask: Mask | None, observe: Observer | None = None) -> Array:
        """[B, T, D] attends to ``memory`` [B, S, D] -> [B, T, D]."""
        if memory is x:
            query, key, value = self.queries_keys_and_values(x)
        else:
            query, (key, value) = self.queries(x), self.keys_and_values(memory)
        return self.attend(query, key, value, mask, observe)

    def queries_keys_and_values(self, x: Array) -> tuple[Array, ...]:
        """Q, K and V of self-attention: [B, T, D] -> three of [B, H, T, E]."""
        return self._projected(x, self.q_proj, self.k_proj, self.v_proj)

    def queries(self, x: Array) -> Array:
        """Q: [B, T, D] -> [B, H, T, E]."""
        return self._split_heads(self.q_proj(x))

    def keys_and_values(self, memory: Array) -> tuple[Array, ...]:
        """K and V of ``memory``: [B, S, D] -> two of [B, H, S, E]. Decoding computes them once for a sentence."""
        return self._projected(memory, self.k_proj, self.v_proj)

    def attend(
        self, query: Array, key: Array, value: Array, mask: Mask | None, observe: Observer | None = None
    ) -> Array:
        """Queries [B, H, T, E] attend to keys and values [B, H, S, E] -> [B, T, D]."""
        heads = self.ops.fused_attention(query, key, value, mask) if observe is None else None
        if heads is None:  # the weights are observed, or the backend has no fused kernel
            heads, weights = attention(self.ops, query, key, value, mask)
            if observe is not None:
                observe(self.label, weights)
        return self.out_proj(self._join_heads(heads))

    def _projected(self, x: Array, *projections: Linear) -> tuple[Array, ...]:
        """x W + b of each projection, [B, H, T, E]."""
        return tuple(self._split_heads(y) for y in linears(self.ops, x, projections))

    def _split_heads(self, x: Array) -> Array:
        """[B, T, D] -> [B, H, T, E]."""
        batch, length, d_model = x.shape
        heads = self.ops.reshape(x, (batch, length, self.n_heads, d_model // self.n_heads))
        return self.ops.transpose(heads, (0, 2, 1, 3))

    def _join_heads(self, heads: Array) -> Array:
        """[B, H, T, E] -> [B, T, D]."""
        batch, n_heads, length, head_size = heads.shape
        return self.ops.reshape(self.ops.transpose(heads, (0, 2, 1, 3)), (batch, length, n_heads * head_size))
