"""metrics.jsonl and TensorBoard's events: each epoch once, through interruptions and kills."""

from __future__ import annotations

import importlib
import struct
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import EpochMetrics, load_model, save_model
from jsl_seq2seq.training import Run
from jsl_seq2seq.training.record import MetricsLines, TensorBoard, read_lines

from ..processes import POSIX, environment, program, run_program
from ..refusals import refused
from ..small_models import EIGHT_LINES, small_job

POINTS = tuple(EpochMetrics(number, 1 / number, 0.5, 100.0, 2.0, 0.25) for number in range(1, 6))


def test_a_line_for_each_epoch_as_soon_as_it_is_finished(tmp_path: Path) -> None:
    file = MetricsLines(tmp_path)
    file.start(Run(0, 9, history=POINTS[:2]))
    assert read_lines(tmp_path) == POINTS[:2]
    for number in (2, 3, 4):
        file.epoch(POINTS[number])
        assert read_lines(tmp_path) == POINTS[: number + 1]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_that_is_being_written_is_not_read(tmp_path: Path, cut: int) -> None:
    file = MetricsLines(tmp_path)
    file.start(Run(0, 9, history=POINTS))
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_lines(tmp_path) == POINTS[:-1]


def test_a_resumed_run_has_no_epoch_twice_and_misses_none(tmp_path: Path) -> None:
    MetricsLines(tmp_path).write(POINTS)
    again = MetricsLines(tmp_path)
    again.start(Run(0, 9, history=POINTS[:3]))  # the last checkpoint
    again.epoch(replace(POINTS[3], seconds=9.0))
    assert read_lines(tmp_path) == (*POINTS[:3], replace(POINTS[3], seconds=9.0))


@pytest.mark.parametrize(
    "content", ["mine\n", "{}\n", '{"epoch": 1, "loss": "x", "seconds": 1, "tokens_per_second": 1}\n']
)
def test_other_peoples_files_stay(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(content, encoding="utf-8")
    with refused(UserError, "metrics.jsonl", code="would-overwrite", path=tmp_path / "metrics.jsonl"):
        MetricsLines(tmp_path)
    assert (tmp_path / "metrics.jsonl").read_text(encoding="utf-8") == content


def test_what_cannot_be_written_is_said_once_and_made_up_for(tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "m"
    folder.mkdir()
    file = MetricsLines(folder, said.append)
    file.start(Run(0, 9))
    (folder / "metrics.jsonl").unlink()
    for point in POINTS:
        file.epoch(point)
    assert len(said) == 1 and "metrics.jsonl" in said[0]
    file.finish(POINTS)
    assert read_lines(folder) == POINTS


@POSIX
def test_a_killed_process_that_is_resumed_leaves_one_line_for_each_epoch(tmp_path: Path) -> None:
    (tmp_path / "eight.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    shape = ["--batch-size", "3", "--d-model", "8", "--d-ff", "16", "--n-layers", "1"]
    command = ["train", "--backend", "ndarray", "--data", "eight.tsv", "--valid", "eight.tsv", "--epochs", "150",
               "--save", "m", "--quiet", "--checkpoint-every", "25", "--resume", *shape]  # fmt: skip
    with subprocess.Popen(program(*command), cwd=tmp_path, env=environment()) as process:
        end = time.monotonic() + 60
        while time.monotonic() < end and not (
            (tmp_path / "m" / "config.json").exists() and len(read_lines(tmp_path / "m")) > 40
        ):
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert 40 < len(read_lines(tmp_path / "m")) < 150
    assert run_program(command, tmp_path).returncode == 0
    assert [point.epoch for point in read_lines(tmp_path / "m")] == list(range(1, 151))
    assert read_lines(tmp_path / "m") == load_model(tmp_path / "m").history
    assert (tmp_path / "m" / "curve.svg").is_file()


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """What the event files hold, in the order of their names: TFRecords of protocol buffers."""
    pytest.importorskip("tensorboardX")
    event_type: Any = importlib.import_module("tensorboardX.proto.event_pb2").Event

    found = []
    for path in sorted(folder.glob("events.*")):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (size,) = struct.unpack_from("<Q", content, at)
            event: Any = event_type.FromString(content[at + 12 : at + 12 + size])
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            at += 16 + size
    return found


def test_tensorboard_has_the_curve(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    valid = tmp_path / "valid.tsv"
    valid.write_text(EIGHT_LINES, encoding="utf-8")
    board = TensorBoard(tmp_path / "board" / "1")
    model = small_job(tmp_path, epochs=3, valid=valid).run(board).model
    board.close()
    found = scalars(tmp_path / "board" / "1")
    wanted = {
        "loss/train": [point.loss for point in model.history],
        "loss/valid": [point.valid_loss for point in model.history],
        "valid/exact": [point.valid_exact for point in model.history],
        "speed/tokens_per_second": [point.tokens_per_second for point in model.history],
    }
    assert {name for name, _, _ in found} == set(wanted)
    for name, values in wanted.items():
        assert [step for one, step, _ in found if one == name] == [1, 2, 3]
        assert [value for one, _, value in found if one == name] == pytest.approx(values, rel=1e-6)
    save_model(model, tmp_path / "m")


def test_a_place_where_tensorboard_cannot_write_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with refused(UserError, "TensorBoard", code="tensorboard-not-writable", path=tmp_path / "file"):
        TensorBoard(tmp_path / "file")
