"""Saving and loading a model directory."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.model import Transformer, parameter_specs
from jsl_seq2seq.store import SavedModel, load_model, save_model
from jsl_seq2seq.version import __version__

from ..refusals import refused
from ..small_models import same_training_state, trained_small, translator_of
from .forge import digest

FILES = {
    "config.json",
    "model.safetensors",
    "vocabulary.json",
    "metrics.json",
    "README.md",
    "training_state.safetensors",
}


def logits(model: SavedModel) -> bytes:
    """Of one batch with padding, as bytes."""
    ops = NumpyOps(Tape())
    network = Transformer(ops, {name: ops.array(a) for name, a in model.parameters.items()}, model.config)
    return ops.to_host(
        network(np.array([[3, 4, 5, 6], [7, 8, 0, 0]]), np.array([[1, 3, 4], [1, 5, 0]]))
    ).tobytes()


def test_the_same_input_gives_bitwise_the_same_logits(saved: Path) -> None:
    assert logits(load_model(saved)) == logits(trained_small())


def test_everything_comes_back(saved: Path) -> None:
    model, loaded = trained_small(), load_model(saved, training_state=True)
    assert same_training_state(loaded, model)
    assert (loaded.config, loaded.training, loaded.history) == (model.config, model.training, model.history)
    assert (loaded.examples, loaded.data_name, loaded.data_digest) == (
        model.examples,
        model.data_name,
        model.data_digest,
    )
    assert loaded.tokenizers.to_json() == model.tokenizers.to_json()
    assert loaded.metadata == {**model.metadata, "vocab_hash": model.tokenizers.hash}


def test_saving_what_was_loaded_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere" / saved.name
    save_model(load_model(saved, training_state=True), again)
    for name in FILES - {"README.md", "config.json"}:  # the README names its own folder
        assert (again / name).read_bytes() == (saved / name).read_bytes(), name


def test_the_directory_needs_nothing_else(saved: Path, tmp_path: Path) -> None:
    """Copied as files, and read from another working directory."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in FILES:
        (copy / name).write_bytes((saved / name).read_bytes())
    assert logits(load_model(copy)) == logits(trained_small())


def test_what_lies_in_the_directory(saved: Path) -> None:
    assert {path.name for path in saved.iterdir()} - {".lock"} == FILES


def test_training_state_is_read_only_on_request(saved: Path) -> None:
    assert load_model(saved).moments is None
    (saved / "training_state.safetensors").unlink()
    assert load_model(saved).moments is None
    with refused(Failure, "training_state.safetensors"):
        load_model(saved, training_state=True)


def test_training_state_can_be_left_out_and_goes_when_a_model_without_it_replaces_one(saved: Path) -> None:
    (saved / "training_state.safetensors.new").write_bytes(b"left from a save that was killed")
    save_model(replace(trained_small(), moments=None), saved)
    assert {path.name for path in saved.iterdir()} - {".lock"} == FILES - {"training_state.safetensors"}
    assert load_model(saved, training_state=True).moments is None


def test_metadata_has_what_a_reader_needs(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    assert set(config["model"]) >= {"d_model", "n_heads", "n_layers", "d_ff", "vocab_size", "max_seq_len"}
    assert {"learning_rate", "epochs", "batch_size", "optimizer", "seed"} <= set(config["training"])
    metadata = config["metadata"]
    assert metadata["format"] == "jsl-seq2seq" and metadata["format_version"] == 1
    assert metadata["package_version"] == __version__
    assert metadata["libraries"]["numpy"] == np.__version__
    assert set(metadata["libraries"]) == {"numpy", "safetensors"}
    assert metadata["backend"] == "ndarray" and "NumPy" in metadata["device"]
    assert metadata["vocab_hash"] == trained_small().tokenizers.hash
    assert metadata["seed"] == 0
    trained_at = datetime.fromisoformat(metadata["trained_at"])
    assert trained_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - trained_at) < timedelta(hours=1)
    assert metadata["git_commit"] is None or re.fullmatch(r"[0-9a-f]{40}", metadata["git_commit"])


