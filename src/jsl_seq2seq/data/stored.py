"""Sentence pairs that stay in their file: a sequence that reads what it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, overload

import numpy as np

from ..errors import UserError
from ..tokenize import Tokenizers
from .formats.base import Rows
from .formats.lines import Lines
from .pairs import SentencePair, pair_of


class Stamp(NamedTuple):
    """Another one when a file has been written to."""

    size: int
    modified: int

    @classmethod
    def of(cls, file: BinaryIO) -> Stamp:
        status = os.fstat(file.fileno())
        return cls(status.st_size, status.st_mtime_ns)


class StoredPairs(Sequence[SentencePair]):
    """The pairs of a corpus file that was read once and found good. Memory: 16 bytes a pair.

    Args:
        stamp: the file's when it was read.
        rows: how to read on from the beginning of a row.
        offsets: where each pair's row begins, ascending.
        sources: key of each pair's sentence.

    Raises:
        UserError: on any access, if the file is no longer what it was.
    """

    def __init__(
        self,
        path: Path,
        stamp: Stamp,
        rows: Rows,
        tokenizers: Tokenizers,
        hint: str,
        offsets: np.ndarray,
        sources: np.ndarray,
    ) -> None:
        self._path, self._stamp, self._rows, self._tokenizers, self._hint = (
            path,
            stamp,
            rows,
            tokenizers,
            hint,
        )
        self._offsets, self.sources = offsets, sources

    def without(self, positions: np.ndarray) -> StoredPairs:
        """All pairs but those at these positions."""
        return StoredPairs(
            self._path,
            self._stamp,
            self._rows,
            self._tokenizers,
            self._hint,
            np.delete(self._offsets, positions),
            np.delete(self.sources, positions),
        )

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[SentencePair]:
        """One pass over the file."""
        with self._opened() as file:
            position = 0
            for row in self._rows(Lines(file, str(self._path), int(self._offsets[0]))):
                if row.offset == self._offsets[position]:
                    yield pair_of(row, self._tokenizers, str(self._path), self._hint)
                    position += 1
                    if position == len(self):
                        return

    @overload
    def __getitem__(self, index: int) -> SentencePair: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SentencePair, ...]: ...
    def __getitem__(self, index: int | slice) -> SentencePair | tuple[SentencePair, ...]:
        if isinstance(index, slice):
            return tuple(self[position] for position in range(*index.indices(len(self))))
        with self._opened() as file:
            row = next(self._rows(Lines(file, str(self._path), int(self._offsets[index]))))
            return pair_of(row, self._tokenizers, str(self._path), self._hint)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with self._path.open("rb") as file:
                if Stamp.of(file) != self._stamp:
                    raise UserError(
                        f"データのファイルが、読んでいるあいだに書き換えられました: {self._path}",
                        "書き換えが終わってから、もう一度始めてください。",
                    )
                yield file
        except OSError as error:
            raise UserError(
                f"データのファイルを読めなくなりました: {self._path}（{error.strerror}）"
            ) from None
