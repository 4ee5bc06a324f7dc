"""``config.json``: what a model directory holds, and whether that file itself is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import Failure, JslError, UserError
from ..settings import ModelConfig, TrainingConfig, from_mapping
from .files import sha256
from .saved_model import Progress

FORMAT = "jsl-seq2seq"
FORMAT_VERSION = 1
"""Goes up when an older program could no longer read the directory; CHANGELOG.md keeps the list."""

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.json"
METRICS = "metrics.json"
TRAINING_STATE = "training_state.safetensors"
README = "README.md"
BURN = "burn.json"
REQUIRED = (WEIGHTS, VOCABULARY, METRICS, README)
OPTIONAL = (TRAINING_STATE, BURN)
_SECTIONS = {"model", "training", "progress", "metadata", "checksum"}
_MAX_CONFIG_BYTES = 1_000_000


def read_config(directory: Path) -> dict[str, Any]:
    """The content of ``config.json``: complete, unchanged since it was saved, and of a format known here.

    Raises:
        UserError: there is no model there.
        Failure: it is damaged or was made by a newer program.
    """
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
        raise Failure(
            f"{path} は jsl-seq2seq のモデルの設定ではありません。",
            "元の Rust/Burn プロジェクトのモデルなら、jsl-seq2seq import-burn で取り込めます。",
        )
    version = metadata.get("format_version")
    if type(version) is not int or version > FORMAT_VERSION:
        raise Failure(
            f"{path} は新しい形式（{version}）で書かれています。この版が読めるのは {FORMAT_VERSION} までです。",
            "pip install --upgrade jsl-seq2seq で更新してください。",
        )
    if set(config) != _SECTIONS or config["checksum"] != checksum(config):
        raise Failure(
            f"{path} の内容が保存したときと違います。",
            "手で書き換えた場合は元に戻してください。設定を変えるには学習し直します。",
        )
    if not _well_formed(config):
        raise Failure(f"{path} に必要な項目がないか、形が違います。", "元のコピーに戻してください。")
    listed = metadata["files"]
    if not set(REQUIRED) <= set(listed) <= {*REQUIRED, *OPTIONAL}:
        raise Failure(f"{path} が挙げているファイルの一覧が正しくありません: {', '.join(sorted(listed))}")
    return config


def _well_formed(config: Mapping[str, Any]) -> bool:
    """Whether everything that loading looks up is there. Its meaning is checked later."""
    metadata = config["metadata"]
    files, data = metadata.get("files"), metadata.get("data")
    return (
        all(isinstance(config[section], dict) for section in ("model", "training", "progress"))
        and isinstance(metadata.get("vocab_hash"), str)
        and isinstance(data, dict)
        and all(isinstance(data.get(key), str) for key in ("name", "sha256"))
        and isinstance(files, dict)
        and all(isinstance(file, dict) and {"bytes", "sha256"} <= set(file) for file in files.values())
    )


def settings(config: Mapping[str, Any], directory: Path) -> tuple[ModelConfig, TrainingConfig, Progress]:
    """What :func:`read_config` read, as the values that it describes; Failure if it describes none."""
    try:
        progress = from_mapping(Progress, config["progress"], "progress")
        if min(asdict(progress).values()) < 0:
            raise UserError("設定 progress に負の数があります。")
        return ModelConfig.from_json(config["model"]), TrainingConfig.from_json(config["training"]), progress
    except (UserError, OverflowError) as error:
        what, hint = (error.what, error.hint) if isinstance(error, UserError) else (str(error), "")
        raise Failure(f"{directory / CONFIG}: {what}", hint) from None


def _no_model(directory: Path) -> JslError:
    if not directory.exists():
        return UserError(
            f"モデルのフォルダーがありません: {directory}", "名前と、いまいるフォルダーを確かめてください。"
        )
    if not directory.is_dir():
        beside = (directory.parent / CONFIG).exists()
        return UserError(
            f"モデルはフォルダーで指定します: {directory}",
            f"{directory.parent} ではありませんか。" if beside else "名前を確かめてください。",
        )
    return UserError(
        f"モデルがありません: {directory}（{CONFIG} がありません）",
        "保存が終わる前に止まったか、別のフォルダーです。名前を確かめてください。",
    )


def checksum(config: Mapping[str, Any]) -> str:
    """SHA-256 of everything else in config.json, so that a changed digit is noticed there too."""
    rest = {key: value for key, value in config.items() if key != "checksum"}
    canonical = json.dumps(rest, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode("ascii"))
