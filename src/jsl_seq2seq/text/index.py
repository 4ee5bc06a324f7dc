"""What one pass over a corpus keeps of every row, whatever the row's length: 32 bytes."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from .pairs import SentencePair
from .rows import Row


class Index:
    """Where rows stand, and keys by which equal sentences and equal tags are found again.

    A key is 64 bits of BLAKE2b. Two different sentences among a hundred million have the same one with a
    probability of 1 in 3,000; what that would do is drop one pair as a repetition, if its tags are equal too.
    """

    def __init__(self) -> None:
        self._offsets, self._lines = array("q"), array("q")
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
        return np.array(self._offsets, np.int64)

    def sources(self) -> np.ndarray:
        """Keys of the sentences, uint64."""
        return np.array(self._sources, np.uint64)

    def first_ones(self) -> np.ndarray:
        """Positions of the rows that repeat no earlier one."""
        sources, targets = self.sources(), np.array(self._targets, np.uint64)
        order = np.lexsort((targets, sources))  # stable: equal rows stay in file order
        repeats = np.zeros(len(order), bool)
        repeats[order[1:]] = (np.diff(sources[order]) == 0) & (np.diff(targets[order]) == 0)
        return np.flatnonzero(~repeats)

    def contradictions(self) -> list[tuple[int, int]]:
        """The row where a sentence stands first, and one where it has other tags; all such pairs of rows."""
        sources, targets = self.sources(), np.array(self._targets, np.uint64)
        _, first, group = np.unique(sources, return_index=True, return_inverse=True)
        firsts = first[group]
        other = np.flatnonzero(targets != targets[firsts])
        return list(zip(firsts[other].tolist(), other.tolist(), strict=True))


def source_keys(pairs: Sequence[SentencePair]) -> np.ndarray:
    """Keys of the pairs' sentences, uint64; those that are known already are not computed again."""
    known = getattr(pairs, "sources", None)
    if known is not None:
        return known
    return np.fromiter((_key(pair.source) for pair in pairs), np.uint64, len(pairs))


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
