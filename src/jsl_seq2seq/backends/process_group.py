"""Processes that train one model together."""

from __future__ import annotations

import os

from ..errors import UserError


def started_processes() -> int:
    """The number of processes that ``torchrun`` started together, this one included: WORLD_SIZE."""
    return max(1, _whole_number("WORLD_SIZE", 1))


def local_rank() -> int:
    """This process's number on its machine: LOCAL_RANK."""
    return _whole_number("LOCAL_RANK", 0)


def _whole_number(variable: str, default: int) -> int:
    """An environment variable's value; ``default`` if it is not set, or empty.

    Raises:
        UserError: it is something else.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise UserError(
            f"環境変数 {variable} が 0 以上の整数ではありません: {value}",
            f"torchrun を使わないなら、{variable} を外してください（unset {variable}）。",
            code="environment-not-a-number",
            variable=variable,
            value=value,
        )
    return int(value)


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
