"""Labelled tables as CSV that spreadsheets open safely and programs read back exactly."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a label that begins like this (OWASP, "CSV Injection")."""


def table_csv(
    values: np.ndarray, row_labels: Sequence[str], column_labels: Sequence[str], corner: str
) -> str:
    """CSV text: a header of column labels, then a label and its numbers on each row.

    Numbers keep every bit of a float32. A label that a spreadsheet would take for a formula gets an
    apostrophe in front.

    Args:
        values: [rows, columns].
        corner: the header's first cell; says what rows and columns are.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([corner, *map(_safe, column_labels)])
    for label, row in zip(row_labels, values, strict=True):
        writer.writerow([_safe(label), *(format(float(value), ".9g") for value in row)])
    return out.getvalue()


def read_table(text: str) -> tuple[np.ndarray, list[str], list[str]]:
    """Values [rows, columns], row labels and column labels of what :func:`table_csv` wrote."""
    header, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    values = np.array([[float(cell) for cell in row[1:]] for row in rows], np.float32)
    return values, [row[0] for row in rows], header[1:]


def _safe(label: str) -> str:
    return "'" + label if label.startswith(_FORMULA_STARTS) else label
