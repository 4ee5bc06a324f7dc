"""The program in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import jsl_seq2seq

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
"""For tests that send signals or fork."""


def environment(**changes: str) -> dict[str, str]:
    """The environment for a child process: it finds the package under test and the test's cache, and no user's
    settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "JSL_SEQ2SEQ_CACHE" or not name.startswith(("PYTHON", "JSL_", "LC_", "LANG"))
    }
    package = Path(jsl_seq2seq.__file__).parent.parent
    return {**kept, "PYTHONPATH": str(package), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", **changes}


def program(*arguments: str | bytes) -> list[str | bytes]:
    """The command line that runs ``jsl-seq2seq`` in a process of its own."""
    return [sys.executable, "-m", "jsl_seq2seq", *arguments]


def talk_to_program(arguments: Sequence[str | bytes], folder: Path) -> subprocess.Popen[bytes]:
    """Start ``jsl-seq2seq`` in ``folder`` with pipes on all three sides."""
    return subprocess.Popen(
        program(*arguments),
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run_program(
    arguments: Sequence[str | bytes], folder: Path, stdin: bytes = b"", **changes: str
) -> subprocess.CompletedProcess[bytes]:
    """Run ``jsl-seq2seq`` to its end in ``folder``; ``changes`` are environment variables."""
    return subprocess.run(
        program(*arguments),
        cwd=folder,
        input=stdin,
        capture_output=True,
        env=environment(**changes),
        timeout=120,
        check=False,
    )