def test_a_checksum_of_every_file(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    listed = config["metadata"]["files"]
    assert set(listed) == FILES - {"config.json"}
    for name, expected in listed.items():
        content = (saved / name).read_bytes()
        assert expected == {"bytes": len(content), "sha256": digest(content)}


def test_metrics_have_the_curve_and_every_weights_statistics(saved: Path) -> None:
    model = trained_small()
    metrics = json.loads((saved / "metrics.json").read_text(encoding="utf-8"))
    assert [point["epoch"] for point in metrics["history"]] == list(range(1, 121))
    assert metrics["history"][-1]["loss"] < metrics["history"][0]["loss"] / 10
    assert metrics["seconds"] == pytest.approx(sum(point["seconds"] for point in metrics["history"]))
    assert "weights" not in metrics
    named = {
        f"{layer}.{name}": row for layer, rows in metrics["layers"].items() for name, row in rows.items()
    }
    assert list(named) == list(parameter_specs(model.config))
    assert all(set(row) == {"mean", "std", "min", "max"} for row in named.values())
    assert list(metrics["layers"]) == [
        *("encoder.embedding", "encoder.layers.0", "encoder.final_norm"),
        *("decoder.embedding", "decoder.layers.0", "decoder.final_norm", "decoder.output_projection"),
    ]


def test_text_files_are_utf8_with_unix_line_ends(saved: Path) -> None:
    for name in ("config.json", "vocabulary.json", "metrics.json", "README.md"):
        content = (saved / name).read_bytes()
        content.decode("utf-8")
        assert b"\r" not in content and content.endswith(b"\n")


def test_a_model_that_diverged_is_not_saved(tmp_path: Path) -> None:
    model = trained_small()
    broken = {name: array.copy() for name, array in model.parameters.items()}
    broken["encoder.final_norm.weight"][3] = np.nan
    with refused(Failure, "encoder.final_norm.weight", "発散"):
        save_model(replace(model, parameters=broken), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_model_that_was_never_trained_can_be_saved(tmp_path: Path) -> None:
    model = replace(trained_small(), history=(), examples=(), metadata={}, moments=None)
    save_model(model, tmp_path / "m")
    assert logits(load_model(tmp_path / "m")) == logits(model)


@pytest.mark.parametrize("name", [".", "日本語 と空白", "深/い/所", "x" * 200])
def test_every_name_of_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(trained_small(), Path(name))
    assert translator_of(load_model(Path(name))).translate("ありがとう").tags == ("ありがとう",)


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux has file names that are no text")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x\udcff"
    save_model(replace(trained_small(), data_name=str(path)), path)
    assert load_model(path).data_name == str(path)


@pytest.mark.parametrize("name", ["nothing", "no/such/folder"])
def test_a_missing_directory(tmp_path: Path, name: str) -> None:
    with refused(UserError, "フォルダーがありません", str(tmp_path / name), "確かめて"):
        load_model(tmp_path / name)


def test_a_file_where_a_directory_belongs(saved: Path) -> None:
    with refused(UserError, "フォルダーで指定", f"{saved} ではありませんか"):
        load_model(saved / "model.safetensors")


def test_a_directory_without_a_model(tmp_path: Path) -> None:
    with refused(UserError, "config.json がありません", str(tmp_path)):
        load_model(tmp_path)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with refused(UserError, "この場所は使えません", code="place-unreachable"):
        load_model(tmp_path / ("a" * 300))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocabulary.json", "metrics.json"])
def test_a_file_that_may_not_be_read(saved: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    honest = os.open

    def refuse(path: Any, *args: Any, **kwargs: Any) -> int:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return honest(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    with refused(Failure, name, "Permission denied"):
        load_model(saved)
