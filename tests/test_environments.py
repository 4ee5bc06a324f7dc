"""Every command in environments that are not like ours: each prints what it prints elsewhere, or says in words why not.

By default a few environments are tried; ``pytest -m slow`` tries all of them, with every backend that is here.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.cli.console import main
from jsl_seq2seq.store import save_model

from .backend_cases import missing
from .interop.burn.test_forged_shapes import small
from .processes import environment, run_program
from .small_models import EIGHT_LINES, trained_open, trained_small

ROOT = Path(__file__).parents[1]

NOWHERE = "/dev/null/nowhere"
"""A path that can neither be made nor read, also by root."""

NONSENSE = {
    **dict.fromkeys(("RANK", "LOCAL_RANK", "MASTER_PORT", "OMP_NUM_THREADS", "WEB_CONCURRENCY"), "many"),
    **{"TZ": "Nowhere/Nothing", "TERM": "no such terminal", "COLUMNS": "wide", "LINES": "-1"},
    **{"TERMINAL_WIDTH": "wide", "JUPYTER_COLUMNS": "x", "TMPDIR": NOWHERE},
}

ENVIRONMENTS: dict[str, tuple[list[str], dict[str, str], str]] = {
    "warnings are errors": (["-W", "error"], {}, "plain"),
    "no assertions": (["-OO"], {}, "plain"),
    "POSIX": ([], {"LC_ALL": "POSIX", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "plain"),
    "Latin-1": ([], {"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}, "plain"),
    "no home": (
        [],
        dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"), NOWHERE)
        | {"JSL_SEQ2SEQ_CACHE": NOWHERE, "NUMBA_CACHE_DIR": NOWHERE},
        "plain",
    ),
    "empty variables": (
        [],
        dict.fromkeys(
            (
                *("HOME", "TMPDIR", "TERM", "TZ", "COLUMNS", "LINES", "XDG_CACHE_HOME", "JSL_SEQ2SEQ_CACHE"),
                *("WORLD_SIZE", "RANK", "LOCAL_RANK", "OMP_NUM_THREADS", "LANG", "LC_ALL", "NO_COLOR"),
            ),
            "",
        ),
        "plain",
    ),
    "nonsense": ([], NONSENSE, "plain"),
    "not compiled": ([], {"NUMBA_DISABLE_JIT": "1"}, "plain"),
    "1970": ([], {"TZ": "America/Los_Angeles"}, "1970-01-01T00:00:00"),
    "2106": ([], {"TZ": "UTC+25"}, "2106-02-07T06:28:16"),
    "9999": ([], {"TZ": "Asia/Tokyo"}, "9999-12-31T23:59:59"),
    "backwards": ([], {}, "backwards"),
    "NumPy raises": ([], {}, "seterr"),
    "several at once": (["-W", "error"], NONSENSE, "seterr"),
}
"""Options of the interpreter, environment variables, and what :mod:`tests.environments` is told."""
REFUSED = {"not compiled": ("predict on int8", "backends")}
"""What says in words why it cannot be done there."""
SAMPLE = ("several at once", "9999")

BACKENDS = ["ndarray", *(name for name in ("int8", "torch", "wgpu") if not missing(name))]

Ended = dict[str, dict[str, Any]]
"""What each command printed, and its exit code."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the program of :mod:`tests.environments` starts from."""
    place = tmp_path_factory.mktemp("environments")
    save_model(trained_small(), place / "small")
    save_model(trained_open(), place / "open")
    (place / "data.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    original = small().write(place / "original")
    with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit):
        main(["import-burn", str(original), str(place / "burn"), "--quiet"])
    return place


def ended(
    folder: Path, backends: Sequence[str], options: list[str], variables: dict[str, str], state: str
) -> Ended:
    """How each command ended in that environment."""
    names = {**environment(), **variables}
    done = subprocess.run(
        [sys.executable, *options, "-m", "tests.environments", folder, ",".join(backends), state],
        cwd=ROOT,
        env=names,
        capture_output=True,
        check=False,
    )
    said = done.stderr.decode(
        "utf-8", "replace"
    )  # libraries in C may say there what they think of a variable
    assert not done.returncode and not re.search("Traceback|Warning|ignored", said), (
        f"{done.returncode}\n{said}"
    )
    return {one.pop("name"): one for one in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def here(folder: Path) -> Callable[[Sequence[str]], Ended]:
    """How each command ends in the test's own environment, given the backends."""
    return cache(lambda backends: ended(folder, backends, [], {}, "plain"))


def plain(text: str) -> str:
    """Without what may differ: times, dates and speeds; the terminal's width; and ``\\u30bd`` where it cannot show the
    character."""
    shown = re.sub(
        r"\\u([0-9a-f]{4})|\\x([0-9a-f]{2})", lambda found: chr(int(found[1] or found[2], 16)), text
    )
    return re.sub(r"[\d.,]+|\s+|[─╭╮╰╯│+|-]", "", shown)


@pytest.mark.skipif("os.name == 'nt'", reason="arguments are Unicode there")
def test_arguments_are_utf8_whatever_the_locale_says(folder: Path, tmp_path: Path) -> None:
    variables = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    def run(*arguments: str, **others: str) -> bytes:
        words = [argument.encode() for argument in arguments]
        done = run_program(words, tmp_path, b"", **(variables | others))
        assert not done.returncode, done.stderr
        return done.stdout

    model = tmp_path / "モデル"
    shutil.copytree(folder / "open", model)
    run("dictionary", "add", "モデル", "緑茶", "<緑> <茶>")
    assert "緑茶\t<緑> <茶>" in (model / "dictionary.tsv").read_text(encoding="utf-8")
    said = run("predict", "--load", "モデル", "--json", "緑茶を飲む", "--predict=本です。")
    assert [json.loads(line)["text"] for line in said.splitlines()] == ["緑茶を飲む", "本です。"]
    assert "<食べる>".encode() in run("tags", "食べ", PYTHONIOENCODING="utf-8")


@pytest.mark.parametrize(
    ("name", "backends"),
    [
        *((name, ("ndarray",)) for name in SAMPLE),
        *(pytest.param(name, tuple(BACKENDS), marks=pytest.mark.slow) for name in ENVIRONMENTS),
    ],
)
def test_every_command_prints_what_it_prints_elsewhere(
    name: str, backends: Sequence[str], folder: Path, here: Callable[[Sequence[str]], Ended]
) -> None:
    found, wanted = ended(folder, backends, *ENVIRONMENTS[name]), here(backends)
    for command in REFUSED.get(name, ()):
        if command in found:
            one = found.pop(command)
            assert "NUMBA_DISABLE_JIT" in one["out"] + one["err"] and "Traceback" not in one["err"], one
    wrong = {
        command: (one, wanted[command])
        for command, one in found.items()
        if (one["code"], plain(one["out"])) != (wanted[command]["code"], plain(wanted[command]["out"]))
        or "Traceback" in one["err"]
    }
    shown = "\n".join(
        f"{command}: {one['code']}, not {other['code']}\n{one['out']}\n{one['err']}\n{other['out']}"
        for command, (one, other) in wrong.items()
    )
    assert not wrong, shown
