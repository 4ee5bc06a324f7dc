"""Sequences that make an item when it is asked for; rows of different lengths in one flat array or file."""

from __future__ import annotations

import os
import weakref
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, TypeVar, overload

import numpy as np

_BLOCK = 1 << 16
"""Ids (four bytes each) that are read or written at a time."""


Item = TypeVar("Item", covariant=True)


class LazySequence(Sequence[Item]):
    """A sequence that makes each item when it is asked for; a slice of it is a tuple of items."""

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self._item(position) for position in range(*index.indices(len(self))))
        return self._item(index)

    @abstractmethod
    def _item(self, index: int) -> Item:
        """The item at an index, which may be negative."""


class Ragged(LazySequence[np.ndarray]):
    """Rows of int32 ids. Memory: 12 bytes a row, and the ids unless they are in a file.

    A file is read and not mapped. Both share one copy among all processes, the system's; but every page that was
    touched of a mapping, and 15 around it, would count as memory of each process.

    Args:
        ids: all rows' ids, or an open file of them, which is closed with the last of these objects.
        lengths: of each row, int32.
        starts: where each row begins in ``ids``, ascending; one after the other unless given.
    """

    def __init__(
        self, ids: np.ndarray | BinaryIO, lengths: np.ndarray, starts: np.ndarray | None = None
    ) -> None:
        if starts is None and not lengths.any():
            lengths = starts = np.broadcast_to(np.int64(0), len(lengths))  # takes no memory
        elif starts is None:
            starts = np.zeros(len(lengths), np.int64)
            np.cumsum(lengths[:-1], out=starts[1:])
        self.lengths, self._starts = lengths, starts
        self._ids: np.ndarray | _File = ids if isinstance(ids, np.ndarray) else _File(ids)

    def __len__(self) -> int:
        return len(self.lengths)

    def _item(self, index: int) -> np.ndarray:
        return self._read(int(self._starts[index]), int(self.lengths[index]))

    def blocks(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """One pass over the ids, in blocks of whole rows: the first one's index, all ids, the rows' lengths."""
        first = 0
        while first < len(self):
            begin = self._starts[first]
            last = max(first + 1, int(np.searchsorted(self._starts, begin + _BLOCK)))
            starts, lengths = self._starts[first:last] - begin, self.lengths[first:last]
            ids = self._read(int(begin), int(starts[-1] + lengths[-1]))
            if len(ids) != lengths.sum():  # rows in between were left out
                shifts = starts - (np.cumsum(lengths) - lengths)
                ids = ids[np.arange(lengths.sum()) + np.repeat(shifts, lengths)]
            yield first, ids, lengths
            first = last

    def select(self, rows: np.ndarray) -> Ragged:
        """Only these rows (ascending indices, or a mask); the ids are shared."""
        selected = Ragged(np.zeros(0, np.int32), self.lengths[rows], self._starts[rows])
        selected._ids = self._ids
        return selected

    def replaced(self, by: np.ndarray) -> Ragged | None:
        """The same rows with ``by[id]`` for each id; ``None`` if the ids are in a file."""
        if isinstance(self._ids, np.ndarray):
            return Ragged(by[self._ids], self.lengths, self._starts)
        return None

    def _read(self, begin: int, count: int) -> np.ndarray:
        ids = self._ids
        return ids[begin : begin + count] if isinstance(ids, np.ndarray) else ids.read(begin, count)


class _File:
    """Ids in a file, closed with this object."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._descriptor = file, file.fileno()
        weakref.finalize(self, file.close)

    def read(self, begin: int, count: int) -> np.ndarray:
        """``count`` ids from ``begin`` on."""
        if hasattr(os, "pread"):
            return np.frombuffer(os.pread(self._descriptor, 4 * count, 4 * begin), np.int32)
        self._file.seek(4 * begin)
        return np.frombuffer(self._file.read(4 * count), np.int32)


class RaggedWriter:
    """Collects rows; in memory, or in a file.

    Raises:
        OSError: from :meth:`append` and :meth:`finish`, if the file cannot be written.
    """

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file, self._ids, self._lengths = file, array("i"), array("i")

    def append(self, row: Iterable[int]) -> None:
        """Add a row."""
        before = len(self._ids)
        self._ids.extend(row)
        self._lengths.append(len(self._ids) - before)
        if self._file and len(self._ids) > _BLOCK:
            self._flush(self._file)

    def finish(self) -> Ragged:
        """All rows. The file, if there is one, has to be readable."""
        if self._file:
            self._flush(self._file)
            self._file.flush()
        lengths = np.frombuffer(self._lengths, np.int32)
        return Ragged(self._file or np.frombuffer(self._ids, np.int32), lengths)

    def _flush(self, file: BinaryIO) -> None:
        file.write(self._ids.tobytes())
        self._ids = array("i")
