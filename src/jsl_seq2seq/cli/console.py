"""Printing that works on every console, and errors said in words."""

from __future__ import annotations

import io
import json
import sys
from typing import Any, TextIO

from ..errors import JslError
from .hints import in_options

_CONTROL = {code: f"\\x{code:02x}" for code in [*range(0x20), *range(0x7F, 0xA0)] if code not in (0x09, 0x0A)}


def prepare_streams() -> None:
    """Make output possible in any encoding: what a console cannot show comes out as ``\\u30bd``, not as a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test or an editor may put something else there
            stream.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """A result, to standard output."""
    _print(text, sys.stdout)


NO_TAGS = "（タグなし）"
"""What is said of a translation that has none."""


def note(text: str) -> None:
    """Something beside the result, to standard error."""
    _print(text, sys.stderr)


def say_json(values: Any) -> None:
    """A result for programs: one line of JSON, in ASCII where the stream is not UTF-8."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(values, ensure_ascii=not unicode), flush=True)


def report(error: JslError) -> None:
    """An error, to standard error: what is wrong, then what to do."""
    what, hint = in_options(error)
    note(f"エラー: {what}")
    if hint:
        note(f"  → {hint}")


def _print(text: str, stream: TextIO) -> None:
    # control characters in user data must not reach the terminal, where they could do anything
    print(text.translate(_CONTROL), file=stream, flush=True)
