"""Processes that train one model together."""

from __future__ import annotations


class ProcessGroup:
    """A group of processes that train one model together. This class is the group of one process.

    Attributes:
        rank: this process's number, from 0. Rank 0 writes files and prints.
        world_size: number of processes.
    """

    rank: int = 0
    world_size: int = 1

    def all_reduce(self, *values: float) -> list[float]:
        """Each value's sum over all processes."""
        return list(values)

    def all_equal(self, text: str) -> bool:
        """Whether ``text`` is the same in all processes."""
        return True
