"""The decoder: the tags so far and the encoder's memory -> scores of the next tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ..backends.interface import Array, DecodingOps, InferenceOps, Mask
from ..settings import ModelConfig
from .attention import MultiHeadAttention
from .capture import Observer
from .layers import (
    Embedding,
    FeedForward,
    LayerNorm,
    Linear,
    Positions,
    Regularizer,
    ShortlistLinear,
    TiedLinear,
    identity,
)

OpsT_co = TypeVar("OpsT_co", bound=InferenceOps, covariant=True)
"""The operations that a model is bound to; its type decides which of the model's methods may be called."""


@dataclass(frozen=True)
class LayerCache:
    """Keys and values of one decoder layer, kept from step to step (all [B, H, length, E])."""

    self_key: Array
    self_value: Array
    memory_key: Array
    memory_value: Array


@dataclass(frozen=True)
class DecoderCache:
    """The state of decoding, passed to :meth:`Decoder.step` and returned by it."""

    layers: tuple[LayerCache, ...]
    memory_mask: Mask | None
    length: int
    """Tags written so far."""
    shortlist: ShortlistLinear | None = None
    """The output layer for some of the tags; ``None`` for all of them."""


class DecoderLayer(Generic[OpsT_co]):
    """Self-attention, cross-attention, feed-forward, each Pre-LN with a residual.

    x ← x + SelfAttention(LN(x));  x ← x + CrossAttention(LN(x), memory);  x ← x + FeedForward(LN(x))
    """

    def __init__(
        self, ops: OpsT_co, parameters: Mapping[str, Array], config: ModelConfig, index: int
    ) -> None:
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
        causal_mask: Mask | None,
        memory_mask: Mask | None,
        drop: Regularizer = identity,
        observe: Observer | None = None,
    ) -> Array:
        """[B, T, D], reading ``memory`` [B, S, D] -> [B, T, D]."""
        add = self._ops.add
        normed = self._norm1(x)
        x = add(x, drop(self.self_attn(normed, normed, causal_mask, observe)))
        x = add(x, drop(self.cross_attn(self._norm2(x), memory, memory_mask, observe)))
        return add(x, drop(self._feed_forward(self._norm3(x))))

    def step(
        self: DecoderLayer[DecodingOps],
        x: Array,
        cache: LayerCache,
        memory_mask: Mask | None,
        position: int | Array,
        seen: Mask | None = None,
    ) -> Array:
        """The same for one new position [B, 1, D]; its key and value are written into ``cache``.

        Args:
            seen: which positions of the cache are seen. The newest position sees all before it, so it is ``None``
                unless ``position`` is an array: :meth:`DecodingOps.cache_write` then returns the whole buffer.
        """
        add = self._ops.add
        normed = self._norm1(x)
        query, key, value = self.self_attn.queries_keys_and_values(normed)
        keys = self._ops.cache_write(cache.self_key, key, position)
        values = self._ops.cache_write(cache.self_value, value, position)
        x = add(x, self.self_attn.attend(query, keys, values, seen))
        query = self.cross_attn.queries(self._norm2(x))
        x = add(x, self.cross_attn.attend(query, cache.memory_key, cache.memory_value, memory_mask))
        return add(x, self._feed_forward(self._norm3(x)))


