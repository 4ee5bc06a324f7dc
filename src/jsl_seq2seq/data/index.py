"""What one pass over a corpus keeps of every row, whatever the row's length: 28 bytes."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from .formats.base import Row
from .pairs import SentencePair


class Index:
    """Where rows stand, and keys by which equal sentences and equal tags are found again.

    A key is 64 bits of BLAKE2b. Two different sentences among a hundred million have the same one with a
    probability of 1 in 3,000; what that would do is drop one pair as a repetition, if its tags are equal too.
    """

    def __init__(self) -> None:
        self._offsets, self._lines = array("q"), array("I")
        self._sources, self._targets = array("Q"), array("Q")

    def add(self, row: Row, pair: SentencePair) -> None:
        """Remember a row."""
        self._offsets.append(row.offset)
        self._lines.append(row.line)
        self._sources.append(_key(pair.source))
        self._targets.append(_key("\x1f".join(pair.tags)))

    def line(self, position: int) -> int:
        """The line number of a row."""
        return self._lines[position]

    def offsets(self) -> np.ndarray:
        """Where rows begin, int64."""
        return np.frombuffer(self._offsets, np.int64)

    def sources(self) -> np.ndarray:
        """Keys of the sentences, uint64."""
        return np.frombuffer(self._sources, np.uint64)

    def repeated(self) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """What stands more than once.

        Returns:
            The rows that repeat an earlier one, ascending; and as pairs the row where a sentence stands first
            and each where it has other tags.
        """
        sources, targets = self.sources(), np.frombuffer(self._targets, np.uint64)
        order = np.lexsort((targets, sources))  # stable: equal rows stay in file order
        starts = np.ones(len(order) + 1, bool)
        starts[1:-1] = sources[order[1:]] != sources[order[:-1]]
        shared = np.flatnonzero(~(starts[:-1] & starts[1:]))  # sentences that stand once are done with
        rows, starts = order[shared], starts[shared]
        if not len(rows):
            return rows, []
        firsts = np.minimum.reduceat(rows, np.flatnonzero(starts))[np.cumsum(starts) - 1]
        other = targets[rows] != targets[firsts]
        contradictions = sorted(zip(rows[other].tolist(), firsts[other].tolist(), strict=True))
        again = ~starts[1:] & (targets[rows[1:]] == targets[rows[:-1]])
        return np.sort(rows[1:][again]), [(first, row) for row, first in contradictions]


def source_keys(pairs: Sequence[SentencePair]) -> np.ndarray:
    """Keys of the pairs' sentences, uint64; those that are known already are not computed again."""
    known = getattr(pairs, "sources", None)
    if known is not None:
        return known
    return np.fromiter((_key(pair.source) for pair in pairs), np.uint64, len(pairs))


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
