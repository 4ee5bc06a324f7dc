"""What this machine can compute with, from the command line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.backends.registry import Backend, Selection, choose_backend
from jsl_seq2seq.cli import backends, predict
from jsl_seq2seq.errors import UserError

from ..backend_cases import require
from ..processes import run_program
from ..small_models import EIGHT_LINES, trained_small
from .conftest import Program

INT8 = Selection("ndarray", precision="int8")


def test_each_says_what_it_does(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    require("int8")
    found = [
        (Selection("ndarray"), choose_backend("ndarray")),
        (INT8, choose_backend(translating=0, precision="int8")),
        (Selection("wgpu", "0"), UserError("ここにはありません。")),
    ]
    monkeypatch.setattr(backends, "all_backends", lambda: found)
    done = program("backends")
    assert done.code == 0
    assert "学習 1 ステップ" in done.out and "翻訳だけ" in done.out and "ここにはありません" in done.out
    rows = [json.loads(line) for line in program("backends", "--json").out.splitlines()]
    assert [(row["name"], row["does"], row["works"]) for row in rows] == [
        ("ndarray", "train", True),
        ("ndarray --precision int8", "translate", True),
        ("wgpu --device 0", "train", None),
    ]


def test_a_wrong_answer_is_a_failure(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    require("int8")
    backend = choose_backend(translating=0, precision="int8")

    def wrong(_: Any) -> Any:
        ops = backend.open(None)
        monkeypatch.setattr(ops, "relu", lambda x: x)
        return ops

    found = [(INT8, Backend("ndarray", wrong, ""))]
    monkeypatch.setattr(backends, "all_backends", lambda: found)
    done = program("backends")
    assert done.code == 1
    assert "答えが NumPy と合いません" in done.out


@pytest.mark.parametrize(("quiet", "told"), [(False, True), (True, False)])
def test_who_waits_for_the_compiler_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet: bool, told: bool
) -> None:
    def slow(*_: Any) -> Backend:
        time.sleep(0.3)
        return choose_backend("ndarray")

    monkeypatch.setattr(predict, "_LONG_PREPARATION", 0.01)
    monkeypatch.setattr(predict, "choose_backend", slow)
    predict.open_translator(trained_small(), "auto", None, "int8", quiet)
    assert ("準備をしています" in capsys.readouterr().err) == told


def test_without_wgpu_all_else_works(tmp_path: Path) -> None:
    """On a machine where its library cannot be loaded. (What is in the working directory is found first.)"""
    (tmp_path / "wgpu.py").write_text("raise OSError('no such library')\n", encoding="utf-8")
    (tmp_path / "data.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    train = ["train", "--data", "data.tsv", "--epochs", "1", "--save", "m"]
    for arguments in (train, ["predict", "--load", "m", "ありがとう"], ["backends"], ["verify", "m"]):
        done = run_program(arguments, tmp_path)
        assert done.returncode == 0, done.stderr.decode()
    refused = run_program(["predict", "--backend", "wgpu", "ありがとう"], tmp_path)
    said = refused.stderr.decode()
    assert (
        refused.returncode == 1
        and "no such library" in said
        and "pip install wgpu" in said
        and "Traceback" not in said
    )
