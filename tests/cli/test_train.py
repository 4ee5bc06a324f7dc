"""Training from the command line."""

from __future__ import annotations

import importlib
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.cli import train as cli_train
from jsl_seq2seq.cli.console import note
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.training import TrainingJob, TrainingRequest

from ..processes import POSIX, environment
from ..small_models import same_training_state, trained_small
from .conftest import Program
from .options import training


def test_what_is_said(program: Program, data: Path, tmp_path: Path) -> None:
    done = program("--train", *training(data, tmp_path / "モデル", epochs=20))
    assert done.code == 0
    assert "ndarray" in done.err and "8 文" in done.err
    progress = re.findall(r"(\d+) エポック（(\d+)%）: 損失 ([\d.e-]+)", done.err)
    assert 8 <= len(progress) <= 12
    assert progress[-1][:2] == ("20", "100")
    assert "例文 8 のうち" in done.out and "  ありがとう → " in done.out
    assert f"保存しました: {tmp_path / 'モデル'}" in done.out
    assert load_model(tmp_path / "モデル").progress.epoch == 20


def test_long_examples_are_cut(program: Program, tmp_path: Path) -> None:
    data = tmp_path / "long.tsv"
    data.write_text("あ" * 2001 + "\t" + "<私> " * 100 + "\n", encoding="utf-8")
    small = [
        "--d-model",
        8,
        "--n-heads",
        2,
        "--n-layers",
        1,
        "--d-ff",
        8,
        "--epochs",
        1,
        "--backend",
        "ndarray",
    ]
    done = program("--train", "--data", data, "--save", tmp_path / "m", *small)
    assert done.code == 0
    assert f"  {'あ' * 60}… → " in done.out and f"{'<私> ' * 12}…" in done.out
    assert max(map(len, done.out.splitlines())) < 300


def test_a_loss_worse_than_guessing_is_not_called_learnt(
    program: Program, data: Path, tmp_path: Path
) -> None:
    usual = program("--train", *training(data, tmp_path / "m", epochs=1))
    assert usual.code == 0 and "発散" not in usual.err
    saved = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    done = program("--train", *training(data, tmp_path / "m", epochs=20), "--learning-rate", "100")
    assert done.code == 1
    assert "発散しました" in done.err and "--learning-rate" in done.err
    assert load_model(tmp_path / "m").progress.epoch == 1
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == saved["model.safetensors"]


