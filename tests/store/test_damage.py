"""Directories that were cut, mixed up, edited or forged: each is refused in words, none is believed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jsl_seq2seq.errors import Failure, JslError
from jsl_seq2seq.store import load_model

from ..refusals import is_japanese, refused
from ..small_models import same_training_state, trained_small
from .forge import change_config, change_json, replace_file

BINARY = ["model.safetensors", "training_state.safetensors"]
CHECKED = [*BINARY, "vocabulary.json", "metrics.json"]
DEEP = b"[" * 200_000
"""JSON that would exhaust a recursive reader."""

CONTENTS = {
    "nothing": lambda good: b"",
    "half": lambda good: good[: len(good) // 2],
    "the end missing": lambda good: good[:-2],
    "a byte more": lambda good: good + b"\0",
    "zeros": lambda good: bytes(len(good)),
    "a pickle": lambda good: pickle.dumps([1, 2, 3]),
    "deep": lambda good: DEEP,
    "not UTF-8": lambda good: b"\xff" + good[1:],
    "a number": lambda good: b"3",
    "null": lambda good: b"null",
    "a list": lambda good: b"[]",
    "an object": lambda good: b"{}",
    "a long number": lambda good: b"1" * 10_000,
}


def refuse(directory: Path, *fragments: str) -> None:
    """Loading is refused, and the message has every fragment."""
    with refused(Failure, *fragments):
        load_model(directory, training_state=True)


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("damage", CONTENTS.values(), ids=CONTENTS.keys())
def test_a_damaged_file(saved: Path, name: str, damage: Callable[[bytes], bytes]) -> None:
    (saved / name).write_bytes(damage((saved / name).read_bytes()))
    refuse(saved, str(saved / name), "壊れています")


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("damage", CONTENTS.values(), ids=CONTENTS.keys())
def test_a_damaged_file_with_a_right_checksum(
    saved: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    replace_file(saved, name, damage((saved / name).read_bytes()))
    refuse(saved, str(saved / name))


@pytest.mark.parametrize("damage", CONTENTS.values(), ids=CONTENTS.keys())
def test_a_damaged_config(saved: Path, damage: Callable[[bytes], bytes]) -> None:
    path = saved / "config.json"
    path.write_bytes(damage(path.read_bytes()))
    refuse(saved, str(path))


def test_a_huge_config_is_not_even_read(saved: Path, unread: Callable[[str], None]) -> None:
    with (saved / "config.json").open("r+b") as file:
        file.truncate(10**10)  # sparse: takes no space
    unread("config.json")
    refuse(saved, "大きすぎます")


@pytest.mark.parametrize("name", CHECKED)
def test_a_missing_file(saved: Path, name: str) -> None:
    (saved / name).unlink()
    refuse(saved, str(saved / name), "ありません")


@pytest.mark.parametrize("name", CHECKED)
def test_a_folder_in_place_of_a_file(saved: Path, name: str) -> None:
    (saved / name).unlink()
    (saved / name).mkdir()
    refuse(saved, str(saved / name))


def test_the_readme_is_for_people_only(saved: Path) -> None:
    (saved / "README.md").write_text("私のメモ", encoding="utf-8")
    assert same_training_state(load_model(saved, training_state=True), trained_small())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data())
def test_no_flipped_byte_is_believed(saved: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*CHECKED, "config.json", "README.md"]))
    path = saved / name
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bad)
    try:
        loaded = load_model(saved, training_state=True)
    except JslError as error:
        assert is_japanese(error.what)
        assert name != "README.md"
    else:
        # blanks between JSON values carry nothing
        harmless = name == "README.md" or (name == "config.json" and json.loads(bad) == json.loads(good))
        assert harmless and same_training_state(loaded, trained_small())
    finally:
        path.write_bytes(good)


def test_a_changed_number_in_config_is_noticed(saved: Path) -> None:
    path = saved / "config.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8")
    refuse(saved, "保存したときと違います")


def edit(*path: str, to: Any = None, drop: bool = False) -> Callable[[Any], None]:
    """A change of one value in nested JSON."""

    def change(values: Any) -> None:
        for key in path[:-1]:
            values = values[key]
        if drop:
            del values[path[-1]]
        else:
            values[path[-1]] = to

    return change


FORGED_CONFIGS = {
    "newer": (edit("metadata", "format_version", to=2), "新しい形式（2）"),
    "much newer": (edit("metadata", "format_version", to=10**50), "新しい形式"),
    "version as text": (edit("metadata", "format_version", to="1"), "形式"),
    "version true": (edit("metadata", "format_version", to=True), "形式"),
    "no version": (edit("metadata", "format_version", drop=True), "形式"),
    "another program's": (edit("metadata", "format", to="bert"), "モデルの設定ではありません"),
    "no metadata": (edit("metadata", drop=True), "モデルの設定ではありません"),
    "metadata is a list": (edit("metadata", to=[]), "モデルの設定ではありません"),
    "another section": (edit("extra", to={}), "保存したときと違います"),
    "no model": (edit("model", drop=True), "保存したときと違います"),
    "model is a list": (edit("model", to=[1]), "config.json"),
    "training is a list": (edit("training", to=[]), "config.json"),
    "progress is null": (edit("progress", to=None), "config.json"),
    "unknown key": (edit("model", "n_experts", to=8), "n_experts"),
    "unknown training key": (edit("training", "momentum", to=0.9), "momentum"),
    "unknown progress key": (edit("progress", "day", to=1), "day"),
    "missing key": (edit("model", "vocab_size", drop=True), "vocab_size"),
    "d_model as text": (edit("model", "d_model", to="8"), "model.d_model"),
    "d_model true": (edit("model", "d_model", to=True), "model.d_model"),
    "d_model null": (edit("model", "d_model", to=None), "model.d_model"),
    "d_model zero": (edit("model", "d_model", to=0), "d_model は"),
    "d_model negative": (edit("model", "d_model", to=-8), "d_model は"),
    "d_model enormous": (edit("model", "d_model", to=10**30), "d_model は"),
    "n_layers enormous": (edit("model", "n_layers", to=10**9), "n_layers は"),
    "heads do not divide": (edit("model", "n_heads", to=3), "n_heads"),
    "another d_ff": (edit("model", "d_ff", to=17), "model.safetensors"),
    "another n_layers": (edit("model", "n_layers", to=2), "model.safetensors"),
    "smaller vocabulary": (edit("model", "vocab_size", "source", to=5), "vocabulary.json"),
    "enormous vocabulary": (edit("model", "vocab_size", "target", to=10**15), "vocabulary.json"),
    "learning_rate nan": (edit("training", "learning_rate", to=float("nan")), "JSON にない数"),
    "learning_rate beyond floats": (edit("training", "learning_rate", to=10**400), "config.json"),
    "another optimizer": (edit("training", "optimizer", to="sgd"), "sgd"),
    "negative step": (edit("progress", "step", to=-1), "progress"),
    "step as float": (edit("progress", "step", to=1.5), "progress.step"),
    "another vocab_hash": (edit("metadata", "vocab_hash", to="0" * 64), "vocabulary.json"),
    "no vocab_hash": (edit("metadata", "vocab_hash", drop=True), "config.json"),
    "no data": (edit("metadata", "data", drop=True), "config.json"),
    "data is text": (edit("metadata", "data", to="starter"), "config.json"),
    "data without name": (edit("metadata", "data", to={"sha256": ""}), "config.json"),
    "no files": (edit("metadata", "files", drop=True), "config.json"),
    "files is a list": (edit("metadata", "files", to=["model.safetensors"]), "config.json"),
    "a file less": (edit("metadata", "files", "metrics.json", drop=True), "一覧"),
    "a file more": (edit("metadata", "files", "x.bin", to={"bytes": 1, "sha256": ""}), "x.bin"),
    "a path": (
        edit("metadata", "files", "../../etc/passwd", to={"bytes": 1, "sha256": ""}),
        "../../etc/passwd",
    ),
    "an absolute path": (
        edit("metadata", "files", "/etc/passwd", to={"bytes": 1, "sha256": ""}),
        "/etc/passwd",
    ),
    "no size": (edit("metadata", "files", "metrics.json", to={"sha256": ""}), "config.json"),
    "entry is text": (edit("metadata", "files", "metrics.json", to="x"), "config.json"),
    "size is text": (edit("metadata", "files", "metrics.json", "bytes", to="9"), "metrics.json"),
    "digest is null": (edit("metadata", "files", "metrics.json", "sha256", to=None), "metrics.json"),
}


@pytest.mark.parametrize(("change", "fragment"), FORGED_CONFIGS.values(), ids=FORGED_CONFIGS.keys())
def test_a_forged_config(saved: Path, change: Callable[[Any], None], fragment: str) -> None:
    change_config(saved, change)
    refuse(saved, fragment)


FORGED_VOCABULARIES = {
    "duplicate specials": edit("specials", to=["PAD", "SOS", "EOS", "EOS"]),
    "other specials": edit("specials", to=["PAD", "EOS", "SOS"]),
    "special among the tags": edit("target", to=["EOS"]),
    "a tag twice": edit("target", to=["私", "私"]),
    "a tag too many": lambda values: values["target"].append("余り"),
    "a tag renamed": lambda values: values["target"].__setitem__(0, "別"),
    "two characters swapped": lambda values: values["source"].reverse(),
    "unknown key": edit("extra", to=[]),
    "no source": edit("source", drop=True),
    "numbers": edit("source", to=[1, 2]),
}


@pytest.mark.parametrize("change", FORGED_VOCABULARIES.values(), ids=FORGED_VOCABULARIES.keys())
def test_a_forged_vocabulary(saved: Path, change: Callable[[Any], None]) -> None:
    change_json(saved, "vocabulary.json", change)
    refuse(saved, str(saved / "vocabulary.json"))


FORGED_METRICS = {
    "no history": edit("history", drop=True),
    "history is null": edit("history", to=None),
    "history of texts": edit("history", to=["x"]),
    "a point with an unknown key": edit("history", to=[{"epoch": 1, "mood": "good"}]),
    "a point without loss": edit("history", to=[{"epoch": 1}]),
    "a loss as text": edit(
        "history", to=[{"epoch": 1, "loss": "1", "seconds": 1.0, "tokens_per_second": 1.0}]
    ),
    "examples of numbers": edit("examples", to=[1]),
    "an example without source": edit("examples", to=[{"expected": [], "produced": []}]),
    "an example without tags": edit("examples", to=[{"source": "", "expected": None, "produced": []}]),
}


@pytest.mark.parametrize("change", FORGED_METRICS.values(), ids=FORGED_METRICS.keys())
def test_forged_metrics(saved: Path, change: Callable[[Any], None]) -> None:
    change_json(saved, "metrics.json", change)
    refuse(saved, str(saved / "metrics.json"))


FORGED_WEIGHTS: dict[str, tuple[Callable[[dict], object], str]] = {
    "missing": (lambda t: t.popitem(), "足りない"),
    "extra": (lambda t: t.update(extra=np.zeros(1, np.float32)), "余分"),
    "float64": (lambda t: t.update({k: v.astype(np.float64) for k, v in t.items()}), "float64"),
    "transposed": (lambda t: t.update({k: v.T.copy() for k, v in t.items()}), "形"),
    "NaN": (lambda t: t.update({k: v * np.float32(np.nan) for k, v in t.items()}), "NaN"),
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(("change", "fragment"), FORGED_WEIGHTS.values(), ids=FORGED_WEIGHTS.keys())
def test_forged_weights(saved: Path, name: str, change: Callable[[dict], object], fragment: str) -> None:
    tensors = safetensors.numpy.load((saved / name).read_bytes())
    change(tensors)
    replace_file(saved, name, safetensors.numpy.save(tensors))
    refuse(saved, str(saved / name), fragment)


def test_the_forger_forges_well(saved: Path) -> None:
    """Signed again without a change, a directory loads; so the refusals above come from the inner checks."""
    for name in CHECKED:
        replace_file(saved, name, (saved / name).read_bytes())
    change_json(saved, "vocabulary.json", lambda values: None)
    change_json(saved, "metrics.json", lambda values: None)
    assert same_training_state(load_model(saved, training_state=True), trained_small())
