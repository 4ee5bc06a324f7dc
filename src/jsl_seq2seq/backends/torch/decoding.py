"""Translating on a GPU: few rows at a time, so a tag's time is the number of its kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

import torch

from ..interface import Mask
from .deferred import CacheBuffer, DeferredLinear, DeferredLogProbs, DeferredNorm, DeferredRows, computed
from .kernels.argmax_log_softmax import argmax_log_softmax
from .kernels.attend import attend
from .kernels.embed import embed
from .kernels.norm_linear import norm_linear
from .linear import stacked
from .ops import CudaOps

Array = Any
"""A tensor, or a :class:`~.deferred.Deferred` one."""

_FEW_ROWS = 512
"""Up to here a product, or a gather, takes less time than a launch, and our own kernels save launches."""


class TritonDecodingOps(CudaOps):
    """PyTorch on CUDA, with Triton, for translating."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._buffers: WeakSet[CacheBuffer] = WeakSet()

    def zeros(self, shape: Sequence[int]) -> Array:
        zeros = super().zeros(shape)
        return CacheBuffer(zeros) if zeros.ndim == 4 else zeros

    def capture(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def whole(*arguments: Any) -> Any:
            results = step(*arguments)
            for buffer in list(self._buffers):  # a write that no attention has done belongs to this step
                buffer.tensor()
            self._buffers.clear()
            return results

        return super().capture(whole)

    def embedding(self, weight: Array, ids: Array) -> Array:
        usual = super().embedding
        weight, ids = computed(weight), computed(ids)
        if ids.numel() > _FEW_ROWS:
            return usual(weight, ids)
        return DeferredRows(weight, ids, 1.0, lambda: usual(weight, ids))

    def scale(self, x: Array, factor: float) -> Array:
        usual = super().scale
        if isinstance(x, DeferredRows) and x.pending:
            return DeferredRows(x.table, x.ids, x.factor * factor, lambda: usual(computed(x), factor))
        return usual(computed(x), factor)

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        x = computed(x)
        usual = super().layer_norm
        if not _few(x):
            return usual(x, weight, bias, epsilon)
        return DeferredNorm(x, weight, bias, epsilon, lambda: usual(x, weight, bias, epsilon))

    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        if not _few(x):
            return super().linear(computed(x), weight, bias)
        return DeferredLinear(x, weight, bias, lambda: _through(x, [weight], [bias])[0])

    def linears(self, x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> tuple[Array, ...]:
        if not _few(x) or len({weight.shape for weight in weights}) > 1:
            return super().linears(computed(x), weights, biases)
        return tuple(_through(x, weights, biases))

    def relu(self, x: Array) -> Array:
        if isinstance(x, DeferredLinear) and x.pending:
            return _through(x.x, [x.weight], [x.bias], relu=True)[0]
        return super().relu(computed(x))

    def add(self, a: Array, b: Array) -> Array:
        if isinstance(b, DeferredLinear) and b.pending and b.shape == a.shape:
            return _through(b.x, [b.weight], [b.bias], residual=computed(a))[0]
        if isinstance(a, DeferredRows) and isinstance(b, DeferredRows) and _tokens_and_positions(a, b):
            return embed(a.table, a.ids, a.factor, b.table, b.ids)
        usual = super().add
        if isinstance(a, DeferredLogProbs) and a.pending and a.added is None and b.shape == a.shape[-1:]:
            return DeferredLogProbs(a.logits, computed(b), lambda: usual(computed(a), computed(b)))
        return usual(computed(a), computed(b))

    def fused_attention(self, query: Array, key: Array, value: Array, mask: Mask | None) -> Array | None:
        seen: Any = None if mask is None else mask.array
        if query.shape[2] > 1 or not (seen is None or seen.shape[1] == seen.shape[2] == 1):
            return super().fused_attention(query, computed(key), computed(value), mask)
        if isinstance(key, CacheBuffer) and isinstance(value, CacheBuffer):
            position = key.write_position
            if position is not None and position is value.write_position:
                (keys, new_key, _), (values, new_value, _) = key.take_write(), value.take_write()
                return attend(query, keys, values, seen, (new_key, new_value, position))
        return attend(query, computed(key), computed(value), seen)

    def log_softmax(self, logits: Array) -> Array:
        usual, logits = super().log_softmax, computed(logits)
        return DeferredLogProbs(logits, None, lambda: usual(logits))

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        if (
            k == 1
            and isinstance(x, DeferredLogProbs)
            and x.pending
            and x.added is not None
            and len(x.shape) == 2
        ):
            return argmax_log_softmax(x.logits, x.added)
        return super().top_k(computed(x), k)

    def cache_write(self, buffer: Array, values: Array, start: int | Array) -> Array:
        if isinstance(buffer, CacheBuffer) and isinstance(start, torch.Tensor) and values.shape[2] == 1:
            buffer.defer_write(computed(values), start)
            self._buffers.add(buffer)
            return buffer
        return super().cache_write(computed(buffer), computed(values), start)

    def cache_reorder(self, buffer: Array, rows: Array, start: int, end: int) -> None:
        super().cache_reorder(computed(buffer), rows, start, end)


def _tokens_and_positions(rows: DeferredRows, positions: DeferredRows) -> bool:
    """Whether ``positions`` are one unscaled row [T] for each of ``rows`` [..., T]."""
    return (
        rows.pending
        and positions.pending
        and positions.factor == 1
        and positions.ids.ndim == 1
        and rows.ids.shape[-1:] == positions.ids.shape
        and rows.table.shape[1] == positions.table.shape[1]
    )


def _few(x: Array) -> bool:
    return x.shape[:-1].numel() <= _FEW_ROWS


def _through(
    x: Array,
    weights: Sequence[torch.Tensor],
    biases: Sequence[torch.Tensor],
    relu: bool = False,
    residual: torch.Tensor | None = None,
) -> list[torch.Tensor]:
    """[..., I] -> n of [..., O], with a LayerNorm in front if ``x`` is a deferred one."""
    norm = None
    if isinstance(x, DeferredNorm) and x.pending:
        norm = (x.weight, x.bias, x.epsilon)
        x = x.x
    x = computed(x)
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    if residual is not None:
        residual = residual.reshape(rows.shape[0], -1).contiguous()
    out = norm_linear(rows, stacked(weights), stacked(biases), norm, relu, residual)
    return [part.view(*x.shape[:-1], -1) for part in out.unbind()]
