"""From ``sys.argv`` to an exit code: 0 fine, 2 the user's mistake, 1 a failure, 130 stopped with Ctrl-C,
3 an uncertain translation under ``--strict``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..errors import Failure, JslError
from .console import prepare_streams, report, settle_streams
from .legacy_flags import with_verb


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit. No mistake of a user's ends in a traceback."""
    prepare_streams()
    code = run(sys.argv[1:] if arguments is None else arguments)
    unwritten = settle_streams()
    code = code or unwritten
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        # among several processes PyTorch's threads sometimes abort an orderly end; all is written by now
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code.

    Typer itself ends a command at Ctrl-C (130), and at a pipe whose reader has seen enough (1), without a word.
    """
    # ruff: noqa: PLC0415  importing takes a while, in which Ctrl-C may be pressed
    as_json = "--json" in arguments
    try:
        from .app import application, title_panels

        if {"--help", "-h"} & set(arguments):
            title_panels()
        arguments = with_verb(arguments)
        result = application(arguments[:1])(arguments, standalone_mode=False)
    except JslError as error:
        return report(error, as_json)
    except KeyboardInterrupt:  # while the commands are still being imported
        return 130
    except MemoryError:
        hint = "モデルやバッチを小さくするか、文を短くしてください。"
        return report(Failure("メモリーが足りません。", hint, code="out-of-memory"), as_json)
    except Exception as error:
        from .usage import usage_error

        mistake = usage_error(error)
        if mistake is None:
            raise
        return report(mistake, as_json)
    return result if isinstance(result, int) else 0
