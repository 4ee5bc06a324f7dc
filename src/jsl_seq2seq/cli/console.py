"""The program on a console: from ``sys.argv`` to an exit code, printing that works everywhere, errors in words and as
JSON, and columns that line up.

Exit codes: 0 fine, 2 the user's mistake, 1 a failure, 130 stopped with Ctrl-C, 3 an uncertain translation under
``--strict``.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from collections.abc import Collection, Sequence
from typing import Any, TextIO

from ..backends.out_of_memory import is_out_of_memory
from ..errors import Failure, JslError
from ..io.text import for_terminal, format_json
from ..settings.environment import started_processes

INTERRUPTED = 130
"""Exit code of a training that was stopped with Ctrl-C and saved: 128 + SIGINT, as shells expect."""
NO_TAGS = "（タグなし）"
"""Printed in place of a translation that has none."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit. No mistake of a user's ends in a traceback."""
    gc.set_threshold(
        100_000
    )  # the start makes many objects that stay; looking through them again takes 30 ms
    prepare_streams()
    code = run(sys.argv[1:] if arguments is None else arguments)
    unwritten = settle_streams()
    code = code or unwritten
    if "torch" in sys.modules and _among_several():
        # among several processes PyTorch's threads sometimes abort an orderly end; all is written by now
        os._exit(code)
    sys.exit(code)


def _among_several() -> bool:
    """Whether ``torchrun`` started this process with others; False, too, where WORLD_SIZE is nonsense."""
    try:
        return started_processes() > 1
    except JslError:
        return False


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code.

    Typer itself ends a command at Ctrl-C (130), and at a pipe that its reader has closed (1), and prints nothing then.
    """
    # ruff: noqa: PLC0415  importing takes a while, in which Ctrl-C may be pressed
    as_json = "--json" in arguments
    try:
        from .app import application, title_panels, with_verb

        if {"--help", "-h"} & set(arguments):
            title_panels()
        arguments = with_verb(arguments)
        result = application(arguments[:1])(arguments, standalone_mode=False)
    except JslError as error:
        return report(error, as_json)
    except KeyboardInterrupt:  # while the commands are still being imported
        return 130
    except Exception as error:
        if is_out_of_memory(error):
            hint = "モデルやバッチを小さくするか、文を短くしてください。"
            return report(Failure("メモリーが足りません。", hint, code="out-of-memory"), as_json)
        if is_usage_error(error):
            from .usage import usage_error

            return report(usage_error(error), as_json)
        from ..extras import broken_requirement

        if broken := broken_requirement(error):
            return report(broken, as_json)
        if isinstance(error, OSError) and error.filename is not None:
            return report(_place_failed(error), as_json)
        raise
    return result if isinstance(result, int) else 0


def is_usage_error(error: Exception) -> bool:
    """Whether Typer found a mistake in the command line."""
    return any(one.__name__ == "UsageError" for one in type(error).__mro__)


class ResultStream(io.TextIOWrapper):
    """Standard output. Raises Failure where a result cannot be written; a pipe that its reader has closed raises
    BrokenPipeError, as always."""

    wrapped: io.TextIOWrapper | None = None
    """The stream before; it would close the buffer of both if it were deleted."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritable(error) from None

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritable(error) from None


class NoteStream(io.TextIOWrapper):
    """Standard error. What cannot be written there is left out, and nothing else changes."""

    wrapped: io.TextIOWrapper | None = None

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            return


def prepare_streams() -> None:
    """Give the three streams the same behaviour whatever they are connected to.

    What a console cannot show comes out as ``\\u30bd``. A stream that the caller has closed is opened again, on
    something that can be neither read nor written, so that no file takes its number and receives what is printed.
    A test or an editor may have put streams of another kind there; those stay.
    """
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(_occupied(0, os.O_WRONLY, "rb"), encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = ResultStream(_occupied(1, os.O_RDONLY, "wb"), encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = NoteStream(_occupied(2, os.O_RDONLY, "wb"), encoding="utf-8")
    if type(sys.stdout) is io.TextIOWrapper:
        sys.stdout = _wrapped(ResultStream, sys.stdout)
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = _wrapped(NoteStream, sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def settle_streams() -> int:
    """Write what is left in the streams; the exit code if that fails, else 0. Nothing is printed afterwards."""
    code = 0
    try:
        sys.stdout.flush()
    except JslError as error:
        code = report(error)
    except OSError:
        code = 1  # a pipe whose reader has left
    if code:  # the interpreter flushes once more, and would fail with 120
        sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    return code


def read_input(size: int) -> bytes:
    """The bytes of standard input that are there, at most ``size``, waiting for the first; empty at its end.

    Raises:
        Failure: standard input is closed, or cannot be read.
    """
    arriving: Any = sys.stdin.buffer
    try:
        return arriving.read1(size)
    except OSError as error:
        raise Failure(
            f"標準入力を読めません（{error.strerror}）。",
            "文をパイプで渡すか、引数に書いてください。",
            code="input-not-readable",
            reason=error.strerror,
        ) from None


def _occupied(descriptor: int, direction: int, mode: str) -> Any:
    """A stream on ``descriptor``, which was closed: the null device, opened in the other ``direction``."""
    opened = os.open(os.devnull, direction)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)
    return open(descriptor, mode)


def _wrapped(kind: type[ResultStream | NoteStream], stream: io.TextIOWrapper) -> ResultStream | NoteStream:
    """The same stream as another class."""
    wrapped = kind(
        stream.buffer,
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    wrapped.wrapped = stream
    return wrapped


def _place_failed(error: OSError) -> Failure:
    """What is said where no command has better words for a file or folder that failed."""
    return Failure(
        f"ファイルやフォルダーを使えません: {error.filename}（{error.strerror}）",
        "名前と権限と、空き容量を確かめてください。",
        code="place-failed",
        path=str(error.filename),
        reason=error.strerror,
    )


def _unwritable(error: OSError) -> Failure:
    return Failure(
        f"結果を標準出力に書けません（{error.strerror}）。",
        "出力先の空き容量と、閉じていないかを確かめてください。",
        code="output-not-written",
        reason=error.strerror,
    )


def say(text: str = "") -> None:
    """A result, to standard output."""
    _print(text, sys.stdout)


def note(text: str) -> None:
    """Something beside the result, to standard error."""
    _print(text, sys.stderr)


def say_json(values: Any) -> None:
    """A result for programs: one line of JSON, in ASCII where the stream is not UTF-8."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(format_json(values, ascii_only=not unicode), flush=True)


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
        with contextlib.suppress(JslError, OSError):  # standard output may be what the error is about
            say_json(values)
    return error.exit_code


def error_to_dict(error: JslError) -> dict[str, Any]:
    """:meth:`JslError.to_dict` with the words of the command line."""
    from .hints import in_options

    what, hint = in_options(error)
    return error.to_dict() | {"error": what, "hint": hint}


def columns(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> list[str]:
    """Cells side by side, one line for each row, on a console where kana are two places wide.

    Args:
        numbers: columns that are flush right.
    """
    from rich.cells import cell_len

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
