"""Comparing two models from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from jsl_seq2seq.cli import compare as command

from .conftest import Program
from .options import training


def test_what_differs(program: Program, model: Path, data: Path, tmp_path: Path) -> None:
    program("train", *training(data, tmp_path / "other", epochs=1))
    done = program("compare", model, tmp_path / "other", "--data", data)
    assert done.code == 0 and "training.epochs: " in done.out
    assert done.out.splitlines()[-1].startswith("違うモデルです（訳が変わった文 8 / 8）")


def test_a_long_translation_is_cut(
    program: Program, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that has learnt little repeats a tag to the limit, which buried the other lines."""
    program("train", *training(data, tmp_path / "other", epochs=1))
    monkeypatch.setattr(command, "_LONGEST", 3)
    lines = program("compare", model, tmp_path / "other", "--data", data).out.splitlines()
    changed = [line.split(": ")[1] for line in lines if " → " in line and "<" in line]
    assert len(changed) == 8
    for line in changed:
        for side in line.split(" → "):
            assert len(side) <= 3 or side.endswith(" …") or side == "（訳なし）"
