"""How many files a sentence passes, by tools/trace_path.py in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .processes import environment

ROOT = Path(__file__).parents[1]

MOST_FILES = {"predict": 22, "translate": 13}
"""May only fall. The bars are those of tools/trace_path.py: 22 and 14."""


@pytest.fixture(scope="module")
def traced() -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "trace_path.py", "predict", "私は明日学校に行きません"],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("span", MOST_FILES)
def test_a_sentence_passes_few_files(traced: str, span: str) -> None:
    found = re.search(rf"^{span}: (\d+) files", traced, re.M)
    assert found and 10 < int(found[1]) <= MOST_FILES[span], traced


def test_no_call_goes_upward(traced: str) -> None:
    assert "upward" not in traced


def test_both_spans_end_with_the_tags(traced: str) -> None:
    assert traced.count("<明日> <私> <学校> <行く> <ない>") == 2


def test_an_upward_call_is_seen() -> None:
    """Guards the guard: a function of a lower room that calls back into the command line."""
    code = """
from trace_path import trace
from jsl_seq2seq.cli.console import say
from jsl_seq2seq.store.directory import _while_unchanged
from pathlib import Path
print(*trace(lambda: _while_unchanged(Path("."), "x", lambda: say("called"))).upward)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(PYTHONPATH=os.pathsep.join([str(ROOT / "src"), str(ROOT / "tools")])),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "store/directory.py:_while_unchanged -> cli/console.py:say" in done.stdout
