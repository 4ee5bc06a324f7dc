"""A training that was killed goes on where its last checkpoint was, and ends bit for bit where it would have."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.store import Progress, SavedModel, load_model, save_model
from jsl_seq2seq.training import Checkpoints, TrainingJob, TrainingRequest

from ..processes import POSIX, environment, program, run_program
from ..small_models import EIGHT_LINES, same_arrays, same_training_state, small_job, train

OPTIONS = ["--batch-size", "3", "--dropout", "0.1", "--d-model", "8", "--d-ff", "16", "--n-layers", "1"]


def checkpoints_of(job: TrainingJob, every: int) -> list[SavedModel]:
    kept: list[SavedModel] = []
    job.run(checkpoints=Checkpoints(every, kept.append))
    return kept


def resumed(folder: Path, **options: Any) -> TrainingJob:
    request = TrainingRequest(options, "ndarray", data=folder / "eight.tsv", load=folder / "m", resume=True)
    return TrainingJob(request)


def test_checkpoints_come_after_every_so_many_epochs_but_the_last(tmp_path: Path) -> None:
    kept = checkpoints_of(small_job(tmp_path, epochs=6), 2)
    assert [(model.progress.epoch, model.progress.until) for model in kept] == [(2, 6), (4, 6)]
    assert [len(model.history) for model in kept] == [2, 4]
    assert not same_arrays(kept[0].parameters, kept[1].parameters)


def test_checkpoints_change_nothing(tmp_path: Path) -> None:
    watched = small_job(tmp_path, epochs=4, dropout=0.1).run(checkpoints=Checkpoints(1, lambda _: None)).model
    assert same_training_state(watched, train(tmp_path, epochs=4, dropout=0.1).model)


@pytest.mark.parametrize("at", [1, 3])
def test_resuming_any_checkpoint_ends_where_the_whole_training_ends(tmp_path: Path, at: int) -> None:
    whole = train(tmp_path, epochs=5, dropout=0.1).model
    kept = checkpoints_of(small_job(tmp_path, epochs=5, dropout=0.1), 1)
    save_model(kept[at - 1], tmp_path / "m")
    rest = resumed(tmp_path).run().model
    assert same_training_state(rest, whole)
    assert [point.loss for point in rest.history] == [point.loss for point in whole.history]
    assert (rest.progress.epoch, rest.training.epochs) == (5, 5)


def test_the_goal_can_be_moved(tmp_path: Path) -> None:
    save_model(train(tmp_path, epochs=2).model, tmp_path / "m")
    assert same_training_state(resumed(tmp_path, epochs=5).run().model, train(tmp_path, epochs=5).model)


def test_what_is_finished_stays_as_it_is(tmp_path: Path) -> None:
    done = train(tmp_path, epochs=3).model
    save_model(done, tmp_path / "m")
    job = resumed(tmp_path)
    assert any("もう 3 エポックまで終わっています" in note for note in job.notes)
    assert same_training_state(job.run().model, done)


def test_a_continued_training_is_resumed_to_its_own_goal(tmp_path: Path) -> None:
    """`--load X --epochs 3` from epoch 2 wants epoch 5; its checkpoint at 4 has one to go."""
    save_model(train(tmp_path, epochs=2).model, tmp_path / "x")
    kept = checkpoints_of(small_job(tmp_path, load=tmp_path / "x", epochs=3), 2)
    save_model(kept[0], tmp_path / "m")
    assert load_model(tmp_path / "m").progress == Progress(12, 4, 0)
    assert same_training_state(resumed(tmp_path).run().model, train(tmp_path, epochs=5).model)


def test_a_directory_from_before_goals_were_kept(tmp_path: Path) -> None:
    model = checkpoints_of(small_job(tmp_path, epochs=3), 1)[0]
    save_model(replace(model, progress=replace(model.progress, until=0)), tmp_path / "m")
    assert resumed(tmp_path).run().model.progress.epoch == 3


@POSIX
def test_a_killed_process_is_resumed_bit_for_bit(tmp_path: Path) -> None:
    """SIGKILL while checkpoints are written after every epoch; several times, then to the end."""
    (tmp_path / "eight.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    common = ["train", "--backend", "ndarray", "--data", "eight.tsv", "--epochs", "400", "--quiet", *OPTIONS]
    wanted = run_program([*common, "--save", "whole"], tmp_path)
    assert wanted.returncode == 0, wanted.stderr.decode()
    resume = [*common, "--save", "m", "--checkpoint-every", "1", "--resume"]
    reached = [0]
    for _ in range(3):
        with subprocess.Popen(
            program(*resume), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            wait_for_epoch(tmp_path / "m", reached[-1] + 20)
            process.kill()
            assert process.wait() == -9
        reached.append(load_model(tmp_path / "m", training_state=True).progress.epoch)
    assert 20 <= reached[1] < reached[2] < reached[3] < 400
    ended = run_program(resume, tmp_path)
    assert ended.returncode == 0, ended.stderr.decode()
    whole, again = (load_model(tmp_path / name, training_state=True) for name in ("whole", "m"))
    assert same_training_state(whole, again)
    assert [point.loss for point in whole.history] == [point.loss for point in again.history]


def wait_for_epoch(directory: Path, epoch: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (directory / "config.json").exists() and load_model(directory).progress.epoch >= epoch:
            return
        time.sleep(0.02)
    pytest.fail(f"no checkpoint of epoch {epoch}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume"], "--save が要ります"),
        (["--resume", "--save", "m", "--load", "m"], "一緒に使えません"),
        (["--checkpoint-every", "0", "--save", "m"], "1 から"),
    ],
)
def test_impossible_requests(tmp_path: Path, arguments: list[str], said: str) -> None:
    run = run_program(["train", *arguments], tmp_path)
    assert run.returncode == 2
    assert said in run.stderr.decode()
    assert not (tmp_path / "m").exists()


def test_a_checkpoint_that_fails_does_not_end_training(tmp_path: Path) -> None:
    (tmp_path / "eight.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    code = (
        "import jsl_seq2seq.cli.train as cli\n"
        "from jsl_seq2seq.errors import Failure\n"
        "honest, calls = cli.save_model, []\n"
        "def sometimes(model, directory):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 1: raise Failure('満杯です。', '空けてください。')\n"
        "    honest(model, directory)\n"
        "cli.save_model = sometimes\n"
        "from jsl_seq2seq.cli import main\n"
        "main(['train', '--backend', 'ndarray', '--data', 'eight.tsv', '--epochs', '3', '--save', 'm',\n"
        "      '--checkpoint-every', '1'])\n"
    )
    run = subprocess.run(
        [program()[0], "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        timeout=100,
        check=False,
    )
    said = run.stderr.decode()
    assert run.returncode == 0, said
    assert "途中の保存ができませんでした（1 エポック）" in said and "満杯です。" in said
    assert load_model(tmp_path / "m").progress.epoch == 3
