"""The operations of a Transformer on WebGPU, each with its gradient beside it.

Every method appends jobs to the engine's queue and returns at once; ``g`` is the gradient of the loss with respect
to the method's result. The kernels' formulas stand in ``kernels/*.wgsl``.
"""

# Arrays are Tensors here, narrower than the interface's: a backend is only handed arrays that it made.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..interface import GraphDecodingOps, Mask, TrainingOps
from ..tape import Tape
from . import jobs
from .capture import CapturedStep
from .device import require_own_process
from .engine import Engine, shared_engine
from .jobs import elementwise, empty, plain
from .matmul import matmul
from .tensor import Tensor, packed_strides

Array = Tensor


class WgpuOps(TrainingOps, GraphDecodingOps):
    """Any GPU, through Vulkan, Metal or Direct3D 12.

    Args:
        tape: see :class:`~..interface.InferenceOps`.
        device: index or part of the name of an adapter; ``None`` takes the best one. All operations on one
            adapter share its memory, so training and translating work on the same parameters.
        engine: an engine of its own, for tests.
    """

    name = "wgpu"
    pad_multiple = 4

    def __init__(
        self, tape: Tape | None = None, device: str | None = None, engine: Engine | None = None
    ) -> None:
        super().__init__(tape)
        self.engine = engine or shared_engine(device)
        self.device = str(self.engine.adapter)
        self._causal_masks: dict[int, Mask] = {}

    def exclusive(self) -> AbstractContextManager[Any]:
        """Holds the engine's lock. Raises Failure in a process that was forked from the one that uses the device."""
        require_own_process()
        return self.engine.lock

    def release(self) -> None:
        self.engine.release()

    # -- between Python and the device ------------------------------------------------------------

    def array(self, values: Any) -> Array:
        return values if isinstance(values, Tensor) else jobs.upload(self.engine, values)

    def to_host(self, array: Any) -> Any:
        if not isinstance(array, Tensor):
            return np.asarray(array)
        if array.size == 0:
            return np.zeros(array.shape, array.dtype)
        packed = plain(self.engine, array)
        words = self.engine.read(packed.ref.block, packed.offset, packed.size)
        return jobs.from_words(words, packed.dtype).reshape(packed.shape)

    # -- shapes -----------------------------------------------------------------------------------

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        y = jobs.reshape(self.engine, x, shape)
        return self._recorded(y, (x,), lambda g: (jobs.reshape(self.engine, g, x.shape),))

    def transpose(self, x: Array, axes: Sequence[int]) -> Array:
        back = sorted(range(len(axes)), key=axes.__getitem__)
        return self._recorded(x.transposed(axes), (x,), lambda g: (g.transposed(back),))

    # -- the layers' arithmetic -------------------------------------------------------------------

    def add(self, a: Array, b: Array) -> Array:
        y = self._add(a, b)
        return self._recorded(y, (a, b), lambda g: (g, jobs.sum_to(self.engine, g, b.shape)))

    def _add(self, a: Tensor, b: Tensor) -> Tensor:
        return elementwise(self.engine, jobs.ADD, a, b)

    def scale(self, x: Array, factor: float) -> Array:
        return self._recorded(x.scaled(factor), (x,), lambda g: (g.scaled(factor),))

    def matmul(self, a: Array, b: Array, transpose_b: bool = False) -> Array:
        # transposing costs nothing: it is another way to walk through the same memory
        product = self._product
        if transpose_b:  # Y = A Bᵀ:  dA = G B,  dB = Gᵀ A
            y = product(a, _swapped(b))
            return self._recorded(y, (a, b), lambda g: (product(g, b), product(_swapped(g), a)))
        return self._recorded(
            product(a, b), (a, b), lambda g: (product(g, _swapped(b)), product(_swapped(a), g))
        )

    def _product(self, a: Tensor, b: Tensor) -> Tensor:
        if len(a.shape) <= 4:
            return matmul(self.engine, a, b)
        leading = a.shape[:-2]
        rows_a, rows_b = (jobs.reshape(self.engine, x, (-1, *x.shape[-2:])) for x in (a, b))
        y = matmul(self.engine, rows_a, rows_b)
        return jobs.reshape(self.engine, y, (*leading, *y.shape[-2:]))

    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        engine = self.engine
        flat = jobs.reshape(engine, x, (-1, x.shape[-1]))
        weight_, bias_ = weight, plain(engine, bias)
        y = matmul(engine, flat, weight_, bias_)

        def vjp(g: Array) -> tuple[Array, ...]:  # dx = G Wᵀ,  dW = xᵀ G,  db = Σ G
            g = jobs.reshape(engine, g, (-1, g.shape[-1]))
            dx = jobs.reshape(engine, matmul(engine, g, _swapped(weight_)), x.shape)
            inputs, outputs = weight.shape
            if g.factor != 1.0:
                g = plain(engine, g)
            both = matmul(engine, _swapped(flat), g, sums=True)  # db lies after dW, as the bias does
            return (
                dx,
                both.view((inputs, outputs), (outputs, 1)),
                both.view((outputs,), (1,), inputs * outputs),
            )

        return self._recorded(jobs.reshape(engine, y, (*x.shape[:-1], -1)), (x, weight, bias), vjp)

    def relu(self, x: Array) -> Array:
        y = elementwise(self.engine, jobs.RELU, x)
        return self._recorded(y, (x,), lambda g: (elementwise(self.engine, jobs.GATE, g, y),))

    def softmax(self, scores: Array, mask: Mask | None = None) -> Array:
        seen: Any = None if mask is None else mask.array
        y = jobs.softmax(self.engine, scores, seen)
        return self._recorded(y, (scores,), lambda g: (jobs.softmax_gradient(self.engine, g, y),))

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        engine = self.engine
        x_, weight_, bias_ = plain(engine, x), plain(engine, weight), plain(engine, bias)
        y, stats = jobs.layer_norm(engine, x_, weight_, bias_, epsilon)
        return self._recorded(
            y,
            (x, weight, bias),
            lambda g: jobs.layer_norm_gradient(engine, plain(engine, g), x_, weight_, stats),
        )

    def embedding(self, weight: Array, ids: Array) -> Array:
        engine = self.engine
        ids = plain(engine, ids)
        y = jobs.embedding(engine, plain(engine, weight), ids)
        return self._recorded(
            y, (weight,), lambda g: (jobs.embedding_gradient(engine, g, ids, weight.shape),)
        )

    def dropout(self, x: Array, rate: float, key: Array, site: int) -> Array:
        if rate == 0:
            return x

        def drop(values: Tensor) -> Tensor:
            return jobs.dropout(self.engine, plain(self.engine, values), rate, key, site)

        return self._recorded(drop(x), (x,), lambda g: (drop(g),))

    def cross_entropy(
        self,
        logits: Array,
        targets: Array,
        ignore: int,
        label_smoothing: float = 0.0,
        consistency: float = 0.0,
    ) -> Array:
        loss = jobs.cross_entropy(self.engine, logits, targets, ignore, label_smoothing, consistency)
        return self._recorded(
            loss.mean.view((), ()),
            (logits,),
            lambda g: (jobs.cross_entropy_gradient(self.engine, loss, g),),
        )

    # -- masks ------------------------------------------------------------------------------------

    def causal_mask(self, length: int) -> Mask:
        if length not in self._causal_masks:
            seen = self.array(np.tri(length, dtype=bool)[None, None])
            self._causal_masks[length] = Mask("causal", seen)
        return self._causal_masks[length]

    def padding_mask(self, ids: Array, pad: int) -> Mask:
        seen = elementwise(self.engine, jobs.DIFFERS, ids, dtype="bool", value=pad)
        batch, length = ids.shape
        return Mask("padding", seen.view((batch, 1, 1, length), (length, 0, 0, 1)))

    # -- decoding ---------------------------------------------------------------------------------

    def log_softmax(self, logits: Array) -> Array:
        return jobs.log_softmax(self.engine, logits)

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        return jobs.top_k(self.engine, x, k)

    def zeros(self, shape: Sequence[int]) -> Array:
        x = empty(self.engine, shape)
        jobs.fill(self.engine, x, 0.0)
        return x

    def cache_write(self, buffer: Array, values: Array, start: int | Array) -> Array:
        count = values.shape[2]
        shape = (*buffer.shape[:2], count, buffer.shape[3])
        step = buffer.strides[2]
        if isinstance(start, Tensor):
            place = buffer.view(shape, buffer.strides)
            elementwise(self.engine, jobs.SCALE, values, out=place, shift=(start, step))
            return buffer
        place = buffer.view(shape, buffer.strides, buffer.offset + start * step)
        elementwise(self.engine, jobs.SCALE, values, out=place)
        return buffer.view((*buffer.shape[:2], start + count, buffer.shape[3]), buffer.strides)

    def cache_reorder(self, buffer: Array, rows: Array, start: int, end: int) -> None:
        shape = (*buffer.shape[:2], end - start, buffer.shape[3])
        place = buffer.view(shape, buffer.strides, buffer.offset + start * buffer.strides[2])
        values: Any = self.gather_rows(place, rows)
        elementwise(self.engine, jobs.SCALE, values, out=place)

    def causal_row_mask(self, position: Array, capacity: int) -> Mask:
        seen = empty(self.engine, (1, 1, 1, capacity), "bool")
        last = position.view((1, 1, 1, 1), (0, 0, 0, 0))
        return Mask("prefix", elementwise(self.engine, jobs.REACH, last, out=seen))

    # -- training ---------------------------------------------------------------------------------

    def capture(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return CapturedStep(self.engine, step)

    def named_views(self, flat: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
        pieces, start = {}, flat.offset
        for name, shape in shapes.items():
            pieces[name] = flat.view(shape, packed_strides(shape), start)
            start += math.prod(shape)
        return pieces

    def gradients(self, loss: Array, parameters: Mapping[str, Array]) -> Array:
        assert self._tape is not None, "gradients need a tape"
        pieces = self._tape.gradients(loss, list(parameters.values()), self._add)
        return jobs.joined(self.engine, pieces, [p.shape for p in parameters.values()])

    def accumulate(self, total: Array, gradient: Array, weight: Array) -> None:
        gradient = plain(self.engine, gradient)
        elementwise(self.engine, jobs.WEIGH, total, gradient, out=total, weight=weight)

    def reset(self, total: Array) -> None:
        jobs.fill(self.engine, total, 0.0)

    def clip_norm(self, gradient: Array, max_norm: float) -> Array:
        return jobs.clip_norm(self.engine, plain(self.engine, gradient), max_norm)

    def adam_update(
        self, parameters: Array, gradient: Array, m: Array, v: Array, rates: Array, betas: tuple[float, float]
    ) -> None:
        jobs.adam(self.engine, parameters, plain(self.engine, gradient), m, v, rates, betas)


def _swapped(x: Tensor) -> Tensor:
    """xᵀ over the last two axes."""
    axes = list(range(len(x.shape)))
    axes[-2:] = axes[-1], axes[-2]
    return x.transposed(axes)


__all__ = ["WgpuOps"]
