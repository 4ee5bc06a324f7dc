"""The model directory: what ``--save`` writes and ``--load`` reads.

config.json                  model, training, progress, metadata with the SHA-256 of the other files
model.safetensors            parameters
vocabulary.json              both vocabularies
metrics.json                 training curve, weight statistics, example translations
training_state.safetensors   Adam's moments, for continuing (optional)
burn.json                    what else the original project's file held, for export-burn (imported models)
README.md                    the same for people
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Failure, UserError
from ..model import parameter_specs
from ..tokenize import Vocabularies
from .card import render_readme
from .config_file import (
    BURN,
    CONFIG,
    FORMAT,
    FORMAT_VERSION,
    METRICS,
    OPTIONAL,
    README,
    REQUIRED,
    TRAINING_STATE,
    VOCABULARY,
    WEIGHTS,
    checksum,
    read_config,
    settings,
)
from .files import locked, read_checked, replace_files, sha256, while_unchanged
from .saved_model import EpochMetrics, Example, Moments, SavedModel
from .statistics import weight_statistics
from .tensors import largest, pack, unpack

_MAX_JSON_BYTES = 200_000_000
"""No training curve is that long."""


def save_model(model: SavedModel, directory: Path) -> None:
    """Write a model directory, replacing the model that is there, if any, in one step.

    Raises:
        UserError: the directory cannot be written to, holds other things, or another program is saving to it.
        Failure: writing failed; what was there before still is.
    """
    holds_model(directory)
    files = {
        WEIGHTS: pack(model.parameters),
        VOCABULARY: _json_bytes(model.vocabularies.to_json()),
        METRICS: _json_bytes(_metrics(model)),
        README: render_readme(model, directory).encode("utf-8", "replace"),
    }
    if model.moments is not None:
        files[TRAINING_STATE] = pack(_prefixed(model.moments))
    if model.burn is not None:
        files[BURN] = _json_bytes(model.burn)
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
    config["checksum"] = checksum(config)
    gone = [name for name in OPTIONAL if name not in files]
    with locked(directory):
        replace_files(directory, files, CONFIG, _json_bytes(config), gone)


def holds_model(directory: Path) -> bool:
    """Whether a model of ours is there, whole or damaged.

    Raises:
        UserError: other people's files of the same names are there, which saving a model would replace.
    """
    config, readme = directory / CONFIG, directory / README
    try:
        there = config.exists()
        if there:
            ours = config.is_file() and FORMAT.encode() in config.read_bytes()
        else:
            ours = (directory / WEIGHTS).exists() or not readme.exists()
    except OSError:  # nobody can look there, and so nobody can save there: that is said when it is tried
        return False
    if not ours:
        raise UserError(
            f"このフォルダーには、モデルではないファイルがあります: {config if there else readme}",
            "上書きしないように止めました。--save に別の（新しい）フォルダーを指定してください。",
        )
    return there


def load_model(directory: Path, training_state: bool = False) -> SavedModel:
    """Read a model directory; everything is checked before any of it is used.

    Args:
        training_state: read Adam's moments too, if they were saved.

    Raises:
        UserError: there is no model there.
        Failure: it is damaged, cannot be read, or was made by a newer program; says which file and how.
    """
    try:
        return while_unchanged(directory, CONFIG, lambda: _load(directory, training_state))
    except OSError as error:
        raise Failure(
            f"モデルを読めません: {error.filename or directory}（{error.strerror}）",
            "名前と、フォルダーの権限を確かめてください。",
        ) from None


def _load(directory: Path, training_state: bool) -> SavedModel:
    config = read_config(directory)
    model_config, training, progress = settings(config, directory)
    metadata = config["metadata"]
    listed = metadata["files"]

    limits = size_limits(config, directory)

    def read(name: str) -> bytes:
        return read_checked(directory, name, listed[name]["bytes"], listed[name]["sha256"], limits[name])

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
    burn = _read_burn(read(BURN), directory) if BURN in listed else None
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
        burn=burn,
    )


def size_limits(config: Mapping[str, Any], directory: Path) -> dict[str, int]:
    """How many bytes each file of a model with this ``config.json`` can have at most."""
    model_config, _, _ = settings(config, directory)
    shapes = {name: spec.shape for name, spec in parameter_specs(model_config).items()}
    limits = dict.fromkeys((*REQUIRED, *OPTIONAL), _MAX_JSON_BYTES)
    return limits | {WEIGHTS: largest(shapes), TRAINING_STATE: 2 * largest(shapes)}


def _read_vocabulary(content: bytes, directory: Path) -> Vocabularies:
    try:
        return Vocabularies.from_json(json.loads(content))
    except (ValueError, RecursionError, UserError) as error:
        what = error.what if isinstance(error, UserError) else str(error)
        raise Failure(f"語彙のファイルを読めません: {directory / VOCABULARY}（{what}）") from None


def _read_burn(content: bytes, directory: Path) -> dict[str, Any]:
    try:
        burn = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Failure(f"元のプロジェクトの記録を読めません: {directory / BURN}（{error}）") from None
    if not isinstance(burn, dict):
        raise Failure(f"元のプロジェクトの記録を読めません: {directory / BURN}（形が違います）")
    return burn


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
        if not all(
            isinstance(value, int | float | None) for point in history for value in vars(point).values()
        ):
            raise TypeError("history")
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


def _json_bytes(values: Any) -> bytes:
    text = json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    # a path that is no text (on Linux) holds lone surrogates: \\udcff is what JSON calls them, too
    return text.encode("utf-8", "backslashreplace")
