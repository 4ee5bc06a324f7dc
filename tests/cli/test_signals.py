"""A training that is stopped from outside, in a process of its own."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from jsl_seq2seq.store import SavedModel, load_model, save_model
from jsl_seq2seq.training import TrainingJob, TrainingRequest

from .. import processes
from ..processes import POSIX, environment, run_program
from ..small_models import EIGHT_LINES, same_training_state, trained_small
from .options import training

pytestmark = POSIX
EPOCHS = 400


@contextmanager
def running(data: Path, save: Path, epochs: int = EPOCHS) -> Iterator[subprocess.Popen[bytes]]:
    """A training that has begun."""
    with subprocess.Popen(
        processes.program("--train", *training(data, save, epochs)),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stderr is not None
            while "エポック" not in (line := process.stderr.readline().decode()):
                assert line, "it ended before the first tenth of its epochs"
            yield process
        finally:
            process.kill()


@cache
def uninterrupted(data: Path) -> SavedModel:
    options = {"epochs": EPOCHS, "d_model": 8, "n_layers": 1, "d_ff": 16, "max_seq_len": 24, "batch_size": 3}
    return TrainingJob(TrainingRequest(options, "ndarray", data=data)).run().model


@pytest.fixture(scope="module")
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "データ 1.tsv"
    path.write_text(EIGHT_LINES, encoding="utf-8")
    return path


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_stopped_politely_it_saves_and_goes_on_as_if_nothing_had_been(
    tmp_path: Path, shared_data: Path, number: str
) -> None:
    with running(shared_data, tmp_path / "m") as process:
        time.sleep(0.05)  # a signal in the middle of a line is a test of its own, in test_train.py
        process.send_signal(getattr(signal, number))
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err.decode()
    assert "止めています" in err.decode() and "Traceback" not in err.decode()
    assert "途中で止めました" in out.decode()
    stopped = load_model(tmp_path / "m", training_state=True)
    assert 0 < stopped.progress.epoch < EPOCHS

    [command] = [line for line in out.decode().splitlines() if line.startswith("続ける: ")]
    _, first, *arguments = shlex.split(command)
    assert first == "jsl-seq2seq"
    done = run_program(arguments, tmp_path)  # in another folder than before
    assert done.returncode == 0, done.stderr.decode()
    ended = load_model(tmp_path / "m", training_state=True)
    assert same_training_state(ended, uninterrupted(shared_data))


def test_a_second_trainer_is_refused_at_once(tmp_path: Path, shared_data: Path) -> None:
    with running(shared_data, tmp_path / "m", epochs=3_000):
        second = run_program(["--train", *training(shared_data, tmp_path / "m")], tmp_path)
        other = run_program(["--train", "--quiet", *training(shared_data, tmp_path / "other")], tmp_path)
    assert second.returncode == 2
    assert "別のプログラムが同じフォルダーに保存しています" in second.stderr.decode()
    assert other.returncode == 0


def test_killed_while_training_leaves_the_old_model(tmp_path: Path, shared_data: Path) -> None:
    save_model(trained_small(), tmp_path / "m")
    with running(shared_data, tmp_path / "m") as process:
        process.kill()
        process.wait(timeout=60)
    assert same_training_state(load_model(tmp_path / "m", training_state=True), trained_small())
    again = run_program(["--train", "--quiet", *training(shared_data, tmp_path / "m")], tmp_path)
    assert again.returncode == 0


INTERRUPTED = """
import json, os, signal, sys
from jsl_seq2seq.cli import main
every = int(sys.argv[1])
class Interrupting:
    def __init__(self):
        self.searched = 0
    def find_spec(self, name, path=None, target=None):
        self.searched += 1
        if self.searched % every and not name.startswith("jsl_seq2seq.cli"):
            return None
        arrived, given = os.pipe()
        child = os.fork()
        if not child:
            sys.meta_path.remove(self)
            os.dup2(given, 2)
            signal.raise_signal(signal.SIGINT)
        os.close(given)
        with open(arrived, "rb") as pipe:
            said = pipe.read().decode("utf-8", "replace")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open("ends.jsonl", "a", encoding="utf-8") as ends:
            print(json.dumps([name, code, said]), file=ends)
sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = sys.argv[2:]
main()
"""
"""At the search for any module of the command line, and for one of so many others, a copy of the process gets Ctrl-C,
and its end is written down."""


COMMANDS = [
    "--version",
    "predict --load MODEL はい",
    "predict --laod",
    "evaluate --load MODEL --data DATA --report report",
    "corpus out --count 50",
    "export --format web MODEL out",
    "diagnose --load MODEL --html page.html はい",
    "tags --load nowhere",
]


@pytest.mark.parametrize(
    ("line", "every"),
    [
        *((line, 60) for line in COMMANDS),
        *(pytest.param(line, 1, marks=pytest.mark.slow) for line in COMMANDS),
    ],
)
def test_ctrl_c_ends_any_command_without_a_word(
    tmp_path: Path, shared_data: Path, model: Path, line: str, every: int
) -> None:
    """Also while the console, the commands and libraries are being imported, and what errors are told with."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", INTERRUPTED, str(every)),
            *line.replace("MODEL", str(model)).replace("DATA", str(shared_data)).split(),
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 2) and b"Traceback" not in done.stderr, done.stderr.decode()
    ends = [json.loads(end) for end in (tmp_path / "ends.jsonl").read_text(encoding="utf-8").splitlines()]
    assert ends[0][0] == "jsl_seq2seq.cli.console" and len(ends) > 1
    assert not [end for end in ends if end[1:] != [130, ""]]
