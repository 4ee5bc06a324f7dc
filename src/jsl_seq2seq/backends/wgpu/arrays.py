"""Arrays that come from the host, and the jobs that only move, fill or add elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .engine import Engine
from .job import Block, Job, Span
from .matmul import sum_job
from .tensor import Tensor, packed_strides

SCALE, ADD, RELU, GATE, COPY, DIFFERS, WEIGH, REACH = range(8)
"""Operations of ``elementwise.wgsl``."""

_PER_GROUP = 256


def to_words(values: Any) -> tuple[np.ndarray, str]:
    """Numbers as the device keeps them: 32-bit words in C order, and what they mean."""
    array = np.asarray(values)
    dtype = {"f": "float32", "i": "int32", "u": "uint32", "b": "bool"}[array.dtype.kind]
    stored = np.ascontiguousarray(array, np.uint32 if dtype == "bool" else dtype)
    return stored.view(np.uint32).reshape(array.shape), dtype


def from_words(words: np.ndarray, dtype: str) -> np.ndarray:
    """Undo :func:`to_words`."""
    return words.astype(bool) if dtype == "bool" else words.view(dtype)


def upload(engine: Engine, values: Any) -> Tensor:
    """An array with the host's values, which travel when they are first needed."""
    words, dtype = to_words(values)
    block = Block(max(words.size, 1), words.reshape(-1).copy())
    return Tensor(engine.hold(block), words.shape, dtype=dtype)


def empty(engine: Engine, shape: Sequence[int], dtype: str = "float32") -> Tensor:
    """A new array that some job is about to write."""
    return Tensor(engine.hold(Block(max(math.prod(shape), 1))), shape, dtype=dtype)


def fill(engine: Engine, x: Tensor, value: float) -> None:
    """Write ``value`` into all of a packed array."""
    fields = {"size": x.size, "out": x.address, "value": value}
    engine.add(Job("fill", fields, [], [x.span], -(-x.size // _PER_GROUP)))


def elementwise(
    engine: Engine,
    operation: int,
    a: Tensor,
    b: Tensor | None = None,
    out: Tensor | None = None,
    dtype: str = "float32",
    value: int = 0,
    weight: Tensor | None = None,
    shift: tuple[Tensor, int] | None = None,
) -> Tensor:
    """One of ``elementwise.wgsl``'s operations; smaller operands are repeated.

    Args:
        out: where to write, and the shape to do it for; a new array of the shape of ``a`` if there is none.
        shift: an integer on the device, and how many words to write later for each one that it counts.
    """
    shape = a.shape if out is None else out.shape
    if out is None:
        out = empty(engine, shape, dtype)
    if out.size == 0:
        return out
    operands = [x for x in (a, b) if x is not None]
    flat = out.packed and all(x.shape == shape and x.packed for x in operands)
    views = [
        a.broadcast_strides(shape),
        (0,) * len(shape) if b is None else b.broadcast_strides(shape),
        out.strides,
    ]
    if flat:
        four, strides = (1, 1, 1, out.size), [(0, 0, 0, 1)] * 3
    else:
        four, strides = _four_axes(shape, views)
    engine.add(
        Job(
            "elementwise",
            {
                "operation": operation,
                "shape": four,
                "a_strides": strides[0],
                "b_strides": strides[1],
                "out_strides": strides[2],
                "a": a.address,
                "b": None if b is None else b.address,
                "out": out.address,
                "value": value & 0xFFFFFFFF,
                "alpha": a.factor,
                "beta": 1.0 if b is None else b.factor,
                "contiguous": int(flat),
                "size": out.size,
                "weight": None if weight is None else weight.address,
                "shift": None if shift is None else shift[0].address,
                "shift_stride": 0 if shift is None else shift[1],
            },
            reads=[x.span for x in (*operands, weight, None if shift is None else shift[0]) if x is not None],
            writes=[out.span if shift is None else Span(out.hold.block, 0, out.hold.block.size)],
            groups=-(-out.size // _PER_GROUP),
        )
    )
    return out


def plain(engine: Engine, x: Tensor) -> Tensor:
    """The same array, packed and with its factor multiplied in; itself if it is so already."""
    if x.plain:
        return x
    return elementwise(engine, COPY if x.factor == 1.0 else SCALE, x, dtype=x.dtype)


def reshape(engine: Engine, x: Tensor, shape: Sequence[int]) -> Tensor:
    """In another shape; the elements move only if they must."""
    view = x.reshaped(shape)
    if view is None:
        view = plain(engine, x).reshaped(shape)
        assert view is not None
    return view


def sum_to(engine: Engine, g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo broadcasting: add up the axes along which a smaller operand was repeated."""
    if g.shape == shape:
        return g
    leading = len(g.shape) - len(shape)
    axes = [
        axis
        for axis in range(len(g.shape))
        if axis < leading or (shape[axis - leading] == 1 and g.shape[axis] != 1)
    ]
    for axis in reversed(axes):  # a kept axis of size 1 stays until the end
        g = _sum_axis(engine, g, axis)
    return reshape(engine, g, shape)


def _sum_axis(engine: Engine, x: Tensor, axis: int) -> Tensor:
    sizes = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    three = (math.prod(sizes[0]), sizes[1], math.prod(sizes[2]))
    out = empty(engine, (*sizes[0], 1, *sizes[2]))
    engine.add(sum_job(reshape(engine, x, three), out.span))
    return out


def _four_axes(
    shape: tuple[int, ...], views: list[tuple[int, ...]]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The same walk over at most four axes: neighbours that every view steps through evenly become one."""
    axes: list[tuple[int, list[int]]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        steps = [view[axis] for view in views]
        if axes and all(before == step * size for before, step in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * size, steps)
        else:
            axes.append((size, steps))
    if len(axes) > 4:
        raise ValueError(f"an array of shape {shape} with {len(axes)} separate axes; at most 4 are supported")
    missing = 4 - len(axes)
    four = (1,) * missing + tuple(size for size, _ in axes)
    strides = [(0,) * missing + tuple(steps[view] for _, steps in axes) for view in range(len(views))]
    return four, strides


__all__ = [
    "ADD",
    "COPY",
    "DIFFERS",
    "GATE",
    "REACH",
    "RELU",
    "SCALE",
    "WEIGH",
    "elementwise",
    "empty",
    "fill",
    "from_words",
    "packed_strides",
    "plain",
    "reshape",
    "sum_to",
    "to_words",
    "upload",
]
