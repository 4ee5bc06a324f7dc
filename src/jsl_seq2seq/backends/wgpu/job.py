"""Blocks of device memory, and jobs that read and write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

Constants = tuple[tuple[str, float], ...]


class Block:
    """A run of 32-bit words on the device, whose place may not be decided yet.

    Attributes:
        size: words.
        place: first word in the device's memory, once it has one.
        inside: the block that this one is a part of, and its offset there.
        values: what the host puts there before any job runs.
        held: whether an array in it is still referred to.
        bound: its place is different for each replay of a recording (arguments, results, scratch).
        holder: weak reference to its :class:`~.tensor.BlockRef`.
    """

    __slots__ = ("bound", "held", "holder", "inside", "place", "size", "values")

    def __init__(self, size: int, values: np.ndarray | None = None) -> None:
        self.size = size
        self.place: int | None = None
        self.inside: tuple[Block, int] | None = None
        self.values = values
        self.held = False
        self.bound = False
        self.holder: Callable[[], object | None] = lambda: None

    def put_inside(self, outer: Block, offset: int) -> None:
        """Make this block a part of another; everything said of this one then holds there."""
        self.inside = (outer, offset)


class Address(NamedTuple):
    """A word in a block."""

    block: Block
    offset: int

    def root(self) -> Address:
        """The same word, counted from the start of the outermost block."""
        block, offset = self
        while block.inside is not None:
            block, inner = block.inside
            offset += inner
        return Address(block, offset)


class Span(NamedTuple):
    """Words ``start`` up to but without ``end`` of a block."""

    block: Block
    start: int
    end: int

    @property
    def address(self) -> Address:
        """The first word."""
        return Address(self.block, self.start)

    def root(self) -> Span:
        """The same words, counted from the start of the outermost block."""
        block, start = Address(self.block, self.start).root()
        return Span(block, start, start + self.end - self.start)


Field = int | float | Address | tuple[int, ...] | tuple[Address | None, ...] | None


@dataclass(slots=True, eq=False)
class Job:
    """One kernel's work on some arrays.

    Attributes:
        kernel: the file in ``kernels/``, without suffix.
        fields: of the kernel's ``struct Job``, by name; ``None`` is an operand that is not there.
        reads, writes: the words it reads and writes, for ordering and for sharing memory.
        groups: workgroups.
        constants: of the pipeline.
    """

    kernel: str
    fields: dict[str, Field]
    reads: list[Span]
    writes: list[Span]
    groups: int
    constants: Constants = ()
    shape: tuple[int, ...] = field(default=())
    """Of the result, where fusing needs it."""
