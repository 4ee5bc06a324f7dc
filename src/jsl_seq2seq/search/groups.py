"""Which sentences are decoded side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_MAX_SCORES = 64 * 256**2
"""Attention scores of one head, over all sentences that are translated side by side."""


def groups(lengths: Sequence[int], most: int, beam: int = 1) -> Iterator[list[int]]:
    """Indices of the sentences that go side by side: of like length, so that little of a batch is padding.

    Args:
        lengths: of each sentence.
        most: sentences in one group.
        beam: rows that each sentence takes.
    """
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        scores = (len(group) + 1) * beam * lengths[index] ** 2
        if len(group) == most or (group and scores > _MAX_SCORES):
            yield group
            group = []
        group.append(index)
    if group:
        yield group
