"""Streams that are closed, full, or open in the other direction: results arrive or the program fails, notes may go
missing, and nothing else changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from jsl_seq2seq.cli.app import COMMANDS
from jsl_seq2seq.store import save_model

from .. import processes
from ..processes import environment
from ..small_models import EIGHT_LINES, trained_small
from .options import training

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="needs /dev/full")

STATES = ("fine", "closed", "full", "wrong way")
FINE = ("fine", "fine", "fine")
SAMPLE = [
    ("closed", "full", "fine"),
    ("fine", "closed", "full"),
    ("fine", "fine", "closed"),
    ("closed", "closed", "closed"),
    ("wrong way", "fine", "wrong way"),
]
"""Each stream in each state; the slow test takes all combinations."""
ALL = [states for states in product(STATES, repeat=3) if states != FINE and states[0] != "full"]
"""/dev/full gives zeros without end to who reads it."""

CONNECT = """
import os, sys
for number, (state, path) in enumerate(zip(sys.argv[1:4], sys.argv[4:7])):
    os.close(number)
    if state != "closed":
        way = os.O_RDONLY if (number == 0) == (state != "wrong way") else os.O_WRONLY
        opened = os.open("/dev/full" if state == "full" else path, way)
        if opened != number:
            os.dup2(opened, number)
        os.set_inheritable(number, True)
os.execv(sys.executable, [sys.executable, *sys.argv[7:]])
"""
"""Replaces itself by the program with hurt streams."""


class Run(NamedTuple):
    """One run of the program with hurt streams."""

    arguments: Sequence[str]
    states: tuple[str, ...]
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, data and a list of sentences."""
    folder = tmp_path_factory.mktemp("streams")
    save_model(trained_small(), folder / "m")
    (folder / "data.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    return folder


def run(place: Path, arguments: Sequence[str], states: tuple[str, ...], folder: Path) -> Run:
    """Run the program in ``place``; ``folder`` is for what it reads and writes."""
    paths = [folder / name for name in ("in", "out", "err")]
    paths[0].write_text("ありがとう\nだいじょうぶです\n", encoding="utf-8")
    for path in paths[1:]:
        path.write_bytes(b"")
    _, *program = processes.program(*arguments)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CONNECT, *states, *paths, *program],
        cwd=place,
        env=environment(),
        check=False,
        timeout=120,
    )
    return Run(arguments, states, done.returncode, *(path.read_text(encoding="utf-8") for path in paths[1:]))


def command_lines(data: str, save: str) -> dict[str, list[str]]:
    """One run of every command that prints a result."""
    return {
        "train": ["train", *training(Path(data), Path(save))],
        "predict": ["predict", "--load", "m", "ありがとう"],
        "evaluate": ["evaluate", "--load", "m", "--data", data],
        "score": ["score", "--load", "m", "ありがとう", "<ありがとう>"],
        "diagnose": ["diagnose", "--load", "m", "ありがとう"],
        "export": ["export", "--load", "m", "--export-weights", "encoder.final_norm", "--export-dir", "e"],
        "tags": ["tags", "--load", "m"],
        "dictionary": ["dictionary", "list", "--load", "m"],
        "corpus": ["corpus", "--label", "無い"],
        "backends": ["backends", "--help"],  # opening them all takes seconds
        "serve": ["serve", "--help"],  # without, it goes on for ever
        "verify": ["verify", "m"],
        "compare": ["compare", "m", "m", "--data", data],
        "runs": ["runs", "m", "m"],
        "import-burn": ["import-burn", "無い", "--save", "n"],
        "export-burn": ["export-burn", "m", "無い"],
    }


def check(run: Run, whole: Run) -> None:
    """``whole`` is the same command line with all three streams as they should be."""
    shown = f"{run.arguments} {run.states}: {run.code}\n{run.out}\n{run.err}"
    assert "Traceback" not in run.err and "Exception ignored" not in run.err, shown
    if run.states[1] == "fine":
        assert (run.code, run.out) == (whole.code, whole.out), shown
    else:
        assert run.code == (whole.code or (1 if whole.out else 0)), shown
    if run.states[2] == "fine" and whole.code:
        assert run.err.startswith(whole.err), shown


def test_every_command_is_here() -> None:
    assert set(command_lines("", "")) == set(COMMANDS)


LINES = {verb: line for verb, line in command_lines("data.tsv", "n").items() if verb != "train"} | {
    "version": ["--version"],
    "start": [],
    "typo": ["--trian"],
    "json": ["predict", "--json", "--load", "無い", "x"],
}


@pytest.mark.parametrize("verb", LINES)
def test_results_of_every_command_arrive_or_it_fails(place: Path, tmp_path: Path, verb: str) -> None:
    whole = run(place, LINES[verb], FINE, tmp_path)
    check(run(place, LINES[verb], SAMPLE[1], tmp_path), whole)


@pytest.mark.parametrize("verb", ["predict", "runs", "verify", "typo"])
def test_results_arrive_where_notes_cannot(place: Path, tmp_path: Path, verb: str) -> None:
    whole = run(place, LINES[verb], FINE, tmp_path)
    check(run(place, LINES[verb], SAMPLE[2], tmp_path), whole)


@pytest.mark.slow
@pytest.mark.parametrize("verb", LINES)
def test_results_of_every_command_in_all_combinations(place: Path, tmp_path: Path, verb: str) -> None:
    whole = run(place, LINES[verb], FINE, tmp_path)
    for states in ALL:
        check(run(place, LINES[verb], states, tmp_path), whole)


@pytest.mark.parametrize("combinations", [SAMPLE, pytest.param(ALL, marks=pytest.mark.slow)])
def test_standard_input_is_read_or_the_program_fails(
    place: Path, tmp_path: Path, combinations: Sequence[tuple[str, ...]]
) -> None:
    line = ["predict", "--load", "m", "--backend", "ndarray", "-"]
    whole = run(place, line, FINE, tmp_path)
    assert whole.code == 0 and len(whole.out.splitlines()) == 2
    for states in combinations:
        done = run(place, line, states, tmp_path)
        if states[0] == "fine":
            check(done, whole)
            continue
        shown = f"{states}: {done.code}\n{done.err}"
        assert "Traceback" not in done.err and not done.out, shown
        assert done.code == 1, shown
        assert "標準入力を読めません" in done.err or states[2] != "fine", shown


@pytest.mark.parametrize("combinations", [SAMPLE, pytest.param(ALL, marks=pytest.mark.slow)])
def test_a_training_is_saved_whatever_the_streams_are(
    place: Path, tmp_path: Path, combinations: Sequence[tuple[str, ...]]
) -> None:
    for number, states in enumerate(combinations):
        save = tmp_path / f"m{number}"
        done = run(place, ["train", *training(place / "data.tsv", save, 1)], states, tmp_path)
        shown = f"{states}: {done.code}\n{done.err}"
        assert (save / "config.json").is_file(), shown
        assert done.code == (0 if states[1] == "fine" else 1), shown
        assert "Traceback" not in done.err and "エポック" not in done.out, shown
