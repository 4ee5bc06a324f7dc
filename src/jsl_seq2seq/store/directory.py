"""The model directory: what ``--save`` writes and ``--load`` reads.

config.json                  model, training, progress, metadata with the SHA-256 of the other files
model.safetensors            parameters
vocabulary.json              both vocabularies
metrics.json                 training curve, weight statistics, example translations
training_state.safetensors   Adam's moments, for continuing (optional)
README.md                    the same for people
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.statistics import weight_statistics
from ..config import ModelConfig, TrainingConfig, from_mapping
from ..errors import Failure, JslError, UserError
from ..model import parameter_specs
from ..text import Vocabularies
from .files import locked, read_checked, replace_files, sha256
from .readme import render_readme
from .saved_model import EpochMetrics, Example, Moments, Progress, SavedModel
from .tensors import pack, unpack

FORMAT = "jsl-seq2seq"
FORMAT_VERSION = 1
"""Goes up when an older program could no longer read the directory; CHANGELOG.md keeps the list."""

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.json"
METRICS = "metrics.json"
TRAINING_STATE = "training_state.safetensors"
README = "README.md"
_REQUIRED = (WEIGHTS, VOCABULARY, METRICS, README)
_SECTIONS = {"model", "training", "progress", "metadata", "checksum"}
_MAX_CONFIG_BYTES = 1_000_000


def save_model(model: SavedModel, directory: Path) -> None:
    """Write a model directory, replacing the model that is there, if any, in one step.

    Raises:
        UserError: the directory cannot be written to, or another program is saving to it.
        Failure: writing failed; what was there before still is.
    """
    files = {
        WEIGHTS: pack(model.parameters),
        VOCABULARY: _json_bytes(model.vocabularies.to_json()),
        METRICS: _json_bytes(_metrics(model)),
        README: render_readme(model, directory).encode("utf-8"),
    }
    if model.moments is not None:
        files[TRAINING_STATE] = pack(_prefixed(model.moments))
    config: dict[str, Any] = {
        "model": model.config.to_json(),
        "training": model.training.to_json(),
        "progress": asdict(model.progress),
        "metadata": {
            **model.metadata,
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "vocab_hash": model.vocabularies.hash,
            "data": {"name": model.data_name, "sha256": model.data_digest},
            "files": {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in files.items()},
        },
    }
    config["checksum"] = _checksum(config)
    with locked(directory):
        replace_files(directory, files, CONFIG, _json_bytes(config))


def load_model(directory: Path, training_state: bool = False) -> SavedModel:
    """Read a model directory; everything is checked before any of it is used.

    Args:
        training_state: read Adam's moments too, if they were saved.

    Raises:
        UserError: there is no model there.
        Failure: it is damaged, or made by a newer program; says which file and how.
    """
    config = _read_config(directory)
    try:
        model_config = ModelConfig.from_json(config["model"])
        training = TrainingConfig.from_json(config["training"])
        progress = from_mapping(Progress, config["progress"], "progress")
    except UserError as error:
        raise Failure(f"{directory / CONFIG}: {error.what}", error.hint) from None
    metadata = config["metadata"]
    listed = metadata["files"]

    def read(name: str) -> bytes:
        return read_checked(directory, name, listed[name]["bytes"], listed[name]["sha256"])

    vocabularies = _read_vocabulary(read(VOCABULARY), directory)
    if vocabularies.hash != metadata["vocab_hash"] or vocabularies.size != model_config.vocab_size:
        raise Failure(
            f"語彙が設定と合いません: {directory / VOCABULARY}", "別のモデルのファイルが混ざっています。"
        )
    shapes = {name: spec.shape for name, spec in parameter_specs(model_config).items()}
    parameters = unpack(read(WEIGHTS), shapes, directory / WEIGHTS)
    moments = None
    if training_state and TRAINING_STATE in listed:
        both = {f"{moment}.{name}": shape for moment in ("m", "v") for name, shape in shapes.items()}
        state = unpack(read(TRAINING_STATE), both, directory / TRAINING_STATE)
        moments = Moments(
            {name: state[f"m.{name}"] for name in shapes}, {name: state[f"v.{name}"] for name in shapes}
        )
    history, examples = _read_metrics(read(METRICS), directory)
    return SavedModel(
        config=model_config,
        training=training,
        vocabularies=vocabularies,
        parameters=parameters,
        moments=moments,
        progress=progress,
        history=history,
        metadata={
            k: v for k, v in metadata.items() if k not in ("format", "format_version", "files", "data")
        },
        examples=examples,
        data_name=metadata["data"]["name"],
        data_digest=metadata["data"]["sha256"],
    )


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / CONFIG
    if not path.is_file():
        raise _no_model(directory)
    if path.stat().st_size > _MAX_CONFIG_BYTES:
        raise Failure(f"{path} が大きすぎます。", "jsl-seq2seq の config.json ではありません。")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"{path} を JSON として読めません（{error}）。", "元のコピーに戻してください。"
        ) from None
    metadata = config.get("metadata") if isinstance(config, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise Failure(f"{path} は jsl-seq2seq のモデルの設定ではありません。")
    version = metadata.get("format_version")
    if type(version) is not int or version > FORMAT_VERSION:
        raise Failure(
            f"{path} は新しい形式（{version}）で書かれています。この版が読めるのは {FORMAT_VERSION} までです。",
            "pip install --upgrade jsl-seq2seq で更新してください。",
        )
    if set(config) != _SECTIONS or config["checksum"] != _checksum(config):
        raise Failure(
            f"{path} の内容が保存したときと違います。",
            "手で書き換えた場合は元に戻してください。設定を変えるには学習し直します。",
        )
    listed = metadata["files"]
    if not set(_REQUIRED) <= set(listed) <= {*_REQUIRED, TRAINING_STATE}:
        raise Failure(f"{path} が挙げているファイルの一覧が正しくありません: {', '.join(sorted(listed))}")
    return config


def _no_model(directory: Path) -> JslError:
    if not directory.exists():
        return UserError(
            f"モデルのフォルダーがありません: {directory}", "--load に渡した名前を確かめてください。"
        )
    if not directory.is_dir():
        return UserError(
            f"モデルはフォルダーで指定します: {directory}", f"--load {directory.parent} ではありませんか。"
        )
    return UserError(
        f"モデルがありません: {directory}（{CONFIG} がありません）",
        "保存が終わる前に止まったか、別のフォルダーです。--load に渡した名前を確かめてください。",
    )


def _read_vocabulary(content: bytes, directory: Path) -> Vocabularies:
    try:
        return Vocabularies.from_json(json.loads(content))
    except (ValueError, RecursionError, UserError) as error:
        what = error.what if isinstance(error, UserError) else str(error)
        raise Failure(f"語彙のファイルを読めません: {directory / VOCABULARY}（{what}）") from None


def _metrics(model: SavedModel) -> dict[str, Any]:
    return {
        "history": [point.to_json() for point in model.history],
        "seconds": sum(point.seconds for point in model.history),
        "examples": [asdict(example) for example in model.examples],
        "weights": weight_statistics(model.parameters),
    }


def _read_metrics(content: bytes, directory: Path) -> tuple[tuple[EpochMetrics, ...], tuple[Example, ...]]:
    try:
        metrics = json.loads(content)
        history = tuple(EpochMetrics(**point) for point in metrics["history"])
        examples = tuple(
            Example(one["source"], tuple(one["expected"]), tuple(one["produced"]))
            for one in metrics["examples"]
        )
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise Failure(f"記録のファイルを読めません: {directory / METRICS}（{error}）") from None
    return history, examples


def _prefixed(moments: Moments) -> dict[str, np.ndarray]:
    return {f"m.{name}": array for name, array in moments.m.items()} | {
        f"v.{name}": array for name, array in moments.v.items()
    }


def _checksum(config: Mapping[str, Any]) -> str:
    """SHA-256 of everything else in config.json, so that a changed digit is noticed there too."""
    rest = {key: value for key, value in config.items() if key != "checksum"}
    canonical = json.dumps(rest, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode("ascii"))


def _json_bytes(values: Any) -> bytes:
    return (json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")
