"""Sequences of different lengths in one rectangular array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..settings import PAD


def pad_rows(rows: Sequence[Sequence[int]], multiple: int = 1, at_least: int = 1) -> np.ndarray:
    """[B, L] int32, each row filled up with PAD behind its end.

    Args:
        rows: at least one.
        multiple: L is the longest row's length rounded up to a multiple of this, so that shapes repeat.
        at_least: L is never smaller than this, nor than 1.
    """
    longest = max(at_least, 1, *(len(row) for row in rows))
    padded = np.full((len(rows), -(-longest // multiple) * multiple), PAD, np.int32)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return padded
