"""Epoch after epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.data.batching import Batch
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.store import EpochMetrics, SavedModel, load_model, save_model
from jsl_seq2seq.training import Checkpoints, Reporter, Reporters, Run
from jsl_seq2seq.training.trainer import Trainer

from ..refusals import refused
from ..small_models import EIGHT_LINES, small_job


class Recorded(Reporter):
    """A reporter that writes everything down."""

    def __init__(self) -> None:
        self.run = Run()
        self.validated = 0
        self.tokens: list[int] = []
        self.losses: list[float] = []
        self.epochs: list[EpochMetrics] = []

    def start(self, run: Run) -> None:
        self.run = run

    def batch(self, tokens: int, loss: Callable[[], float]) -> None:
        self.tokens.append(tokens)
        self.losses.append(loss())

    def validating(self) -> None:
        self.validated += 1

    def epoch(self, metrics: EpochMetrics) -> None:
        self.epochs.append(metrics)


def corpus_file(folder: Path) -> Path:
    """The eight sentences as a file."""
    path = folder / "same.tsv"
    path.write_text(EIGHT_LINES, encoding="utf-8")
    return path


TOKENS = sum(line.split("\t")[1].count("<") + 1 for line in EIGHT_LINES.splitlines())


def test_a_reporter_sees_everything(tmp_path: Path) -> None:
    seen, beside = Recorded(), Recorded()
    result = small_job(tmp_path, epochs=2, valid=corpus_file(tmp_path)).run(Reporters(seen, beside))
    assert seen.run == Run(0, 6, 0, 0, 2, "loss", (), 8) and seen.validated == 2
    assert vars(beside) == vars(seen)
    assert len(seen.tokens) == 6
    assert sum(seen.tokens[:3]) == sum(seen.tokens[3:]) == TOKENS
    assert [point.epoch for point in seen.epochs] == [1, 2]
    expected = (
        sum(loss * count for loss, count in zip(seen.losses[3:], seen.tokens[3:], strict=True)) / TOKENS
    )
    assert seen.epochs[1].loss == pytest.approx(expected)
    assert seen.epochs[1].tokens_per_second == pytest.approx(TOKENS / seen.epochs[1].seconds)
    assert [point.loss for point in result.model.history] == [point.loss for point in seen.epochs]
    assert not result.interrupted


@pytest.mark.parametrize("batches", range(1, 7))
def test_stopping_finishes_the_batch(tmp_path: Path, batches: int) -> None:
    seen = Recorded()
    result = small_job(tmp_path, epochs=2).run(seen, lambda: len(seen.tokens) == batches)
    assert len(seen.tokens) == batches
    progress = result.model.progress
    assert (progress.step, progress.epoch, progress.batch) == (batches, batches // 3, batches % 3)
    assert result.interrupted == (
        batches < 6
    )  # asked to stop after all is done: there is nothing to go on with
    assert len(result.model.history) == batches // 3


@pytest.mark.parametrize("rate", [1e30, 1e300])
def test_divergence_is_said(tmp_path: Path, rate: float) -> None:
    with refused(Failure, "発散", "--learning-rate", code="training-diverged", epoch=1, value=rate):
        small_job(tmp_path, epochs=3, learning_rate=rate).run()


@pytest.mark.parametrize("name", ["encoder.embedding.weight", "decoder.output_projection.bias"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_tensor_with_one_value_that_is_no_number_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    """After the last update, and in a row that no sentence of a sample may have: no loss shows it."""
    saved: list[SavedModel] = []
    checkpoints = Checkpoints(1, saved.append)
    honest = Trainer.update_accumulated

    def poisoned(self: Trainer, *batches: Any) -> Any:
        found = honest(self, *batches)
        if self.step == 6:
            tensor: Any = self._named[name]
            tensor.reshape(-1)[-1] = value
        return found

    monkeypatch.setattr(Trainer, "update_accumulated", poisoned)
    with refused(Failure, "発散", "残っています", "--learning-rate", code="training-diverged", epoch=2):
        small_job(tmp_path, epochs=2).run(checkpoints=checkpoints, save=saved.append)
    assert [model.progress.epoch for model in saved] == [1]


@pytest.mark.parametrize("rate", [3.0, 1e3, 1e6, 1e10])
def test_parameters_that_are_worse_than_guessing_are_not_saved(tmp_path: Path, rate: float) -> None:
    """One epoch: the losses that its steps return are finite."""
    saved: list[SavedModel] = []
    job = small_job(tmp_path, epochs=1, learning_rate=rate, warmup_steps=1, clip_norm=0.0)
    with refused(Failure, "発散", code="training-diverged", epoch=1, value=rate):
        job.run(save=saved.append)
    assert not saved


def test_validation_loss_is_that_of_the_trained_model(tmp_path: Path) -> None:
    valid = tmp_path / "valid.tsv"
    valid.write_text("わたしはみます\t<私> <飲む>\nありがとう\t<ありがとう>\n", encoding="utf-8")
    history = small_job(tmp_path, epochs=60, valid=valid).run().model.history
    losses = [point.valid_loss for point in history]
    assert all(loss is not None for loss in losses)
    assert all(point.valid_exact in (0, 0.5, 1) for point in history)
    same = small_job(tmp_path, epochs=60, valid=tmp_path / "eight.tsv").run().model
    assert same.history[-1].valid_exact == 1
    last = same.history[-1]
    assert last.valid_loss is not None and last.valid_loss < last.loss * 1.5


def test_a_validation_loss_that_is_no_number_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    valid = tmp_path / "valid.tsv"
    valid.write_text("わたしはみます\t<私> <飲む>\n", encoding="utf-8")
    honest = Trainer.loss

    def of_validation(
        trainer: Trainer, batch: Batch
    ) -> float:  # a sentence alone; the training data have eight
        return float("nan") if len(batch.source) == 1 else honest(trainer, batch)

    monkeypatch.setattr(Trainer, "loss", of_validation)
    model = small_job(tmp_path, epochs=2, valid=valid).run().model
    save_model(model, tmp_path / "m")
    assert [point.valid_loss for point in load_model(tmp_path / "m").history] == [None, None]
