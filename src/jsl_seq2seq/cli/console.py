"""Printing that works on every console, errors in words and as JSON, and columns that line up."""

from __future__ import annotations

import io
import sys
from collections.abc import Collection, Sequence
from typing import Any, TextIO

from ..errors import JslError
from ..io import strict_json
from ..io.printable import for_terminal

NO_TAGS = "（タグなし）"
"""Printed in place of a translation that has none."""


def prepare_streams() -> None:
    """Make output possible in any encoding: what a console cannot show comes out as ``\\u30bd``, not as a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test or an editor may put something else there
            stream.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """A result, to standard output."""
    _print(text, sys.stdout)


def note(text: str) -> None:
    """Something beside the result, to standard error."""
    _print(text, sys.stderr)


def say_json(values: Any) -> None:
    """A result for programs: one line of JSON, in ASCII where the stream is not UTF-8."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(strict_json.dumps(values, ascii_only=not unicode), flush=True)


def report(error: JslError, as_json: bool = False) -> int:
    """An error, to standard error: what is wrong, then what to do; as JSON to standard output, too.

    Returns:
        The exit code.
    """
    values = error_to_dict(error)
    note(f"エラー: {values['error']}")
    if values["hint"]:
        note(f"  → {values['hint']}")
    if as_json:
        say_json(values)
    return error.exit_code


def error_to_dict(error: JslError) -> dict[str, Any]:
    """:meth:`JslError.to_dict` with the words of the command line."""
    from .hints import in_options  # noqa: PLC0415  only for errors

    what, hint = in_options(error)
    return error.to_dict() | {"error": what, "hint": hint}


def columns(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> list[str]:
    """Cells side by side, one line for each row, on a console where kana are two places wide.

    Args:
        numbers: columns that are flush right.
    """
    from rich.cells import cell_len  # noqa: PLC0415  only for tables

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        blanks = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [
            blank + cell if index in numbers else cell + blank
            for index, (cell, blank) in enumerate(zip(row, blanks, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _print(text: str, stream: TextIO) -> None:
    # what acts on a terminal (ESC, marks of direction) must not reach it from a tag or a file's name
    print(for_terminal(text), file=stream, flush=True)
