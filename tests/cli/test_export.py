"""`export --format` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..interop.libraries import require
from .conftest import Program

require("onnx")
require("onnxruntime")


def test_a_model_and_its_destination(program: Program, model: Path, tmp_path: Path) -> None:
    done = program("export", "--format", "onnx", model, "out 1")
    assert done.code == 0 and "NumPy と比べました" in done.err
    names = {path.name for path in (tmp_path / "out 1").iterdir() if path.name[0] != "."}
    assert names == {"encoder.onnx", "decoder_step.onnx", "greedy.onnx"}
    assert all(name in done.out for name in names)
    assert program("export", "--format", "onnx", "--load", model, "out 2", "--quiet") == (0, "out 2\n", "")
    same = [(tmp_path / f"out {number}" / "greedy.onnx").read_bytes() for number in (1, 2)]
    assert same[0] == same[1]


def test_weights_beside_a_format(program: Program, model: Path) -> None:
    done = program("export", "--format", "onnx", model, "out", "--export-weights", "encoder.final_norm")
    assert done.code == 0
    assert (model / "exports" / "weights_encoder.final_norm.weight.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "onnx"], "書き出し先"),
        (["--format", "onnx", "a", "b", "c"], "余分な引数があります: c"),
        (["--format", "onnx", "--load", "a", "b", "c"], "余分な引数があります: c"),
        (["--format", "onx", "out"], "onnx"),
        (["--format", "onnx", "missing", "out"], "missing"),
        (["out"], "--format onnx"),
        ([], "--export-weights"),
    ],
)
def test_mistakes(program: Program, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = program("export", *arguments)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err
    assert not (tmp_path / "out").exists()
