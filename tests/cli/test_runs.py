"""``jsl-seq2seq runs``: several trainings in one table and one picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jsl_seq2seq.render.curve import MARK
from jsl_seq2seq.store import save_model
from jsl_seq2seq.training.record import METRICS_LINES, MetricsLines

from ..small_models import small_job, trained_small
from .conftest import Program


@pytest.fixture
def trainings(tmp_path: Path) -> list[Path]:
    """One with validation data and one without."""
    valid = tmp_path / "valid.tsv"
    valid.write_text("わたしはたべます\t<私> <食べる>\nありがとう\t<ありがとう>\n", encoding="utf-8")
    save_model(small_job(tmp_path, epochs=3, valid=valid).run().model, tmp_path / "with")
    save_model(trained_small(), tmp_path / "without")
    return [tmp_path / "with", tmp_path / "without"]


def test_one_row_for_each_training(program: Program, trainings: list[Path]) -> None:
    code, out, err = program("runs", *map(str, trainings))
    assert (code, err) == (0, "")
    head, first, second, *_ = out.splitlines()
    assert "検証の損失" in head and "完全一致" in head
    assert first.startswith(str(trainings[0])) and "－" not in first
    assert second.startswith(str(trainings[1])) and second.count("－") == 3


def test_json_has_the_last_and_the_best_epoch(program: Program, trainings: list[Path]) -> None:
    found = [json.loads(line) for line in program("runs", *map(str, trainings), "--json").out.splitlines()]
    assert [one["directory"] for one in found] == list(map(str, trainings))
    history = json.loads((trainings[0] / "metrics.json").read_text(encoding="utf-8"))["history"]
    assert found[0]["last"] == {**found[0]["last"], **history[-1]}
    assert found[0]["best"]["valid_loss"] == min(point["valid_loss"] for point in history)
    assert found[1]["best"] is None


def test_a_training_that_goes_on_has_no_model_yet(
    program: Program, trainings: list[Path], tmp_path: Path
) -> None:
    going_on = tmp_path / "going-on"
    going_on.mkdir()
    MetricsLines(going_on).write(trained_small().history)
    found = json.loads(program("runs", str(going_on), "--json").out)
    assert found["epochs"] == len(trained_small().history)
    # what is ahead of the saved model counts
    (trainings[0] / METRICS_LINES).write_bytes((going_on / METRICS_LINES).read_bytes())
    assert json.loads(program("runs", str(trainings[0]), "--json").out)["last"] == found["last"]


def test_the_picture_replaces_its_like_alone(program: Program, trainings: list[Path], tmp_path: Path) -> None:
    picture, other = tmp_path / "two.svg", tmp_path / "other.svg"
    for _ in range(2):
        code, _, err = program("runs", *map(str, trainings), "--curve", str(picture))
        assert code == 0 and str(picture) in err
    assert MARK in picture.read_text(encoding="utf-8")
    other.write_text("<svg/>", encoding="utf-8")
    assert program("runs", str(trainings[0]), "--curve", str(other)).code == 2
    assert other.read_text(encoding="utf-8") == "<svg/>"
    code, _, err = program("runs", str(trainings[0]), "--curve", str(tmp_path / "none" / "x.svg"))
    assert code == 2 and err.startswith("エラー: ")


def test_a_folder_without_a_training(program: Program, tmp_path: Path) -> None:
    code, _, err = program("runs", str(tmp_path))
    assert code == 2 and err.startswith("エラー: ")
