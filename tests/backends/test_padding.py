"""Sequences of different lengths in one array: rows padded to one length."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import pad_rows
from jsl_seq2seq.settings import PAD

ROWS = st.lists(st.lists(st.integers(1, 100), max_size=9), min_size=1, max_size=5)


@given(ROWS, st.integers(1, 8))
def test_rows_come_back_and_the_rest_is_padding(rows: list[list[int]], multiple: int) -> None:
    padded = pad_rows(rows, PAD, multiple)
    assert padded.dtype == np.int32
    assert padded.shape[0] == len(rows)
    for row, line in zip(rows, padded.tolist(), strict=True):
        assert line[: len(row)] == row
        assert set(line[len(row) :]) <= {PAD}


@given(ROWS, st.integers(1, 8))
def test_no_longer_than_needed(rows: list[list[int]], multiple: int) -> None:
    longest = max(1, *map(len, rows), 0)
    length = pad_rows(rows, PAD, multiple).shape[1]
    assert length % multiple == 0
    assert longest <= length < longest + multiple
