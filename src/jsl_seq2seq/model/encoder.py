"""The encoder: a sentence's ids -> one vector for each position, computed from all positions."""

from __future__ import annotations

from collections.abc import Mapping

from ..backends.interface import Array, InferenceOps, Mask
from ..settings import PAD, ModelConfig
from .attention import MultiHeadAttention
from .capture import Observer
from .layers import Embedding, FeedForward, LayerNorm, Positions, Regularizer, identity


class EncoderLayer:
    """Self-attention, then feed-forward, each Pre-LN with a residual (Xiong et al. 2020, Figure 1b).

    x ← x + SelfAttention(LayerNorm(x));  x ← x + FeedForward(LayerNorm(x))
    """

    def __init__(
        self, ops: InferenceOps, parameters: Mapping[str, Array], config: ModelConfig, index: int
    ) -> None:
        name = f"encoder.layers.{index}"
        self._ops = ops
        self._norm1 = LayerNorm(ops, parameters, f"{name}.norm1")
        self._self_attn = MultiHeadAttention(
            ops, parameters, f"{name}.self_attn", config.n_heads, f"encoder.{index}.self"
        )
        self._norm2 = LayerNorm(ops, parameters, f"{name}.norm2")
        self._feed_forward = FeedForward(ops, parameters, f"{name}.feed_forward")

    def __call__(
        self, x: Array, mask: Mask | None, drop: Regularizer = identity, observe: Observer | None = None
    ) -> Array:
        """[B, S, D] -> [B, S, D]; ``mask`` [B, 1, 1, S] hides padding."""
        add = self._ops.add
        normed = self._norm1(x)
        x = add(x, drop(self._self_attn(normed, normed, mask, observe)))
        return add(x, drop(self._feed_forward(self._norm2(x))))


class Encoder:
    """N layers between an embedding and a final LayerNorm."""

    def __init__(self, ops: InferenceOps, parameters: Mapping[str, Array], config: ModelConfig) -> None:
        self._ops, self._masked = ops, config.attention_masks
        self._embedding = Embedding(ops, parameters, "encoder.embedding", config.embedding_scale)
        self._layers = [EncoderLayer(ops, parameters, config, index) for index in range(config.n_layers)]
        self._final_norm = LayerNorm(ops, parameters, "encoder.final_norm") if config.final_norm else identity

    def __call__(
        self,
        source: Array,
        drop: Regularizer = identity,
        observe: Observer | None = None,
        positions: Positions | None = None,
        padded: bool = True,
    ) -> tuple[Array, Mask | None]:
        """Source ids [B, S] -> memory [B, S, D] and the mask [B, 1, 1, S] that hides its padding, if masks are used.

        Args:
            padded: false if there is no PAD in ``source``, and so nothing to mask.
        """
        mask = self._ops.padding_mask(source, PAD) if self._masked and padded else None
        embedding = self._embedding
        x = drop(
            embedding(source)
            if positions is None
            else embedding.at(source, positions.source, positions.capacity)
        )
        for layer in self._layers:
            x = layer(x, mask, drop, observe)
        return self._final_norm(x), mask
