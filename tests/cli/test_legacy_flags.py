"""Flags for verbs are the same program as verbs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.cli.app import COMMANDS, with_verb

from .conftest import Program
from .options import training


@pytest.mark.parametrize(
    ("flat", "verbs"),
    [
        (["--train", "--epochs", "2"], ["train", "--epochs", "2"]),
        (["--epochs", "2", "--train"], ["train", "--epochs", "2"]),
        (["--load", "d", "--train", "--predict", "x"], ["train", "--load", "d", "--predict", "x"]),
        (["--load", "d", "--predict", "x"], ["predict", "--load", "d", "--predict", "x"]),
        (["--predict=x", "--load=d"], ["predict", "--predict=x", "--load=d"]),
        (["--load", "d", "--export-weights", "w"], ["export", "--load", "d", "--export-weights", "w"]),
        (["--export-weights=w", "--predict", "x"], ["predict", "--export-weights=w", "--predict", "x"]),
        (["--version"], ["--version"]),
        ([], []),
    ],
)
def test_a_verb_is_put_in_front(flat: list[str], verbs: list[str]) -> None:
    assert with_verb(flat) == verbs


@given(st.lists(st.text()), st.sampled_from(list(COMMANDS)))
def test_a_verb_stays(rest: list[str], verb: str) -> None:
    assert with_verb([verb, *rest]) == [verb, *rest]


def test_predicting(program: Program, model: Path) -> None:
    flat = program(
        "--load", model, "--backend", "ndarray", "--predict", "ありがとう", "--predict", "おはようございます"
    )
    for verbs in (
        program("predict", "--load", model, "--backend", "ndarray", "ありがとう", "おはようございます"),
        program(
            "predict",
            "--backend=ndarray",
            f"--load={model}",
            "--predict=ありがとう",
            "--predict",
            "おはようございます",
        ),
    ):
        assert verbs == flat
    assert flat.code == 0
    assert [line.split("（")[0] for line in flat.out.splitlines()] == [
        "ありがとう → <ありがとう>",
        "おはようございます → <朝> <挨拶>",
    ]


def without_time(value: Any) -> Any:
    return {key: one for key, one in value.items() if key not in ("seconds", "directory")}


def test_training(program: Program, data: Path, tmp_path: Path) -> None:
    flat = program("--train", "--json", *training(data, tmp_path / "a"))
    verb = program("train", "--json", *training(data, tmp_path / "b"))
    assert flat.code == verb.code == 0
    assert without_time(json.loads(flat.out)) == without_time(json.loads(verb.out))
    for name in ("model.safetensors", "training_state.safetensors", "vocabulary.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_exporting(program: Program, model: Path, tmp_path: Path) -> None:
    name = "decoder.output_projection"
    flat = program("--load", model, "--export-weights", name, "--export-dir", "e")
    verb = program("export", "--load", model, "--export-weights", name, "--export-dir", "e")
    assert flat == verb and flat.code == 0
    assert {path.name for path in (tmp_path / "e").iterdir()} == {
        f"weights_{name}.{part}.{end}" for part in ("weight", "bias") for end in ("csv", "svg")
    }
