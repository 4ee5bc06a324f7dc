"""The decoder: writes tags one after another, looking at those before and at the encoder's memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..backends.interface import Array, Ops
from ..settings import ModelConfig
from .attention import MultiHeadAttention
from .capture import Observer
from .layers import Embedding, FeedForward, LayerNorm, Linear, Positions, Regularizer, TiedLinear, identity


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
    memory_mask: Array | None
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
        causal_mask: Array | None,
        memory_mask: Array | None,
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
        self,
        x: Array,
        cache: LayerCache,
        memory_mask: Array | None,
        position: int | Array,
        seen: Array | None = None,
    ) -> Array:
        """The same for one new position [B, 1, D]; its key and value are written into ``cache``.

        Args:
            seen: what of the cache may be looked at. The newest position may see all before it, so ``None``
                will do, unless :meth:`Ops.cache_write` gives back places that are not written yet.
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


class Decoder:
    """N layers between an embedding and a final LayerNorm, then the projection onto the tags."""

    def __init__(self, ops: Ops, parameters: Mapping[str, Array], config: ModelConfig) -> None:
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
        memory_mask: Array | None,
        drop: Regularizer = identity,
        observe: Observer | None = None,
        positions: Positions | None = None,
    ) -> Array:
        """Target ids [B, T] and memory [B, S, D] -> logits [B, T, V] of each position's *next* tag.

        Padding stands behind a target's end, where the causal mask already hides it from every real
        position, so the target needs no padding mask.
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

    def start(self, memory: Array, memory_mask: Array | None, capacity: int) -> DecoderCache:
        """An empty cache for at most ``capacity`` tags; the memory's keys and values are computed here, once.

        Only for models with attention masks: without the causal mask earlier positions change with every tag,
        and what is kept of them here would be wrong.
        """
        layers = self.room(memory.shape[0], memory.shape[1], capacity)
        self.fill(layers, memory)
        return DecoderCache(layers, memory_mask, length=0)

    def enlarged(self, cache: DecoderCache, capacity: int) -> DecoderCache:
        """The same cache with room for ``capacity`` tags, copied."""

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

    def kept(self, cache: DecoderCache, rows: Array, memory_mask: Array | None) -> DecoderCache:
        """Rows [R] of a cache, in this order, copied: sentences fan out into beams, finished ones leave.

        Args:
            memory_mask: the mask of the rows that stay, [R, 1, 1, S].
        """
        layers = tuple(
            LayerCache(*(self._ops.gather_rows(array, rows) for array in vars(layer).values()))
            for layer in cache.layers
        )
        return DecoderCache(layers, memory_mask, cache.length)

    def reorder(self, cache: DecoderCache, rows: Array, start: int) -> None:
        """Row i goes on from what ``rows[i]`` has written, in place; both read the same memory.

        Args:
            start: the first place where they may differ.
        """
        for layer in cache.layers:
            for buffer in (layer.self_key, layer.self_value):
                self._ops.cache_reorder(buffer, rows, start, cache.length)

    def room(self, batch: int, source_length: int, capacity: int) -> tuple[LayerCache, ...]:
        """Caches that :meth:`fill` fills and :meth:`step_at` grows, in place, for one batch after another."""
        config = self._config
        own, memory = (
            (batch, config.n_heads, length, config.head_size) for length in (capacity, source_length)
        )
        zeros = self._ops.zeros
        return tuple(LayerCache(zeros(own), zeros(own), zeros(memory), zeros(memory)) for _ in self._layers)

    def fill(self, layers: tuple[LayerCache, ...], memory: Array) -> None:
        """Write what ``memory`` [B, S, D] shows of itself into caches from :meth:`room`, in place."""
        for layer, cache in zip(self._layers, layers, strict=True):
            key, value = layer.cross_attn.keys_and_values(memory)
            self._ops.cache_write(cache.memory_key, key, 0)
            self._ops.cache_write(cache.memory_value, value, 0)

    def step_at(self, ids: Array, cache: DecoderCache, position: Array) -> Array:
        """The same as :meth:`step` with the tags' place, an integer array [1], on the device.

        ``cache.length`` is not looked at, and nothing here depends on anything but shapes: one recording of
        this (:meth:`Ops.capture`) serves every position.
        """
        capacity = cache.layers[0].self_key.shape[2]
        x = self._embedding.at(ids, position, capacity)
        seen = self._ops.seen_mask(position, capacity)
        for layer, layer_cache in zip(self._layers, cache.layers, strict=True):
            x = layer.step(x, layer_cache, cache.memory_mask, position, seen)
        return self._ops.reshape(self._output_projection(self._final_norm(x)), (ids.shape[0], -1))

    def step(self, ids: Array, cache: DecoderCache) -> tuple[Array, DecoderCache]:
        """One more tag [B, 1] for every sentence -> logits [B, V] of the next one, and the grown cache."""
        x = self._embedding(ids, start=cache.length)
        for layer, layer_cache in zip(self._layers, cache.layers, strict=True):
            x = layer.step(x, layer_cache, cache.memory_mask, cache.length)
        logits = self._output_projection(self._final_norm(x))
        grown = DecoderCache(cache.layers, cache.memory_mask, cache.length + 1)
        return self._ops.reshape(logits, (ids.shape[0], -1)), grown