class Decoder(Generic[OpsT_co]):
    """N layers between an embedding and a final LayerNorm, then the projection onto the tags."""

    def __init__(self, ops: OpsT_co, parameters: Mapping[str, Array], config: ModelConfig) -> None:
        self._ops, self._config = ops, config
        self._embedding = Embedding(ops, parameters, "decoder.embedding", config.embedding_scale)
        self._layers = [DecoderLayer(ops, parameters, config, index) for index in range(config.n_layers)]
        self._final_norm = LayerNorm(ops, parameters, "decoder.final_norm") if config.final_norm else identity
        self._output_projection = (
            TiedLinear(ops, parameters, "decoder.embedding", "decoder.output_projection")
            if config.tied_embeddings
            else Linear(ops, parameters, "decoder.output_projection")
        )

    def __call__(
        self,
        target: Array,
        memory: Array,
        memory_mask: Mask | None,
        drop: Regularizer = identity,
        observe: Observer | None = None,
        positions: Positions | None = None,
    ) -> Array:
        """Target ids [B, T] and memory [B, S, D] -> logits [B, T, V] of each position's *next* tag.

        Padding follows a target's end, where the causal mask hides it from every real position, so the target
        needs no padding mask.
        """
        causal_mask = self._ops.causal_mask(target.shape[1]) if self._config.attention_masks else None
        embedding = self._embedding
        x = drop(
            embedding(target)
            if positions is None
            else embedding.at(target, positions.target, positions.capacity)
        )
        for layer in self._layers:
            x = layer(x, memory, causal_mask, memory_mask, drop, observe)
        return self._output_projection(self._final_norm(x))

    def start(
        self: Decoder[DecodingOps], memory: Array, memory_mask: Mask | None, capacity: int
    ) -> DecoderCache:
        """An empty cache for at most ``capacity`` tags; the memory's keys and values are computed here, once.

        Only for models with attention masks: without the causal mask earlier positions change with every tag,
        and their cached keys and values would be wrong.
        """
        layers = self.empty_caches(memory.shape[0], memory.shape[1], capacity)
        self.write_memory(layers, memory)
        return DecoderCache(layers, memory_mask, length=0)

    def shortlisted(self: Decoder[DecodingOps], cache: DecoderCache, tags: Array) -> DecoderCache:
        """The cache for steps whose logits are those of ``tags`` [K] alone, in this order."""
        return replace(cache, shortlist=self._output_projection.shortlist(self._ops, tags))

    def enlarged(self: Decoder[DecodingOps], cache: DecoderCache, capacity: int) -> DecoderCache:
        """A copy of the cache for at most ``capacity`` tags."""

        def larger(buffer: Array) -> Array:
            batch, heads, _, width = buffer.shape
            room = self._ops.zeros((batch, heads, capacity, width))
            self._ops.cache_write(room, buffer, 0)
            return room

        layers = tuple(
            replace(layer, self_key=larger(layer.self_key), self_value=larger(layer.self_value))
            for layer in cache.layers
        )
        return replace(cache, layers=layers)

    def kept(
        self: Decoder[DecodingOps], cache: DecoderCache, rows: Array, memory_mask: Mask | None
    ) -> DecoderCache:
        """A copy of rows [R] of a cache, in this order: a sentence becomes several beams, finished ones leave.

        Args:
            memory_mask: the mask of the rows that stay, [R, 1, 1, S].
        """
        layers = tuple(
            LayerCache(*(self._ops.gather_rows(array, rows) for array in vars(layer).values()))
            for layer in cache.layers
        )
        return replace(cache, layers=layers, memory_mask=memory_mask)

    def reorder(self: Decoder[DecodingOps], cache: DecoderCache, rows: Array, start: int) -> None:
        """Row i gets the tags of row ``rows[i]``, in place; both have the same memory.

        Args:
            start: the first position where they may differ.
        """
        for layer in cache.layers:
            for buffer in (layer.self_key, layer.self_value):
                self._ops.cache_reorder(buffer, rows, start, cache.length)

    def empty_caches(
        self: Decoder[DecodingOps], batch: int, source_length: int, capacity: int
    ) -> tuple[LayerCache, ...]:
        """One cache for each layer, of zeros, for B sentences of S characters and at most ``capacity`` tags.

        :meth:`write_memory` and :meth:`step_at` write into them, in place, for one batch after another.
        """
        config = self._config
        own, memory = (
            (batch, config.n_heads, length, config.head_size) for length in (capacity, source_length)
        )
        zeros = self._ops.zeros
        return tuple(LayerCache(zeros(own), zeros(own), zeros(memory), zeros(memory)) for _ in self._layers)

    def write_memory(self: Decoder[DecodingOps], layers: tuple[LayerCache, ...], memory: Array) -> None:
        """Write the keys and values of ``memory`` [B, S, D] into caches from :meth:`empty_caches`, in place."""
        for layer, cache in zip(self._layers, layers, strict=True):
            key, value = layer.cross_attn.keys_and_values(memory)
            self._ops.cache_write(cache.memory_key, key, 0)
            self._ops.cache_write(cache.memory_value, value, 0)

    def step_at(self: Decoder[DecodingOps], ids: Array, cache: DecoderCache, position: Array) -> Array:
        """The same as :meth:`step` with the tags' position, an integer array [1], on the device.

        ``cache.length`` is not used, and nothing here depends on anything but shapes: one captured step
        (:meth:`InferenceOps.capture`) serves every position.
        """
        capacity = cache.layers[0].self_key.shape[2]
        x = self._embedding.at(ids, position, capacity)
        seen = self._ops.causal_row_mask(position, capacity)
        for layer, layer_cache in zip(self._layers, cache.layers, strict=True):
            x = layer.step(x, layer_cache, cache.memory_mask, position, seen)
        return self._ops.reshape(self._output_projection(self._final_norm(x)), (ids.shape[0], -1))

    def step(self: Decoder[DecodingOps], ids: Array, cache: DecoderCache) -> tuple[Array, DecoderCache]:
        """One more tag [B, 1] for every sentence -> logits [B, V] of the next one (of those in the cache's shortlist,
        if there is one), and the grown cache."""
        x = self._embedding(ids, start=cache.length)
        for layer, layer_cache in zip(self._layers, cache.layers, strict=True):
            x = layer.step(x, layer_cache, cache.memory_mask, cache.length)
        logits = (cache.shortlist or self._output_projection)(self._final_norm(x))
        grown = DecoderCache(cache.layers, cache.memory_mask, cache.length + 1, cache.shortlist)
        return self._ops.reshape(logits, (ids.shape[0], -1)), grown
