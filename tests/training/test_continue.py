"""A saved model is trained on.

At a constant learning rate, training N epochs, saving, loading and training M more is training N + M, bit for bit.
With the default schedule that is what resuming does (test_resume.py); a run that continues a model has a schedule
of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import Progress, SavedModel, load_model, save_model
from jsl_seq2seq.training import TrainingJob, TrainingRequest
from jsl_seq2seq.training.schedule import learning_rate

from ..refusals import refused
from ..small_models import EIGHT_LINES, same_arrays, same_training_state, small_job, train

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout and smoothing": {"dropout": 0.2, "label_smoothing": 0.1},
    "another seed, no clipping": {"seed": 2**40, "clip_norm": 0.0, "dropout": 0.1},
    "in the middle of warm-up": {"warmup_steps": 10},
    "one batch an epoch": {"batch_size": 100},
}
EPOCHS = 5
CONSTANT: dict[str, Any] = {"schedule": "constant"}


def after(batches: int) -> Callable[[], bool]:
    """Asks to stop when so many batches were learnt from. It is asked once more at the end of each epoch."""
    seen = 0

    def asked() -> bool:
        nonlocal seen
        seen += 1
        return seen >= batches

    return asked


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    path = tmp_path / "valid.tsv"
    path.write_text("わたしはいきます\t<私> <飲む>\n", encoding="utf-8")
    return path


def losses(model: SavedModel) -> list[tuple[int, float, float | None]]:
    return [(point.epoch, point.loss, point.valid_loss) for point in model.history]


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("first", [1, 2, 4])
def test_between_epochs(tmp_path: Path, valid: Path, options: dict[str, Any], first: int) -> None:
    options = CONSTANT | options
    whole = train(tmp_path, epochs=EPOCHS, valid=valid, **options).model
    save_model(train(tmp_path, epochs=first, valid=valid, **options).model, tmp_path / "m")
    rest = train(tmp_path, load=tmp_path / "m", valid=valid, epochs=EPOCHS - first).model
    assert same_training_state(rest, whole)
    assert losses(rest) == losses(whole)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("stop", [1, 2, 5, 6])
def test_in_the_middle_of_an_epoch(tmp_path: Path, options: dict[str, Any], stop: int) -> None:
    options = CONSTANT | options
    whole = train(tmp_path, epochs=EPOCHS, **options).model
    stopped = small_job(tmp_path, epochs=EPOCHS, **options).run(should_stop=after(stop))
    assert stopped.interrupted
    save_model(stopped.model, tmp_path / "m")
    left = EPOCHS - stopped.model.progress.epoch
    rest = train(tmp_path, load=tmp_path / "m", epochs=left).model
    assert same_training_state(rest, whole)
    assert [point.epoch for point in rest.history] == [1, 2, 3, 4, 5]


def test_stopped_again_and_again(tmp_path: Path) -> None:
    whole = train(tmp_path, epochs=2, **CONSTANT).model
    model = small_job(tmp_path, epochs=2, **CONSTANT).run(should_stop=after(1)).model
    while model.progress.epoch < 2:
        save_model(model, tmp_path / "m")
        job = small_job(tmp_path, load=tmp_path / "m", epochs=2 - model.progress.epoch)
        model = job.run(should_stop=after(1)).model
    assert same_training_state(model, whole)


def test_without_the_training_state_it_is_said_and_not_the_same(tmp_path: Path) -> None:
    whole = train(tmp_path, epochs=3).model
    save_model(replace(train(tmp_path, epochs=2).model, moments=None), tmp_path / "m")
    job = small_job(tmp_path, load=tmp_path / "m", epochs=1)
    assert any("途中経過が保存されていない" in change for change in job.changes)
    rest = job.run().model
    assert rest.progress == Progress(step=3, epoch=3)
    assert not same_arrays(rest.parameters, whole.parameters)


def notes_after(
    tmp_path: Path, stop: int = 0, data: Path | None = None, **options: Any
) -> tuple[list[str], Progress]:
    """What is said when a training of 2 epochs (or ``stop`` batches) goes on differently, and from where."""
    first = small_job(tmp_path, epochs=2, **CONSTANT).run(should_stop=after(stop) if stop else lambda: False)
    save_model(first.model, tmp_path / "m")
    job = small_job(tmp_path, load=tmp_path / "m", data=data, **options)
    return job.notes + job.changes, job.start.progress


def test_nothing_is_said_when_nothing_changed(tmp_path: Path) -> None:
    assert notes_after(tmp_path) == ([], Progress(step=6, epoch=2))


@pytest.mark.parametrize("before", ["cosine", "constant"])
def test_a_continued_run_has_a_cosine_of_its_own(tmp_path: Path, before: str) -> None:
    """Not the 1 % at which the first one ended; and to ask for a cosine is not to be at its end."""
    save_model(train(tmp_path, epochs=4, schedule=before).model, tmp_path / "m")
    job = small_job(tmp_path, load=tmp_path / "m", epochs=3, schedule="cosine")
    assert any("0.01 に戻り" in change and "3 エポック" in change for change in job.changes)
    assert (job.training.restart_step, job.training.decay_steps) == (12, 21)
    rates = [learning_rate(job.training, step) for step in (13, 21)]
    assert rates[0] > 0.9 * 0.01 and rates[1] == pytest.approx(0.01 * 0.01)


def test_a_continued_run_says_nothing_of_a_constant_rate(tmp_path: Path) -> None:
    save_model(train(tmp_path, epochs=2, **CONSTANT).model, tmp_path / "m")
    job = small_job(tmp_path, load=tmp_path / "m")
    assert job.notes == job.changes == [] and (job.training.restart_step, job.training.decay_steps) == (0, 0)


def test_another_seed_is_said(tmp_path: Path) -> None:
    notes, _ = notes_after(tmp_path, seed=5)
    assert len(notes) == 1 and "seed を 0 から 5" in notes[0]


def other_data(tmp_path: Path, lines: Sequence[str]) -> Path:
    path = tmp_path / "other.tsv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [lines[0].replace("飲む", "食べる"), *lines[1:]],
        lambda lines: lines[::-1],
        lambda lines: [*lines, "のみます\t<飲む>"],
    ],
    ids=["fewer", "another tag", "another order", "more"],
)
def test_other_data_are_said(tmp_path: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines = change([EIGHT_LINES.splitlines()[1], EIGHT_LINES.splitlines()[0], *EIGHT_LINES.splitlines()[2:]])
    notes, _ = notes_after(tmp_path, data=other_data(tmp_path, lines))
    assert any("違うデータ" in note and "eight.tsv" in note for note in notes)


def test_the_same_data_under_another_name_are_the_same(tmp_path: Path) -> None:
    data = other_data(tmp_path, ["# 同じ", *EIGHT_LINES.splitlines()])
    assert notes_after(tmp_path, data=data)[0] == []


@pytest.mark.parametrize("changed", ["data", "batch_size", "seed"])
def test_an_interrupted_epoch_starts_over_when_its_batches_are_others(tmp_path: Path, changed: str) -> None:
    data = other_data(tmp_path, EIGHT_LINES.splitlines()[:-1]) if changed == "data" else None
    options = {} if changed == "data" else {changed: 4}
    notes, progress = notes_after(tmp_path, stop=2, data=data, **options)
    assert any("最初からやり直します" in note for note in notes)
    assert progress == Progress(step=2, epoch=0, batch=0)


def test_the_recorded_data_are_used_and_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(train(tmp_path, epochs=1).model, tmp_path / "m")
    request = TrainingRequest({"epochs": 1}, "ndarray", load=tmp_path / "m")
    assert len(TrainingJob(request).corpus.pairs) == 8
    (tmp_path / "eight.tsv").unlink()
    with refused(UserError, "学習データが見つかりません", "eight.tsv", "--data"):
        TrainingJob(request)


def test_a_model_says_nothing_about_the_folders_of_who_trained_it(tmp_path: Path) -> None:
    save_model(train(tmp_path, epochs=1).model, tmp_path / "m")
    for file in (tmp_path / "m").iterdir():
        assert tmp_path.as_posix().encode() not in file.read_bytes(), file.name


def test_a_model_that_recorded_an_absolute_path_goes_on_and_forgets_it(tmp_path: Path) -> None:
    whole = train(tmp_path, epochs=2, **CONSTANT).model
    model = train(tmp_path, epochs=1, **CONSTANT).model
    save_model(replace(model, data_name=str(tmp_path / "eight.tsv")), tmp_path / "m")
    rest = TrainingJob(TrainingRequest({"epochs": 1}, "ndarray", load=tmp_path / "m")).run().model
    assert same_training_state(rest, whole)
    assert rest.data_name == "eight.tsv"


@pytest.mark.parametrize(
    ("name", "value"), [("d_model", 16), ("n_heads", 1), ("n_layers", 2), ("d_ff", 8), ("max_seq_len", 99)]
)
def test_the_models_shape_cannot_change(tmp_path: Path, name: str, value: int) -> None:
    model = train(tmp_path, epochs=1).model
    save_model(model, tmp_path / "m")
    option = "--" + name.replace("_", "-")
    other: dict[str, Any] = {name: value}
    with refused(UserError, option, str(getattr(model.config, name)), "--load"):
        small_job(tmp_path, load=tmp_path / "m", **other)
    same: dict[str, Any] = {name: getattr(model.config, name)}
    small_job(tmp_path, load=tmp_path / "m", **same)  # asking for what it is, is fine


def test_how_it_learns_may_change(tmp_path: Path) -> None:
    save_model(train(tmp_path, epochs=1).model, tmp_path / "m")
    job = small_job(tmp_path, load=tmp_path / "m", epochs=2, learning_rate=0.5, dropout=0.3)
    assert (job.training.learning_rate, job.training.dropout) == (0.5, 0.3)
    assert job.training.batch_size == load_model(tmp_path / "m").training.batch_size == 3
