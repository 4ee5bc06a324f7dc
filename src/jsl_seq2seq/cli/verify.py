"""``jsl-seq2seq verify``: whether a model is sound, and what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..interop.burn import original_bytes
from ..model import count_parameters
from ..render.curve import CURVE
from ..store import STARTER, SavedModel, model_directory
from ..store.verification import Verification
from ..store.verification import verify as verify_directory
from ..training.record import METRICS_LINES
from . import options as opt
from .config_file import TRAIN_CONFIG
from .console import note, say, say_json

_OF_A_TRAINING = (CURVE, METRICS_LINES, TRAIN_CONFIG)
"""Files that ``train`` writes beside the model."""


def verify(
    directory: Annotated[Path, opt.argument("調べるモデルのフォルダー")],
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    found = verify_directory(model_directory(directory), [original_bytes], _OF_A_TRAINING)
    if as_json:
        say_json(found.to_json())
    else:
        _show(found, quiet)
    if not found.sound:
        raise typer.Exit(1)


def _show(found: Verification, quiet: bool) -> None:
    if not quiet:
        for file in found.files:
            say(f"  {'壊れています' if file.problem else '正常'}　{file.name}（{file.bytes:,} バイト）")
    for problem in found.problems:
        note(f"問題: {problem}")
    if not quiet:
        for line in found.notes:
            note(f"参考: {line}")
        if found.model is not None:
            _show_model(found.model, found)
    say(f"{found.directory}: {'正常です' if found.sound else '壊れています'}")


def _show_model(model: SavedModel, found: Verification) -> None:
    config, progress, versions = model.config, model.progress, found.versions or {}
    origin = versions["imported_from"]
    rows = {
        "形式": f"format_version {versions['format_version']}"
        + (f"、{origin} のモデルを取り込んだもの" if origin else ""),
        "プログラム": f"jsl-seq2seq {versions['package_version'] or '（不明）'}",
        "モデル": f"d_model {config.d_model}、{config.n_heads} ヘッド、{config.n_layers}+{config.n_layers} 層、"
        f"d_ff {config.d_ff}、max_seq_len {config.max_seq_len}",
        "パラメーター": f"{count_parameters(model.config):,} 個（float32）",
        "語彙": f"入力 {config.vocab_size.source}、{model.tokenizers.target.name} {config.vocab_size.target}"
        "（PAD・SOS・EOS を含む）",
        "学習": f"{progress.epoch} エポック、{progress.step} ステップ"
        + (f"（{progress.until} エポックまでの途中）" if progress.epoch < progress.until else ""),
        "損失": f"{model.history[-1].loss:.4f}" if model.history else "記録なし",
        "データ": "付属の例文" if model.data_name == STARTER else model.data_name or "不明",
        "続きの学習": "正確に続けられます" if model.moments is not None else "Adam の状態はありません",
    }
    for name, value in rows.items():
        say(f"  {name}: {value}")
