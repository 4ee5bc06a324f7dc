"""Arrays on the device: a block of memory and how to read it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from itertools import pairwise

from .job import Address, Block, Span


class BlockRef:
    """A counted reference to a block: its memory is released with the last array in it."""

    __slots__ = ("__weakref__", "_release", "block")

    def __init__(self, block: Block, release: Callable[[Block], None]) -> None:
        self.block = block
        self._release = release
        block.held = True
        block.holder = weakref.ref(self)

    def __del__(self) -> None:
        self.block.held = False
        self._release(self.block)


class Tensor:
    """An array on the device.

    Transposing, cutting and multiplying by a number only make another description of the same memory.

    Attributes:
        shape: sizes of the axes.
        strides: words from one element to the next, along each axis.
        offset: the first element's place in the block, in words.
        factor: every element is to be multiplied by this when it is read.
        dtype: ``float32``, ``int32``, ``uint32`` or ``bool``; each element takes one word.
    """

    __slots__ = ("dtype", "factor", "offset", "ref", "shape", "strides")

    def __init__(
        self,
        ref: BlockRef,
        shape: Sequence[int],
        strides: Sequence[int] | None = None,
        offset: int = 0,
        factor: float = 1.0,
        dtype: str = "float32",
    ) -> None:
        self.ref = ref
        self.shape = tuple(shape)
        self.strides = packed_strides(self.shape) if strides is None else tuple(strides)
        self.offset = offset
        self.factor = factor
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"Tensor(shape={self.shape}, dtype={self.dtype})"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def packed(self) -> bool:
        """Whether the elements lie one after another in C order."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True

    @property
    def plain(self) -> bool:
        """Packed, and to be read as it is."""
        return self.factor == 1.0 and self.packed

    @property
    def address(self) -> Address:
        return Address(self.ref.block, self.offset)

    @property
    def span(self) -> Span:
        """All words that lie between its first and its last element."""
        reach = sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        return Span(self.ref.block, self.offset, self.offset + reach + 1)

    def view(self, shape: Sequence[int], strides: Sequence[int], offset: int | None = None) -> Tensor:
        """Another description of the same memory."""
        return Tensor(
            self.ref, shape, strides, self.offset if offset is None else offset, self.factor, self.dtype
        )

    def scaled(self, factor: float) -> Tensor:
        """factor · self, without computing anything yet."""
        return Tensor(self.ref, self.shape, self.strides, self.offset, self.factor * factor, self.dtype)

    def transposed(self, axes: Sequence[int]) -> Tensor:
        """Axes in another order."""
        return self.view([self.shape[axis] for axis in axes], [self.strides[axis] for axis in axes])

    def reshaped(self, shape: Sequence[int]) -> Tensor | None:
        """In another shape without moving anything, or ``None`` if that is impossible."""
        shape = completed(shape, self.size)
        if self.packed:
            return self.view(shape, packed_strides(shape))
        strides = _refit(self.shape, self.strides, shape)
        return None if strides is None else self.view(shape, strides)

    def broadcast_strides(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Strides for reading it as if it had ``shape``: 0 along axes that are repeated."""
        missing = len(shape) - self.ndim
        strides = [0] * missing
        for size, stride, wanted in zip(self.shape, self.strides, shape[missing:], strict=True):
            if size != wanted and size != 1:
                raise ValueError(f"shape {self.shape} does not broadcast to {tuple(shape)}")
            strides.append(stride if size == wanted and size != 1 else 0)
        return tuple(strides)


def packed_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """C order."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def completed(shape: Sequence[int], size: int) -> tuple[int, ...]:
    """``shape`` with its -1, if there is one, worked out."""
    shape = tuple(shape)
    if -1 in shape:
        rest = math.prod(length for length in shape if length != -1)
        shape = tuple(size // rest if length == -1 else length for length in shape)
    if math.prod(shape) != size:
        raise ValueError(f"cannot reshape {size} elements into {shape}")
    return shape


def _refit(shape: tuple[int, ...], strides: tuple[int, ...], wanted: tuple[int, ...]) -> list[int] | None:
    """Strides for ``wanted``, matching groups of old axes with groups of new ones of the same size."""
    old = [(size, stride) for size, stride in zip(shape, strides, strict=True) if size != 1]
    result: list[int] = []
    position = 0
    index = 0
    while index < len(wanted):
        if wanted[index] == 1:
            result.append(0)
            index += 1
            continue
        if position == len(old):
            return None
        # grow both groups until they hold equally many elements
        first_old, first_new = position, index
        old_size, new_size = old[position][0], wanted[index]
        while old_size != new_size:
            if old_size < new_size:
                position += 1
                if position == len(old):
                    return None
                old_size *= old[position][0]
            else:
                index += 1
                if index == len(wanted):
                    return None
                new_size *= wanted[index]
        group = old[first_old : position + 1]
        if any(outer[1] != inner[0] * inner[1] for outer, inner in pairwise(group)):
            return None
        step = group[-1][1]
        steps = []
        for size in reversed(wanted[first_new : index + 1]):
            steps.append(step)
            step *= size
        result += reversed(steps)
        position += 1
        index += 1
    return result
