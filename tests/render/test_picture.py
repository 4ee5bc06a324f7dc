"""The places of labels and cells."""

from __future__ import annotations

import math

import pytest

from jsl_seq2seq.render.glyphs import text_width
from jsl_seq2seq.render.picture import fit_axes


@pytest.mark.parametrize("number", [0, 30])
@pytest.mark.parametrize(
    "labels",
    [["<分からない>"] * 8, ["は"] * 100, ["<ありがとう>"] * 60, ["長い" * 40] * 12, ["199"] * 200],
)
def test_shown_labels_do_not_overlap(labels: list[str], number: float) -> None:
    rows, columns = fit_axes(labels, labels, 1, 1, number)
    size = 13 if number else 11
    assert rows.step * rows.cell > size
    spacing = columns.step * columns.cell
    if columns.angle == 0:
        assert spacing > max(text_width(text, size) for _, text in columns.shown)
    else:
        assert spacing * abs(math.sin(math.radians(columns.angle))) > size
