"""The decoder: writes tags one after another, looking at those before and at the encoder's memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..config import ModelConfig
from ..ops.base import Array, Ops
from .attention import MultiHeadAttention
from .capture import Observer
from .layers import Embedding, FeedForward, LayerNorm, Linear, Regularizer, untouched


@dataclass(frozen=True)
class LayerCache:
    """What one decoder layer need not compute again while a sentence grows (all [B, H, length, E])."""

    self_key: Array
    self_value: Array
    memory_key: Array
    memory_value: Array


@dataclass(frozen=True)
class DecoderCache:
    """An explicit value, handed to :meth:`Decoder.step` and returned by it: the tags written so far."""

    layers: tuple[LayerCache, ...]
    memory_mask: Array
    length: int
    """Tags written so far."""


class DecoderLayer:
    """Self-attention, cross-attention, feed-forward, each Pre-LN with a residual.

    x ← x + SelfAttention(LN(x));  x ← x + CrossAttention(LN(x), memory);  x ← x + FeedForward(LN(x))
    """

    def __init__(self, ops: Ops, parameters: Mapping[str, Array], config: ModelConfig, index: int) -> None:
        name, label = f"decoder.layers.{index}", f"decoder.{index}"
        self._ops = ops
        self._norm1 = LayerNorm(ops, parameters, f"{name}.norm1")
        self.self_attn = MultiHeadAttention(
            ops, parameters, f"{name}.self_attn", config.n_heads, f"{label}.self"
        )
        self._norm2 = LayerNorm(ops, parameters, f"{name}.norm2")
        self.cross_attn = MultiHeadAttention(
            ops, parameters, f"{name}.cross_attn", config.n_heads, f"{label}.cross"
        )
        self._norm3 = LayerNorm(ops, parameters, f"{name}.norm3")
        self._feed_forward = FeedForward(ops, parameters, f"{name}.feed_forward")

    def __call__(
        self,
        x: Array,
        memory: Array,
        causal_mask: Array,
        memory_mask: Array,
        drop: Regularizer = untouched,
        observe: Observer | None = None,
    ) -> Array:
        """[B, T, D], reading ``memory`` [B, S, D] -> [B, T, D]."""
        add = self._ops.add
        normed = self._norm1(x)
        x = add(x, drop(self.self_attn(normed, normed, causal_mask, observe)))
        x = add(x, drop(self.cross_attn(self._norm2(x), memory, memory_mask, observe)))
        return add(x, drop(self._feed_forward(self._norm3(x))))

    def step(self, x: Array, cache: LayerCache, memory_mask: Array, position: int) -> Array:
        """The same for one new position [B, 1, D]; its key and value are written into ``cache``."""
        add = self._ops.add
        normed = self._norm1(x)
        key, value = self.self_attn.keys_and_values(normed)
        keys = self._ops.write(cache.self_key, key, position)
        values = self._ops.write(cache.self_value, value, position)
        # the newest position may see all before it, so no mask is needed
        x = add(x, self.self_attn.attend(normed, keys, values, None))
        x = add(x, self.cross_attn.attend(self._norm2(x), cache.memory_key, cache.memory_value, memory_mask))
        return add(x, self._feed_forward(self._norm3(x)))


class Decoder:
    """N layers between an embedding and a final LayerNorm, then the projection onto the tags."""

    def __init__(self, ops: Ops, parameters: Mapping[str, Array], config: ModelConfig) -> None:
        self._ops, self._config = ops, config
        self._embedding = Embedding(ops, parameters, "decoder.embedding")
        self._layers = [DecoderLayer(ops, parameters, config, index) for index in range(config.n_layers)]
        self._final_norm = LayerNorm(ops, parameters, "decoder.final_norm")
        self._output_projection = Linear(ops, parameters, "decoder.output_projection")

    def __call__(
        self,
        target: Array,
        memory: Array,
        memory_mask: Array,
        drop: Regularizer = untouched,
        observe: Observer | None = None,
    ) -> Array:
        """Target ids [B, T] and memory [B, S, D] -> logits [B, T, V] of each position's *next* tag.

        Padding stands behind a target's end, where the causal mask already hides it from every real
        position, so the target needs no padding mask.
        """
        causal_mask = self._ops.causal_mask(target.shape[1])
        x = drop(self._embedding(target))
        for layer in self._layers:
            x = layer(x, memory, causal_mask, memory_mask, drop, observe)
        return self._output_projection(self._final_norm(x))

    def start(self, memory: Array, memory_mask: Array, capacity: int) -> DecoderCache:
        """An empty cache for at most ``capacity`` tags; the memory's keys and values are computed here, once."""
        shape = (memory.shape[0], self._config.n_heads, capacity, self._config.head_size)
        layers = tuple(
            LayerCache(
                self._ops.zeros(shape), self._ops.zeros(shape), *layer.cross_attn.keys_and_values(memory)
            )
            for layer in self._layers
        )
        return DecoderCache(layers, memory_mask, length=0)

    def step(self, ids: Array, cache: DecoderCache) -> tuple[Array, DecoderCache]:
        """One more tag [B, 1] for every sentence -> logits [B, V] of the next one, and the grown cache."""
        x = self._embedding(ids, start=cache.length)
        for layer, layer_cache in zip(self._layers, cache.layers, strict=True):
            x = layer.step(x, layer_cache, cache.memory_mask, cache.length)
        logits = self._output_projection(self._final_norm(x))
        grown = DecoderCache(cache.layers, cache.memory_mask, cache.length + 1)
        return self._ops.reshape(logits, (ids.shape[0], -1)), grown
