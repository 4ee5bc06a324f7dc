"""A call with streams of its own: how it ended, and what it printed. Imports nothing but the standard library."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
from typing import Any


def captured(call: Callable[[], object], stdin: bytes = b"", encoding: str | None = None) -> dict[str, Any]:
    """The exit code of ``call``, or the traceback of what it raised, and its output and errors.

    Args:
        encoding: of its streams; that of the process's own by default.
    """
    buffers = [io.BytesIO(content) for content in (stdin, b"", b"")]
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(buffer, encoding=encoding or one.encoding, errors=one.errors)
        for buffer, one in zip(buffers, before, strict=True)
    )
    code: Any = 0
    try:
        call()
    except SystemExit as end:
        code = end.code
    except BaseException:
        code = traceback.format_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = (buffer.getvalue().decode("utf-8", "backslashreplace") for buffer in buffers[1:])
        sys.stdin, sys.stdout, sys.stderr = before
    return {"code": code, "out": out, "err": err}
