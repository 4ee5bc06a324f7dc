"""Translating on a GPU: few rows at a time, so what a tag costs is how many kernels it takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..interface import Array
from .kernels.argmax_log_softmax import argmax_log_softmax
from .kernels.attend import attend
from .kernels.embed import embed
from .kernels.norm_linear import norm_linear
from .linear import stacked
from .ops import TorchOps
from .waiting import WaitingLinear, WaitingLogProbs, WaitingNorm, WaitingRows, WaitingWrite, now

_FEW_ROWS = 512
"""Up to here a product, or a gather, takes less time than a launch, and our own kernels save launches."""


class DecodingOps(TorchOps):
    """PyTorch on CUDA, with Triton, for translating."""

    def embedding(self, weight: Array, ids: Array) -> Array:
        usual = super().embedding
        weight, ids = now(weight), now(ids)
        if ids.numel() > _FEW_ROWS:
            return usual(weight, ids)
        return WaitingRows(weight, ids, 1.0, lambda: usual(weight, ids))

    def scale(self, x: Array, factor: float) -> Array:
        usual = super().scale
        if isinstance(x, WaitingRows) and x.waits:
            return WaitingRows(x.table, x.ids, x.factor * factor, lambda: usual(now(x), factor))
        return usual(now(x), factor)

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        x = now(x)
        usual = super().layer_norm
        if not _few(x):
            return usual(x, weight, bias, epsilon)
        return WaitingNorm(x, weight, bias, epsilon, lambda: usual(x, weight, bias, epsilon))

    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        if not _few(x):
            return super().linear(now(x), weight, bias)
        return WaitingLinear(x, weight, bias, lambda: _through(x, [weight], [bias])[0])

    def linears(self, x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> tuple[Array, ...]:
        if not _few(x) or len({weight.shape for weight in weights}) > 1:
            return super().linears(now(x), weights, biases)
        return tuple(_through(x, weights, biases))

    def relu(self, x: Array) -> Array:
        if isinstance(x, WaitingLinear) and x.waits:
            return _through(x.x, [x.weight], [x.bias], relu=True)[0]
        return super().relu(now(x))

    def add(self, a: Array, b: Array) -> Array:
        if isinstance(b, WaitingLinear) and b.waits and b.shape == a.shape:
            return _through(b.x, [b.weight], [b.bias], residual=now(a))[0]
        if isinstance(a, WaitingRows) and isinstance(b, WaitingRows) and _one_for_each(a, b):
            return embed(a.table, a.ids, a.factor, b.table, b.ids)
        usual = super().add
        if isinstance(a, WaitingLogProbs) and a.waits and a.added is None and b.shape == a.shape[-1:]:
            return WaitingLogProbs(a.logits, now(b), lambda: usual(now(a), now(b)))
        return usual(now(a), now(b))

    def fused_attention(self, query: Array, key: Array, value: Array, mask: Array | None) -> Array | None:
        if query.shape[2] > 1 or not (mask is None or mask.shape[1] == mask.shape[2] == 1):
            return super().fused_attention(query, now(key), now(value), mask)
        newest = None
        if isinstance(key, WaitingWrite) and isinstance(value, WaitingWrite) and key.waits and value.waits:
            newest = key.values, value.values, key.place
            key.settle(key.buffer)
            value.settle(value.buffer)
        return attend(query, now(key), now(value), mask, newest)

    def log_softmax(self, logits: Array) -> Array:
        usual, logits = super().log_softmax, now(logits)
        return WaitingLogProbs(logits, None, lambda: usual(logits))

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        if (
            k == 1
            and isinstance(x, WaitingLogProbs)
            and x.waits
            and x.added is not None
            and len(x.shape) == 2
        ):
            return argmax_log_softmax(x.logits, x.added)
        return super().top_k(now(x), k)

    # done when somebody looks at its result: who drops the result has written nothing
    def cache_write(self, buffer: Array, values: Array, start: int | Array) -> Array:
        usual = super().cache_write
        if not isinstance(start, torch.Tensor) or values.shape[2] > 1:
            return usual(buffer, values, start)
        return WaitingWrite(buffer, values, start, lambda: usual(buffer, values, start))


def _one_for_each(rows: WaitingRows, places: WaitingRows) -> bool:
    """Whether ``places`` are the places [T] of ``rows`` [..., T], and not scaled."""
    return (
        rows.waits
        and places.waits
        and places.factor == 1
        and places.ids.ndim == 1
        and rows.ids.shape[-1:] == places.ids.shape
        and rows.table.shape[1] == places.table.shape[1]
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
    """[..., I] -> n of [..., O], with a LayerNorm in front if ``x`` waits for one."""
    norm = None
    if isinstance(x, WaitingNorm) and x.waits:
        norm = (x.weight, x.bias, x.epsilon)
        x = x.x
    x = now(x)
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    if residual is not None:
        residual = residual.reshape(rows.shape[0], -1).contiguous()
    out = norm_linear(rows, stacked(weights), stacked(biases), norm, relu, residual)
    return [part.view(*x.shape[:-1], -1) for part in out.unbind()]
