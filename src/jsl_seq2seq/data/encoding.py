"""Sentence pairs as ids: in memory while they are few, in a temporary file when they are many."""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile, gettempdir
from typing import overload

import numpy as np

from ..errors import Failure

IN_MEMORY = 16 << 20
"""Bytes of ids, four each. More of them go to a file in the system's folder for temporary files."""


@dataclass(frozen=True)
class EncodedPair:
    """A sentence pair as ids, without specials."""

    source: tuple[int, ...]
    target: tuple[int, ...]


class EncodedPairs(Sequence[EncodedPair]):
    """Pairs of which only the lengths are always in memory: 16 bytes a pair.

    Args:
        pairs: the ids of both sides, one pair after the other.

    Attributes:
        source_lengths, target_lengths: how many ids each pair has, int32.

    Raises:
        Failure: the temporary file cannot be written.
    """

    def __init__(self, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  it lives as long as this object
        weakref.finalize(self, self._file.close)
        sources, targets = array("i"), array("i")
        for source, target in pairs:
            sources.append(len(source))
            targets.append(len(target))
            self._write(np.array((*source, *target), np.int32).tobytes())
        self.source_lengths, self.target_lengths = np.array(sources, np.int32), np.array(targets, np.int32)
        self._starts = np.zeros(len(sources), np.int64)
        np.cumsum((self.source_lengths + self.target_lengths)[:-1], out=self._starts[1:])

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> EncodedPair: ...
    @overload
    def __getitem__(self, index: slice) -> list[EncodedPair]: ...
    def __getitem__(self, index: int | slice) -> EncodedPair | list[EncodedPair]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        middle = int(self.source_lengths[index])
        self._file.seek(4 * int(self._starts[index]))
        raw = self._file.read(4 * (middle + int(self.target_lengths[index])))
        ids = np.frombuffer(raw, np.int32).tolist()
        return EncodedPair(tuple(ids[:middle]), tuple(ids[middle:]))

    def _write(self, ids: bytes) -> None:
        try:
            self._file.write(ids)
        except OSError as error:
            raise Failure(
                f"一時ファイルを書けません: {gettempdir()}（{error.strerror}）",
                "空き容量を増やすか、環境変数 TMPDIR（Windows では TEMP）で別のフォルダーを指定してください。",
            ) from error