@pytest.mark.parametrize("name", ["config.json", "README.md"])
def test_other_peoples_files_are_not_written_over(
    program: Program, data: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("{}", encoding="utf-8")
    done = program("--train", *training(data, tmp_path / "mine", epochs=1))
    assert (done.code, done.out) == (2, "")
    assert name in done.err and "--save" in done.err
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {name}


def test_a_model_that_is_written_over_is_named(program: Program, data: Path, tmp_path: Path) -> None:
    first = program("--train", *training(data, tmp_path / "m", epochs=1))
    assert "上書き" not in first.err
    again = program("--train", *training(data, tmp_path / "m", epochs=1))
    assert again.code == 0
    assert "上書きします" in again.err and "--load" in again.err and "--resume" not in again.err
    assert "Ctrl-C を 2 回" in again.err, "once saves what there is"
    outside = program("--load", tmp_path, "--predict", "ありがとう")
    assert outside.code == 2 and f"指定してください: {tmp_path / 'm'}\n" in outside.err
    further = program("--train", "--load", tmp_path / "m", *training(data, tmp_path / "m", epochs=1))
    assert "上書き" not in further.err
    assert "参考" not in program("verify", tmp_path / "m").err, "all that a training writes belongs there"


def test_a_model_that_has_learnt_too_little_says_how_to_go_on(
    program: Program, data: Path, tmp_path: Path
) -> None:
    done = program("train", *training(data, tmp_path / "m", epochs=1))
    assert "例文 8 のうち 0 が" in done.out
    assert "まだ 1 文も覚えていません" in done.err and f"--load {tmp_path / 'm'}" in done.err
    assert "覚えていません" not in program("train", *training(data, tmp_path / "n", epochs=80)).err


def test_resuming_nothing_is_said(program: Program, data: Path, tmp_path: Path) -> None:
    """The first run of a command that may be repeated; or the folder's name is mistyped."""
    first = program("train", *training(data, tmp_path / "m", epochs=1), "--resume")
    assert first.code == 0 and "はじめから学習します" in first.err
    assert "はじめから" not in program("train", *training(data, tmp_path / "m", epochs=2), "--resume").err


def test_quiet_is_only_the_folder(program: Program, data: Path, tmp_path: Path) -> None:
    assert program("--train", "--quiet", *training(data, tmp_path / "m")) == (0, f"{tmp_path / 'm'}\n", "")


def test_json(program: Program, data: Path, tmp_path: Path) -> None:
    done = program("--train", "--json", *training(data, tmp_path / "m"))
    summary = json.loads(done.out)
    assert summary["directory"] == str(tmp_path / "m")
    assert (summary["epoch"], summary["step"], summary["checked"]) == (2, 6, 8)
    assert summary["interrupted"] is False and summary["loss"] > 0


def test_without_save_a_dated_folder_is_made_and_said(program: Program, data: Path, tmp_path: Path) -> None:
    arguments = [a for a in training(data, Path("x")) if a not in ("--save", "x")]
    first, second = program("--train", *arguments), program("--train", *arguments)
    assert first.code == second.code == 0
    made = sorted((tmp_path / "models" / "jsl-seq2seq").iterdir())
    assert len(made) == 2
    for directory in made:
        assert re.fullmatch(r"\d{8}_\d{6}(-\d+)?", directory.name)
        load_model(directory)
    assert "保存先" in first.err and str(Path("models") / "jsl-seq2seq") in first.err


def test_continuing_is_training_on(program: Program, data: Path, tmp_path: Path) -> None:
    program("--train", *training(data, tmp_path / "whole", epochs=3))
    program("--train", *training(data, tmp_path / "part", epochs=2))
    part = str(tmp_path / "part")
    done = program("--load", part, "--backend", "ndarray", "--train", "--epochs", "1", "--save", part)
    assert done.code == 0
    whole, part_model = (load_model(tmp_path / name, training_state=True) for name in ("whole", "part"))
    assert same_training_state(whole, part_model)


def test_without_training_state(program: Program, data: Path, tmp_path: Path) -> None:
    program("--train", "--no-training-state", *training(data, tmp_path / "m"))
    assert not (tmp_path / "m" / "training_state.safetensors").exists()
    done = program(
        "--load", tmp_path / "m", "--backend", "ndarray", "--train", "--epochs", "1", "--save", tmp_path / "n"
    )
    assert done.code == 0 and "途中経過が保存されていない" in done.err


def test_changes_are_said(program: Program, data: Path, tmp_path: Path) -> None:
    program("--train", *training(data, tmp_path / "m"))
    data.write_text(data.read_text(encoding="utf-8").replace("<OK>", "<何>"), encoding="utf-8")
    done = program(
        "--load",
        tmp_path / "m",
        "--train",
        "--epochs",
        "1",
        "--seed",
        "9",
        "--save",
        tmp_path / "n",
        "--backend",
        "ndarray",
    )
    assert done.code == 0
    assert "seed を 0 から 9" in done.err and "違うデータ" in done.err


def test_translating_and_exporting_after_training(program: Program, data: Path, tmp_path: Path) -> None:
    done = program(
        "--train", *training(data, tmp_path / "m"), "--predict", "ありがとう", "--export-attn",
        "--export-weights", "decoder.output_projection",
    )  # fmt: skip
    assert done.code == 0 and "ありがとう → " in done.out
    assert (tmp_path / "m" / "exports" / "weights_decoder.output_projection.bias.csv").is_file()


def test_validation(program: Program, data: Path, tmp_path: Path) -> None:
    done = program("--train", *training(data, tmp_path / "m"), "--valid", data)
    assert done.code == 0 and "検証の損失" in done.err and "学習データにもあります" in done.err


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_signal_during_the_last_save_lets_it_end(
    program: Program, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    saves: list[int] = []

    def interrupted(model: Any, directory: Path) -> None:
        saves.append(len(model.examples))
        if len(saves) == 1:
            signal.raise_signal(number)
        save_model(model, directory)

    monkeypatch.setattr(cli_train, "save_model", interrupted)
    done = program("--train", *training(data, tmp_path / "m"))
    assert done.code == 0 and f"保存しました: {tmp_path / 'm'}" in done.out
    assert saves == [0, 5] and len(load_model(tmp_path / "m").examples) == 5


DIVERGING = [
    ["--learning-rate", "1e30"],
    ["--learning-rate", "1e300"],
    # the loss is still a number, Adam's state is not
    ["--learning-rate", "1e12", "--warmup-steps", "0", "--clip-norm", "0"],
]


@pytest.mark.parametrize("options", DIVERGING, ids=" ".join)
def test_divergence(
    program: Program, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """In our words and no others': NumPy's warnings are errors in tests."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done = program("--train", *training(data, tmp_path / "m"), *options)
    assert (done.code, done.out) == (1, "")
    assert "発散" in done.err and "--learning-rate" in done.err
    assert not (tmp_path / "m" / "config.json").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {data.name, "m"}  # nothing was begun elsewhere


@pytest.mark.parametrize("below", ["", "m"])
def test_a_place_that_cannot_be_saved_to_is_found_out_before_training(
    program: Program, data: Path, tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    done = program("--train", *training(data, tmp_path / "file" / below, epochs=10_000_000))
    assert (done.code, done.out) == (2, "")
    assert "フォルダーではありません" in done.err


def test_what_was_learnt_is_never_lost(
    program: Program, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while training: the model goes elsewhere, and the message says where."""

    def fail_there(model: Any, directory: Path) -> None:
        if directory == tmp_path / "m":
            raise Failure("保存に失敗しました")
        save_model(model, directory)

    monkeypatch.setattr(cli_train, "save_model", fail_there)
    done = program("--train", *training(data, tmp_path / "m"))
    assert done.code == 1 and "保存に失敗しました" in done.err
    refuge = re.search(r"代わりにここに保存しました: (.+)", done.err)
    assert refuge
    assert load_model(Path(refuge[1])).progress.epoch == 2
    shutil.rmtree(refuge[1])


@pytest.mark.parametrize(
    ("problem", "code", "said"), [(KeyboardInterrupt, 130, ""), (MemoryError, 1, "メモリー")]
)
def test_other_ends(
    program: Program,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    problem: type[BaseException],
    code: int,
    said: str,
) -> None:
    def end(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(cli_train, "run_training", end)
    done = program("--train", *training(data, tmp_path / "m"))
    assert (done.code, done.out) == (code, "")
    assert said in done.err and "Traceback" not in done.err


@POSIX
def test_the_first_ctrl_c_is_a_wish_and_the_second_an_order() -> None:
    said: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), cli_train._stoppable(said.append) as stop:
        assert not stop.asked()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # not said yet
        assert stop.asked() and len(said) == 1
        with stop.saving():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@POSIX
def test_a_closed_terminal_stays_ignored_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with cli_train._stoppable(note) as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.asked()
    finally:
        signal.signal(signal.SIGHUP, before)


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["saving", "renaming", "describing", "translating", "validating"])
def test_no_number_of_signals_costs_what_was_learnt(
    program: Program,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    moment: str,
) -> None:
    """From the last step to the last rename, five signals at once, with ``--quiet``."""
    place, name = {
        "saving": ("jsl_seq2seq.cli.train", "save_model"),
        "renaming": ("jsl_seq2seq.store.directory", "replace_files"),
        "describing": ("jsl_seq2seq.training.job", "now"),
        "translating": ("jsl_seq2seq.training.job", "_translated"),
        "validating": ("jsl_seq2seq.training.loop", "_valid_loss"),
    }[moment]
    honest = getattr(importlib.import_module(place), name)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        for _ in range(5):
            signal.raise_signal(number)
        return honest(*arguments, **named)

    monkeypatch.setattr(f"{place}.{name}", interrupted)
    done = program("--train", *training(data, tmp_path / "m"), "--valid", data, "--quiet")
    assert done.code in (0, 130) and done.out == f"{tmp_path / 'm'}\n"
    resumed = program("train", *training(data, tmp_path / "m"), "--valid", data, "--quiet", "--resume")
    assert resumed.code in (0, 130), resumed.err
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert program("train", *training(data, tmp_path / "n"), "--valid", data, "--quiet").code == 0
    assert program("train", *training(data, tmp_path / "m"), "--valid", data, "--quiet", "--resume").code == 0
    again, whole = (load_model(tmp_path / name, training_state=True) for name in ("m", "n"))
    assert same_training_state(again, whole)


def test_a_stopped_training_does_not_go_on_to_translate(
    program: Program, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(model: Any, directory: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        save_model(model, directory)

    monkeypatch.setattr(cli_train, "save_model", interrupted)
    done = program("train", *training(data, tmp_path / "m"), "--predict", "ありがとう")
    assert done.code == 130 and "→" not in done.out.split("保存しました")[1]
    assert load_model(tmp_path / "m").progress.epoch == 2


def test_a_validation_that_fails_costs_nothing(
    program: Program, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory with a long validation sentence: the epoch's updates are saved, and validated when resumed."""
    valid = ["--valid", data]

    def fail(*_: Any) -> float:
        raise Failure("メモリーが足りません。", code="gpu-out-of-memory")

    monkeypatch.setattr("jsl_seq2seq.training.loop._valid_loss", fail)
    done = program("train", *training(data, tmp_path / "m"), *valid)
    assert done.code == 1 and "保存しました" in done.out and "メモリー" in done.err
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert program("train", *training(data, tmp_path / "m"), *valid, "--resume").code == 0
    assert program("train", *training(data, tmp_path / "n"), *valid).code == 0
    again, whole = (load_model(tmp_path / name, training_state=True) for name in ("m", "n"))
    assert same_training_state(again, whole)
    assert [(one.loss, one.valid_loss) for one in again.history] == [
        (one.loss, one.valid_loss) for one in whole.history
    ]


@POSIX
def test_a_working_directory_that_is_deleted_costs_nothing(
    program: Program, data: Path, tmp_path: Path
) -> None:
    code = (
        "import os, sys, shutil\n"
        "from jsl_seq2seq.training import loop\n"
        "from jsl_seq2seq.cli import main\n"
        "honest = loop._metrics\n"
        "def metrics(*a):\n"
        "    shutil.rmtree(sys.argv[1], ignore_errors=True)\n"
        "    return honest(*a)\n"
        "loop._metrics = metrics\n"
        "main(sys.argv[2:])\n"
    )
    here = tmp_path / "gone"
    here.mkdir()
    for name, save in (("relative", "m"), ("absolute", str(tmp_path / "kept"))):
        here.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", code, str(here), "train", *training(data, Path(save))],
            cwd=here, env=environment(), capture_output=True, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (name, done.stderr.decode())
        assert load_model(here / save).progress.epoch == 2


@pytest.mark.parametrize("value", [None, 5, "x", [1], {"a": "b"}, {"a": None}, {}, True], ids=repr)
@pytest.mark.parametrize(
    "key",
    ["evaluation", "made_by", "imported_from", "backend", "device", "precision", "trained_at", "libraries"],
)
def test_metadata_of_any_type_can_be_saved(tmp_path: Path, key: str, value: Any) -> None:
    model = trained_small()
    save_model(replace(model, metadata={**model.metadata, key: value}), tmp_path / "m")
    assert load_model(tmp_path / "m").metadata[key] == value


def test_figures_of_other_weights_are_not_kept(tmp_path: Path, data: Path) -> None:
    old = trained_small()
    metadata = {**old.metadata, "evaluation": {"テスト": 1.0}, "made_by": "python make.py"}
    save_model(replace(old, metadata=metadata), tmp_path / "m")
    request = TrainingRequest({"epochs": 1}, "ndarray", data=data, load=tmp_path / "m")
    assert not {"evaluation", "made_by"} & set(TrainingJob(request).run().model.metadata)


class Interrupting(io.RawIOBase):
    """A terminal at which Ctrl-C is pressed while a line is being written."""

    def __init__(self) -> None:
        self.pressed = False

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        if not self.pressed:
            self.pressed = True
            signal.raise_signal(signal.SIGINT)
        return len(content)


@POSIX
def test_ctrl_c_in_the_middle_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python refuses to write to a stream from a handler that interrupted a write to it."""
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BufferedWriter(Interrupting()), encoding="utf-8"))
    with cli_train._stoppable(note) as should_stop:
        note("12 エポック")
        assert should_stop.asked()


@pytest.mark.parametrize("keep", ["last", "best"])
def test_the_best_epoch_is_said_and_that_training_went_past_it(
    program: Program, data: Path, tmp_path: Path, keep: str
) -> None:
    """Validation data that contradict the training data: the better one is learnt, the worse the other."""
    valid = tmp_path / "valid.tsv"
    valid.write_text("わたしはたべます\t<駅> <駅>\nありがとう\t<朝>\n", encoding="utf-8")
    options = ["--learning-rate", "0.02", "--keep", keep, "--valid", valid]
    done = program("train", *training(data, tmp_path / "m", epochs=30), *options)
    run = load_model(tmp_path / "m").history
    losses = [point.valid_loss or 0 for point in run]
    best = losses.index(min(losses)) + 1
    assert best < 30
    assert f"検証: 最良は {best} エポック（損失 {min(losses):.4f}、完全一致 0.0 %）" in done.out
    assert f"最後は 30 エポック（損失 {losses[-1]:.4f}、完全一致 0.0 %）" in done.out
    assert "2 文のうち 0 文が完全に一致（0.0 %）" in done.out
    assert ("過学習" in done.out) == (keep == "last")
    assert ("この重みを保存" in done.out) == (keep == "best")
    assert "検証" not in program("train", *training(data, tmp_path / "n")).out
