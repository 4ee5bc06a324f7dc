"""Heat maps as self-contained SVG: attention weights and model weights, with Japanese labels.

A picture needs no font, script or style sheet. Labels are outlines (``glyphs.py``), every cell
tells its row, column and value when pointed at, and a description in words goes with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .colours import ColourScale, finite_values, fit_scale, number_writer
from .glyphs import text_width, visible
from .picture import SMALL, Picture, fit_axes

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = Sequence[Sequence[float]] | npt.NDArray[Any]

MAX_CELLS = 200
"""Rows and columns drawn at most; a larger matrix is averaged in blocks."""
MAX_PRINTED = 20
"""Rows and columns up to which each cell shows its value as a number."""


def heatmap_svg(
    values: Values,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    title: str,
    subtitle: str = "",
    row_title: str,
    column_title: str,
    value_range: tuple[float, float] | None = None,
    zero_is_masked: bool = False,
) -> str:
    """Draw a matrix as an SVG picture.

    Args:
        values: rows of numbers, at least 1 x 1. NaN and infinities are hatched.
        row_labels, column_labels: one per row and column; shortened in the picture if long.
        title, subtitle: what is shown, and of what.
        row_title, column_title: what rows and columns are.
        value_range: values at the two ends of the colours; with a negative end the colours diverge
            around 0. Default: 0 to the largest value, or -m to m where any value is negative.
        zero_is_masked: hatch the values that are exactly 0, as a mask leaves them.

    Returns:
        An SVG document, the same for the same arguments. More than MAX_CELLS rows or columns are
        averaged in blocks, and the picture says so.

    Raises:
        ValueError: if `values` is not two-dimensional or empty, if there are not as many labels as
            rows or columns, or if `value_range` is not two finite numbers in ascending order.
    """
    table = _checked(values, row_labels, column_labels)
    down, across = (math.ceil(len(labels) / MAX_CELLS) for labels in (row_labels, column_labels))
    averaged = down * across > 1
    grid = _averaged(table, down, across) if averaged else table
    finite = finite_values(grid)
    scale = fit_scale(finite, value_range)
    write = number_writer(max(map(abs, (scale.low, scale.high, *finite))))

    printed = max(len(grid), len(grid[0])) <= MAX_PRINTED
    number_width = max(text_width(write(v), SMALL) for row in grid for v in row) if printed else 0
    rows, columns = fit_axes(row_labels, column_labels, down, across, number_width)
    picture = Picture(grid, scale, write, rows, columns, printed, zero_is_masked)

    notes = []
    if averaged:
        notes.append(
            f"{len(table)} × {len(table[0])} の値を {down} × {across} 個ごとに平均し、"
            f"{len(grid)} × {len(grid[0])} のマスに縮めて表示しています。"
        )
    if rows.hides_labels() or columns.hides_labels():
        notes.append("省いたラベルは、ブラウザでマスにポインターを重ねると読めます。")
    shape = f"{row_title} ({len(table)})、{column_title} ({len(table[0])})。"
    description = "".join([shape, _summary(table, row_labels, column_labels, scale), *notes])
    return picture.svg(title, subtitle, row_title, column_title, notes, visible(description))


def _checked(values: Values, row_labels: Sequence[str], column_labels: Sequence[str]) -> list[list[float]]:
    try:
        table = [[float(value) for value in row] for row in values]
    except TypeError as error:
        raise ValueError(f"values must be rows of numbers: {error}") from error
    if not table or not table[0]:
        raise ValueError("values must have at least one row and one column")
    height, width = len(table), len(table[0])
    for side, labels, count in (("row", row_labels, height), ("column", column_labels, width)):
        if len(labels) != count:
            raise ValueError(f"{side}_labels: {len(labels)} labels for {count} {side}s of values")
    for i, row in enumerate(table):
        if len(row) != width:
            raise ValueError(f"row {i} has {len(row)} values, row 0 has {width}")
    return table


def _averaged(table: list[list[float]], down: int, across: int) -> list[list[float]]:
    """Means over blocks of down x across values, NaN and infinities left out."""

    def mean(top: int, left: int) -> float:
        kept = finite_values(row[left : left + across] for row in table[top : top + down])
        # Divided first: the sum of large values may leave the floats.
        return sum(value / len(kept) for value in kept) if kept else math.nan

    columns = range(0, len(table[0]), across)
    return [[mean(top, left) for left in columns] for top in range(0, len(table), down)]


def _summary(
    table: list[list[float]],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    scale: ColourScale,
) -> str:
    """What the picture shows, in words, for people who listen to it."""
    finite = finite_values(table)
    if not finite:
        return "数値はありません。"
    text = f"値は {min(finite):.4g} から {max(finite):.4g}。"
    if scale.low < 0 or len(table) > 40:
        return text
    tops = []
    for label, row in zip(row_labels, table, strict=True):
        best = max(range(len(row)), key=lambda i: row[i] if math.isfinite(row[i]) else -math.inf)
        if math.isfinite(row[best]):
            tops.append(f"{visible(label)} → {visible(column_labels[best])} ({row[best]:.4g})")
    return f"{text}行ごとの最大: {'、'.join(tops)}。"
