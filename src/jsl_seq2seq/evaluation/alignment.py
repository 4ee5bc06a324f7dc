"""Which produced tag answers to which right one: the cheapest way to turn one sequence into the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Pair = tuple[str | None, str | None]
"""A right tag and the produced one; ``None`` where the other has no partner."""


@dataclass(frozen=True)
class Edits:
    """What must be done to make a produced sequence right.

    Attributes:
        length: right tags in all.
    """

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0
    length: int = 0

    def __add__(self, other: Edits) -> Edits:
        return Edits(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.length + other.length,
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float:
        """Word error rate over tags, (S + I + D) / N; above 1 if more was produced than was right."""
        return self.total / max(self.length, 1)


def align(right: Sequence[str], produced: Sequence[str]) -> list[Pair]:
    """Pairs in order, with as few differences as there can be (Levenshtein 1966).

    Of several ways with as few, the one that pairs tags as early as it can is taken, always the same.
    """
    # cost[i][j]: differences between the last i right and the last j produced tags
    cost = [[0] * (len(produced) + 1) for _ in range(len(right) + 1)]
    for i in range(len(right) + 1):
        for j in range(len(produced) + 1):
            if not i or not j:
                cost[i][j] = i + j
                continue
            other = right[-i] != produced[-j]
            cost[i][j] = min(cost[i - 1][j - 1] + other, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    pairs: list[Pair] = []
    i, j = len(right), len(produced)
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (right[-i] != produced[-j]):
            pairs.append((right[-i], produced[-j]))
            i, j = i - 1, j - 1
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            pairs.append((right[-i], None))
            i -= 1
        else:
            pairs.append((None, produced[-j]))
            j -= 1
    return pairs


def edits(right: Sequence[str], produced: Sequence[str]) -> Edits:
    """How many tags were replaced, added and left out."""
    pairs = align(right, produced)
    return Edits(
        substitutions=sum(a is not None and b is not None and a != b for a, b in pairs),
        insertions=sum(a is None for a, _ in pairs),
        deletions=sum(b is None for _, b in pairs),
        length=len(right),
    )
