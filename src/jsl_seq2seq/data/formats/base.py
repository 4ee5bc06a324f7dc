"""What every corpus format comes down to: rows of a sentence and what stands for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from .lines import Lines

SOURCE_NAMES = ("source", "日本語", "text")
TARGET_NAMES = ("target", "tags", "タグ", "gloss")
PHENOMENON_NAMES = ("phenomenon", "現象")
"""What a column (CSV) or key (JSONL) may be called."""


class Row(NamedTuple):
    """One pair as a file spells it.

    Attributes:
        line: the first line it stands on, from 1.
        offset: where that line begins, in bytes.
        target: as one text, or taken apart already.
        column, column_name: where in the row the target stands, from 1; 0 and empty if that is plain to see.
    """

    line: int
    offset: int
    source: str
    target: str | tuple[str, ...]
    phenomenon: str = ""
    column: int = 0
    column_name: str = ""


Rows = Callable[[Lines], Iterator[Row]]
"""Rows from wherever the lines stand, which is the beginning of a row."""


class Format(NamedTuple):
    """How a kind of file is read.

    Attributes:
        hint: how one writes such a file, in Japanese.
        start: reads what stands before the first row, if anything, and returns how to read rows.
    """

    hint: str
    start: Callable[[Lines], Rows]
