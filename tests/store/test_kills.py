"""Bar 2 of issue 6: 500 kills at random moments of saving, 500 directories that load; also while others save."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jsl_seq2seq.store import Progress, load_model, save_model
from jsl_seq2seq.store.verification import verify

from ..processes import POSIX, environment
from ..small_models import trained_small
from . import random_kills


@POSIX
@pytest.mark.parametrize("count", [25, pytest.param(500, marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path: Path, count: int) -> None:
    old = trained_small()
    save_model(old, tmp_path / "old")
    parameters = {name: array + 1 for name, array in old.parameters.items()}
    save_model(replace(old, parameters=parameters, progress=Progress(99, 9, 1)), tmp_path / "new")
    run = subprocess.run(
        [sys.executable, random_kills.__file__, str(tmp_path), str(count), "0"],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = ast.literal_eval(run.stdout)
    assert found["old"] and found["new"]
    assert found["with pending files"]  # the kills did hit saves on their way


SAVER = """
import sys
from pathlib import Path
from jsl_seq2seq.store import load_model, save_model
folder = Path(sys.argv[1])
old, new = (load_model(folder / name, training_state=True) for name in ("old", "new"))
print("ready", flush=True)
while True:
    save_model(new, folder / "target")
    save_model(old, folder / "target")
"""


def test_reading_while_somebody_saves(tmp_path: Path) -> None:
    """Checkpoints are written while people translate with the directory, and look whether it is sound."""
    old = trained_small()
    for name, progress in (("old", Progress(1, 1)), ("new", Progress(2, 2)), ("target", Progress(1, 1))):
        save_model(replace(old, progress=progress), tmp_path / name)
    with subprocess.Popen(
        [sys.executable, "-c", SAVER, str(tmp_path)], env=environment(), stdout=subprocess.PIPE
    ) as saver:
        assert saver.stdout is not None and saver.stdout.readline() == b"ready\n"
        seen = {load_model(tmp_path / "target", training_state=True).progress.epoch for _ in range(100)}
        found = [verify(tmp_path / "target") for _ in range(30)]
        assert saver.poll() is None
        saver.kill()
    assert seen == {1, 2}
    assert all(one.sound for one in found)
