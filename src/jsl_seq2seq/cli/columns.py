"""Columns that line up on a console where kana are two places wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence


def columns(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> list[str]:
    """One line for each row.

    Args:
        numbers: columns that are flush right.
    """
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            _filled(cell, size, right=index in numbers)
            for index, (cell, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def width(text: str) -> int:
    """Places that a text takes."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _filled(cell: str, size: int, right: bool) -> str:
    blank = " " * (size - width(cell))
    return blank + cell if right else cell + blank
