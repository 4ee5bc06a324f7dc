"""Labelled tables as CSV."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jsl_seq2seq.render.tables import read_table, table_csv

FLOATS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)
LABEL = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NASTY = [
    "a,b",
    'say "a"',
    "line\nbreak",
    "return\rhere",
    "both\r\n",
    "",
    " ",
    "ね",
    "\U00020bb7",
    "\x00",
    "'",
    ";",
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]


@given(FLOATS, st.data())
def test_every_bit_comes_back(values: np.ndarray, data: st.DataObject) -> None:
    rows = data.draw(st.lists(LABEL, min_size=values.shape[0], max_size=values.shape[0]))
    columns = data.draw(st.lists(LABEL, min_size=values.shape[1], max_size=values.shape[1]))
    back, row_labels, column_labels = read_table(table_csv(values, rows, columns, "行\\列"))
    assert back.dtype == np.float32
    assert back.tobytes() == values.tobytes()
    assert [label.removeprefix("'") for label in row_labels] == [label.removeprefix("'") for label in rows]
    assert [label.removeprefix("'") for label in column_labels] == [
        label.removeprefix("'") for label in columns
    ]


@pytest.mark.parametrize("label", NASTY)
def test_labels_come_back(label: str) -> None:
    _, rows, columns = read_table(table_csv(np.zeros((1, 1)), [label], [label], label))
    assert (rows, columns) == ([label], [label])


@pytest.mark.parametrize("label", FORMULAS)
def test_labels_are_never_formulas(label: str) -> None:
    text = table_csv(np.zeros((2, 1)), [label, "<=>"], [label], "x")
    _, rows, columns = read_table(text)
    assert (rows, columns) == ([f"'{label}", "<=>"], [f"'{label}"])
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_shape_of_the_file() -> None:
    text = table_csv(np.array([[0.5, -1.0], [0.1, 2.0]], np.float32), ["a", "b"], ["c", "d"], "行\\列")
    assert text == "行\\列,c,d\r\na,0.5,-1\r\nb,0.100000001,2\r\n"


def test_a_byte_order_mark_is_not_part_of_the_table() -> None:
    assert read_table("\ufeff" + table_csv(np.ones((1, 1)), ["r"], ["c"], "x"))[1:] == (["r"], ["c"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_come_back(value: float) -> None:
    back, *_ = read_table(table_csv(np.array([[value]], np.float32), ["r"], ["c"], "x"))
    np.testing.assert_array_equal(back, [[np.float32(value)]])


def test_too_few_labels_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        table_csv(np.zeros((2, 1)), ["only one"], ["c"], "x")
