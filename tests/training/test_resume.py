"""A training that was killed goes on where its last checkpoint was, and ends bit for bit where it would have."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.render.curve import CURVE
from jsl_seq2seq.store import Progress, SavedModel, load_model, save_model
from jsl_seq2seq.training import Checkpoints, TrainingJob, TrainingRequest
from jsl_seq2seq.training.record import METRICS_LINES

from ..processes import POSIX, environment, program, run_program
from ..refusals import refused
from ..small_models import EIGHT_LINES, same_arrays, same_training_state, small_job, train

OPTIONS = ["--batch-size", "3", "--dropout", "0.1", "--d-model", "8", "--d-ff", "16", "--n-layers", "1"]


def checkpoints_of(job: TrainingJob, every: int) -> list[SavedModel]:
    kept: list[SavedModel] = []
    job.run(checkpoints=Checkpoints(every, kept.append))
    return kept


def after(batches: int) -> Callable[[], bool]:
    """Asks to stop when so many batches were learnt from. It is asked once more at the end of each epoch."""
    asked = iter(range(1, 1_000_000))
    return lambda: next(asked) >= batches


def losses(model: SavedModel) -> list[tuple[float | None, ...]]:
    return [
        (point.epoch, point.loss, point.valid_loss, point.valid_exact, point.valid_bleu, point.valid_chrf)
        for point in model.history
    ]


def resumed(folder: Path, valid: Path | None = None, **options: Any) -> TrainingJob:
    request = TrainingRequest(
        options, "ndarray", data=folder / "eight.tsv", valid=valid, load=folder / "m", resume=True
    )
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


@pytest.mark.parametrize("stop", [1, 2, 5, 6, 11])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schedule": "inverse-sqrt"},
        {"schedule": "constant"},
        {"dropout": 0.2, "label_smoothing": 0.1},
        {"batch_tokens": 20, "accumulate": 2},
    ],
    ids=str,
)
def test_resuming_after_an_interruption_is_not_to_have_stopped(
    tmp_path: Path, options: dict[str, Any], stop: int
) -> None:
    """With every schedule, in the middle of an epoch and between two."""
    whole = train(tmp_path, epochs=5, **options).model
    stopped = small_job(tmp_path, epochs=5, **options).run(should_stop=after(stop))
    assert stopped.interrupted
    save_model(stopped.model, tmp_path / "m")
    job = resumed(tmp_path)
    assert job.notes == job.changes == [] and job.training == whole.training
    rest = job.run().model
    assert same_training_state(rest, whole)
    assert losses(rest) == losses(whole)


def test_the_goal_can_be_moved(tmp_path: Path) -> None:
    save_model(train(tmp_path, epochs=2, schedule="constant").model, tmp_path / "m")
    whole = train(tmp_path, epochs=5, schedule="constant").model
    assert same_training_state(resumed(tmp_path, epochs=5).run().model, whole)


def test_with_its_goal_the_schedule_moves_and_that_is_said(tmp_path: Path) -> None:
    save_model(train(tmp_path, epochs=2).model, tmp_path / "m")
    job = resumed(tmp_path, epochs=5)
    assert any("0.01 に戻り" in change and "3 エポック" in change for change in job.changes)
    assert (job.training.restart_step, job.training.decay_steps) == (6, 15)


def test_a_schedule_that_is_changed_begins_where_training_stands(tmp_path: Path) -> None:
    stopped = small_job(tmp_path, epochs=5, schedule="constant").run(should_stop=after(4)).model
    save_model(stopped, tmp_path / "m")
    training = resumed(tmp_path, schedule="cosine").training
    assert stopped.progress.step == 3
    assert (training.restart_step, training.decay_steps) == (3, 15)


def test_what_is_finished_stays_as_it_is(tmp_path: Path) -> None:
    done = train(tmp_path, epochs=3).model
    save_model(done, tmp_path / "m")
    job = resumed(tmp_path)
    assert any("もう 3 エポックまで終わっています" in note for note in job.notes)
    assert same_training_state(job.run().model, done)


def test_a_continued_training_is_resumed_to_its_own_goal(tmp_path: Path) -> None:
    """`--load X --epochs 3` from epoch 2 wants epoch 5; its checkpoint at 4 has one to go."""
    save_model(train(tmp_path, epochs=2).model, tmp_path / "x")
    continued = small_job(tmp_path, load=tmp_path / "x", epochs=3).run().model
    kept = checkpoints_of(small_job(tmp_path, load=tmp_path / "x", epochs=3), 2)
    save_model(kept[0], tmp_path / "m")
    found = load_model(tmp_path / "m").progress
    assert found == Progress(12, 4, 0) and (found.start, found.until) == (2, 5)
    assert same_training_state(resumed(tmp_path).run().model, continued)


def test_a_directory_from_before_goals_were_kept(tmp_path: Path) -> None:
    model = checkpoints_of(small_job(tmp_path, epochs=3), 1)[0]
    save_model(replace(model, progress=replace(model.progress, until=0)), tmp_path / "m")
    assert resumed(tmp_path).run().model.progress.epoch == 3


VALID_LINES = "わたしはいきます\t<私> <飲む>\nおはよう\t<朝> <挨拶>\nえきです\t<駅>\n"
SELECTIONS: dict[str, dict[str, Any]] = {
    "best": {"keep": "best"},
    "average": {"keep": "average", "average": 3},
    "patience": {"patience": 4},
    "best and patience": {"keep": "best", "patience": 4, "batch_tokens": 40},
    "best by exact matches": {"keep": "best", "metric": "exact"},
    "best by chrF and patience": {"keep": "best", "patience": 4, "metric": "chrf"},
}


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    path = tmp_path / "valid.tsv"
    path.write_text(VALID_LINES, encoding="utf-8")
    return path


@pytest.mark.parametrize("options", SELECTIONS.values(), ids=SELECTIONS.keys())
@pytest.mark.parametrize("every", [4, pytest.param(11, marks=pytest.mark.slow), 20])
def test_what_is_kept_and_when_it_ends_survives_any_number_of_interruptions(
    tmp_path: Path, valid: Path, options: dict[str, Any], every: int
) -> None:
    """Stopped again and again after so many batches: the same weights, state and curve as without."""
    wanted = {"epochs": 30, "learning_rate": 0.03} | options
    whole = small_job(tmp_path, valid=valid, **wanted).run().model
    stopped = small_job(tmp_path, valid=valid, **wanted).run(should_stop=after(every))
    times = 0
    while stopped.interrupted:
        save_model(stopped.model, tmp_path / "m")
        times += 1
        stopped = resumed(tmp_path, valid).run(should_stop=after(every))
    assert times
    assert same_training_state(stopped.model, whole)
    assert losses(stopped.model) == losses(whole)
    if "patience" in options:
        assert whole.progress.epoch < 30


def test_best_is_the_epoch_with_the_lowest_validation_loss(tmp_path: Path, valid: Path) -> None:
    options = {"epochs": 30, "learning_rate": 0.03}
    kept = checkpoints_of(small_job(tmp_path, valid=valid, **options), 1)
    model = small_job(tmp_path, valid=valid, keep="best", **options).run().model
    found = [point.valid_loss or 0 for point in model.history]
    best = found.index(min(found))
    assert best < 25
    assert same_arrays(model.parameters, kept[best].parameters)


def test_average_is_the_mean_of_the_last_epochs(tmp_path: Path) -> None:
    kept = checkpoints_of(small_job(tmp_path, epochs=6), 1)
    average = small_job(tmp_path, epochs=6, keep="average", average=3).run().model
    last = train(tmp_path, epochs=6).model
    for name, value in average.parameters.items():
        three = [one.parameters[name] for one in (*kept[-2:], last)]
        np.testing.assert_allclose(value, np.mean(three, 0), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("options", SELECTIONS.values(), ids=SELECTIONS.keys())
def test_a_finished_run_stays_as_it_is(tmp_path: Path, valid: Path, options: dict[str, Any]) -> None:
    done = small_job(tmp_path, valid=valid, epochs=12, learning_rate=0.03, **options).run().model
    save_model(done, tmp_path / "m")
    job = resumed(tmp_path, valid)
    assert any("もう" in note and "終わっています" in note for note in job.notes)
    assert same_training_state(job.run().model, done)


def test_a_run_that_patience_ended_goes_on_with_more_of_it(tmp_path: Path, valid: Path) -> None:
    options = {"epochs": 30, "learning_rate": 0.03}
    done = small_job(tmp_path, valid=valid, patience=3, **options).run().model
    save_model(done, tmp_path / "m")
    further = resumed(tmp_path, valid, patience=6).run().model
    assert done.progress.epoch < further.progress.epoch
    assert losses(further) == losses(small_job(tmp_path, valid=valid, patience=6, **options).run().model)


def test_another_run_begins_with_what_was_kept_and_a_patience_of_its_own(tmp_path: Path, valid: Path) -> None:
    done = small_job(
        tmp_path, valid=valid, epochs=30, learning_rate=0.03, **SELECTIONS["best and patience"]
    ).run()
    save_model(done.model, tmp_path / "m")
    job = small_job(tmp_path, load=tmp_path / "m", valid=valid, epochs=3)
    assert same_arrays(job.start.parameters, done.model.parameters)
    assert job.run().model.progress.epoch == done.model.progress.epoch + 3


@pytest.mark.parametrize(
    "options",
    [{"keep": "best"}, {"patience": 1}, {"keep": "best", "patience": 1}, {"metric": "exact"}],
    ids=str,
)
def test_what_needs_validation_data_is_refused_without(tmp_path: Path, options: dict[str, Any]) -> None:
    name = next(iter(options))
    with refused(UserError, "--valid", f"--{name}", code="validation-data-missing", setting=name):
        small_job(tmp_path, **options)


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
    ended = run_program([*common, "--save", "m", "--resume"], tmp_path)
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


@pytest.mark.parametrize(("rate", "epochs"), [("1e10", "4"), ("1e10", "1"), ("1e20", "1"), ("1e38", "1")])
@pytest.mark.parametrize("more", [[], ["--checkpoint-every", "1"], ["--valid", "valid.tsv"]], ids=" ".join)
def test_a_training_that_diverges_keeps_the_last_sound_state(
    tmp_path: Path, rate: str, epochs: str, more: list[str]
) -> None:
    """Also in its last epoch, whose losses are those before its updates."""
    # the curve of the run that diverged may be looked at
    no_model = {".lock", METRICS_LINES, CURVE}
    save_model(train(tmp_path, epochs=2).model, tmp_path / "m")
    (tmp_path / "valid.tsv").write_text(VALID_LINES, encoding="utf-8")
    before = {
        path.name: path.read_bytes() for path in (tmp_path / "m").iterdir() if path.name not in no_model
    }
    options = ["--batch-size", "8", "--warmup-steps", "1", "--clip-norm", "0", "--learning-rate", rate]
    run = run_program(
        ["train", "--backend", "ndarray", "--data", "eight.tsv", "--load", "m", "--save", "m", "--quiet",
         "--epochs", epochs, *options, *more],
        tmp_path,
    )  # fmt: skip
    said = run.stderr.decode()
    assert run.returncode == 1 and "発散しました" in said and "Traceback" not in said, said
    after = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir() if path.name not in no_model}
    assert after == before
