"""The device's memory: one buffer, in which every array is a range of words."""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np

from ...errors import Failure
from .device import Adapter, out_of_memory, translated_errors, wgpu
from .job import Block

_ALIGNMENT = 64
"""Arrays begin at multiples of 256 bytes."""
_FIRST_SIZE = 2**20
_PAGE = 2**16
"""Reading one small array brings its neighbours along, so that a thousand losses are not a thousand trips."""


class FreeList:
    """Hands out ranges of an address space that grows: first fit, neighbours joined when they come back."""

    def __init__(self) -> None:
        self.size = 0
        self._starts: list[int] = []
        self._ends: list[int] = []

    def take(self, size: int) -> int | None:
        """Where ``size`` words are free, now taken; ``None`` if nowhere."""
        size = aligned(size)
        for index, (start, end) in enumerate(zip(self._starts, self._ends, strict=True)):
            if end - start >= size:
                if end - start == size:
                    del self._starts[index], self._ends[index]
                else:
                    self._starts[index] = start + size
                return start
        return None

    def take_or_grow(self, size: int) -> int:
        """Like :meth:`take`, adding as much as is needed at the end."""
        place = self.take(size)
        if place is None:
            self.grow(self._last_used() + aligned(size))
            place = self.take(size)
        assert place is not None
        return place

    def grow(self, size: int) -> None:
        """Make the space ``size`` words long."""
        if size > self.size:
            self.size, before = size, self.size
            self.give(before, size - before)

    def give(self, place: int, size: int) -> None:
        """Take a range back."""
        end = place + aligned(size)
        index = bisect.bisect_left(self._starts, place)
        self._starts.insert(index, place)
        self._ends.insert(index, end)
        if index + 1 < len(self._starts) and self._starts[index + 1] == end:
            self._ends[index] = self._ends.pop(index + 1)
            del self._starts[index + 1]
        if index > 0 and self._ends[index - 1] == place:
            self._ends[index - 1] = self._ends.pop(index)
            del self._starts[index]

    def _last_used(self) -> int:
        """Where the free range at the very end begins."""
        return self._starts[-1] if self._ends and self._ends[-1] == self.size else self.size

    @property
    def free(self) -> int:
        """Words that are not taken."""
        return sum(self._ends) - sum(self._starts)


class Memory:
    """One buffer that holds everything. It grows by moving into a larger one; places stay what they are."""

    def __init__(self, adapter: Adapter, device: Any) -> None:
        self._device = device
        self.limit = adapter.binding // 4 // _ALIGNMENT * _ALIGNMENT
        """Words that the buffer can have at most."""
        self._free_list = FreeList()
        self._staging: Any = None
        self._page: tuple[int, np.ndarray] | None = None
        self.generation = 0
        """Number of buffers so far; a bind group of an older buffer is stale."""
        self.buffer = self._make(min(_FIRST_SIZE, self.limit))
        self._free_list.grow(min(_FIRST_SIZE, self.limit))

    @property
    def in_use(self) -> int:
        """Bytes taken by arrays."""
        return 4 * (self._free_list.size - self._free_list.free)

    @property
    def size(self) -> int:
        """Bytes of the buffer."""
        return 4 * self._free_list.size

    def place(self, block: Block) -> None:
        """Give a block its place, and put its values there if the host has some."""
        place = self._free_list.take(block.size)
        if place is None:
            self._grow(block.size)
            place = self._free_list.take(block.size)
            assert place is not None
        block.place = place
        if block.values is not None:
            self.write(place, block.values)
            block.values = None

    def free(self, block: Block) -> None:
        """Take a block's place back."""
        assert block.place is not None
        self._free_list.give(block.place, block.size)
        block.place = None

    def write(self, place: int, values: np.ndarray) -> None:
        """Put 32-bit values at a place, after everything that was submitted before."""
        if values.size:
            with translated_errors():
                self._device.queue.write_buffer(self.buffer, 4 * place, np.ascontiguousarray(values))
        self.changed()

    def changed(self) -> None:
        """Drop the page that was read: the device's memory is about to change."""
        self._page = None

    def read(self, place: int, size: int) -> np.ndarray:
        """``size`` words at a place, when everything submitted before is done, as unsigned integers."""
        if self._page is not None:
            start, words = self._page
            if start <= place and place + size <= start + words.size:
                return words[place - start : place - start + size].copy()
        if size > _PAGE:
            return self._fetch(place, size)
        start = place // _PAGE * _PAGE
        end = min(max(start + _PAGE, place + size), self._free_list.size)
        words = self._fetch(start, end - start)
        self._page = (start, words)
        return words[place - start : place - start + size].copy()

    def _fetch(self, place: int, size: int) -> np.ndarray:
        device = self._device
        with translated_errors():
            if self._staging is None or self._staging.size < 4 * size:
                usage = wgpu.BufferUsage.MAP_READ | wgpu.BufferUsage.COPY_DST
                self._staging = device.create_buffer(size=4 * max(size, _PAGE), usage=usage)
            encoder = device.create_command_encoder()
            encoder.copy_buffer_to_buffer(self.buffer, 4 * place, self._staging, 0, 4 * size)
            device.queue.submit([encoder.finish()])
            self._staging.map_sync("READ_NOSYNC", 0, 4 * size)
            words = np.frombuffer(self._staging.read_mapped(0, 4 * size), np.uint32)
            self._staging.unmap()
        return words

    def _grow(self, more: int) -> None:
        before = self._free_list.size
        wanted = before + aligned(more)
        if wanted > self.limit:
            raise out_of_memory(4 * wanted, 4 * self.limit)
        size = min(max(wanted, 2 * before), self.limit)
        try:
            larger = self._make(size)
        except Failure:
            if size == wanted:
                raise
            size, larger = wanted, self._make(wanted)
        with translated_errors():
            encoder = self._device.create_command_encoder()
            encoder.copy_buffer_to_buffer(self.buffer, 0, larger, 0, 4 * before)
            self._device.queue.submit([encoder.finish()])
            self.buffer.destroy()
        self.buffer = larger
        self.generation += 1
        self._free_list.grow(size)

    def _make(self, words: int) -> Any:
        usage = wgpu.BufferUsage.STORAGE | wgpu.BufferUsage.COPY_SRC | wgpu.BufferUsage.COPY_DST
        with translated_errors():
            return self._device.create_buffer(label="memory", size=4 * words, usage=usage)


def aligned(size: int) -> int:
    """``size`` words rounded up to what is handed out."""
    return -(-max(size, 1) // _ALIGNMENT) * _ALIGNMENT
