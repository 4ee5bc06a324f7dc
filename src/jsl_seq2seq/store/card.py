"""The README.md that every model directory carries, in Japanese, made from what really happened."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from ..settings import SETTINGS
from .metadata import published
from .saved_model import STARTER, Example, SavedModel

_OPTIONS = SETTINGS - {
    "vocab_size", "epochs", "decay_steps", "optimizer", "beta1", "beta2", "epsilon",
    "final_norm", "attention_masks", "source_length", "embedding_scale",
}  # fmt: skip
"""Settings that the command line has an option for, but for the epochs, which are counted."""

_ESSENTIAL = frozenset({
    "batch_size", "learning_rate", "warmup_steps", "dropout", "label_smoothing", "clip_norm", "seed",
    "d_model", "n_heads", "n_layers", "d_ff", "max_seq_len",
})  # fmt: skip


def render_readme(model: SavedModel, directory: Path) -> str:
    """Markdown: settings, result, examples, and the commands to translate, continue and reproduce."""
    return (
        "\n\n".join(
            [
                f"# {_name(directory)}",
                "日本語文を手話タグの列に訳すモデルです（jsl-seq2seq が自動で書いたファイルです）。",
                "**出力はタグであって、日本手話そのものではありません。** 表情・空間・同時性は含まれません。"
                "学習に使った文は、ろう者による確認を受けていないことがあります。",
                "## 設定\n\n" + _settings(model),
                "## 結果\n\n" + _result(model),
                *_evaluation(model),
                "## 訳の例\n\n保存したときに、このモデルが実際に出した訳です。\n\n"
                + _examples(model.examples, model.vocabularies.format_target),
                "## 使い方\n\n" + _commands(model, directory),
            ]
        )
        + "\n"
    )


def _settings(model: SavedModel) -> str:
    config, training, metadata = model.config, model.training, model.metadata
    kinds = model.vocabularies.kinds
    rows = {
        "d_model": config.d_model,
        "n_heads": config.n_heads,
        "n_layers": f"エンコーダー {config.n_layers} + デコーダー {config.n_layers}",
        "d_ff": config.d_ff,
        "max_seq_len": config.max_seq_len,
        "語彙": f"{kinds.source_name} {config.vocab_size.source}、{kinds.target_name}"
        f" {config.vocab_size.target}（PAD・SOS・EOS を含む）",
        "パラメーター": f"{model.n_parameters:,} 個",
        "学習率": training.learning_rate,
        "バッチ": training.batch_size,
        "dropout": training.dropout,
        "label_smoothing": training.label_smoothing,
        "seed": training.seed,
        "データ": "付属の例文" if model.data_name == STARTER else model.data_name,
        "バックエンド": f"{metadata.get('backend', '不明')}（{metadata.get('device', '不明')}）",
        "学習した日時": f"{metadata.get('trained_at', '不明')}（UTC）",
        "プログラム": f"jsl-seq2seq {metadata.get('package_version', '不明')}",
    }
    return _table(("項目", "値"), [(key, str(value)) for key, value in rows.items()])


def _result(model: SavedModel) -> str:
    if not model.history and model.burn is not None:
        origin = model.metadata.get("imported_from", "元のプロジェクト")
        return f"{origin} のモデルを取り込みました。学習の記録はありません。元の形式には export-burn で戻せます。"
    if not model.history:
        return "学習していません。"
    first, last = model.history[0], model.history[-1]
    lines = [
        f"- {model.progress.epoch} エポック（{model.progress.step} ステップ）、"
        f"{sum(point.seconds for point in model.history):.1f} 秒",
        f"- 損失（正解タグ 1 個あたり）: {first.loss:.4g} → {last.loss:.4g}",
    ]
    if last.valid_loss is not None:
        lines.append(f"- 検証データの損失: {last.valid_loss:.4f}")
    if last.valid_exact is not None:
        lines.append(f"- 検証データの完全一致: {last.valid_exact:.1%}")
    return "\n".join(lines)


def _evaluation(model: SavedModel) -> list[str]:
    """What was measured on sentences that were kept apart from training, if that is on record."""
    figures = model.metadata.get("evaluation")
    if not figures:
        return []
    rows = [(name, f"{value:.1%}") for name, value in figures.items()]
    return [
        "## 評価\n\n学習に使っていない文での、貪欲法（greedy）の完全一致率です。\n\n"
        + _table(("テスト", "完全一致"), rows)
    ]


def _examples(examples: tuple[Example, ...], written: Callable[[tuple[str, ...]], str]) -> str:
    rows = [
        (
            one.source,
            _code(written(one.produced)),
            "正解" if one.produced == one.expected else f"不正解（正しくは {_code(written(one.expected))}）",
        )
        for one in examples
    ]
    return _table(("日本語", "出力", "判定"), rows) if rows else "ありません。"


def _commands(model: SavedModel, directory: Path) -> str:
    reproduce = f"jsl-seq2seq --train --epochs {model.progress.epoch}{_settings_flags(model)}"
    reproduce += f"{_units_flags(model)}{_data_flag(model)}"
    directory = published(directory)
    here, there = quoted(directory), quoted(directory.parent / f"{_name(directory)}-2")
    blocks = {
        "訳す": f"jsl-seq2seq --load {here} --predict {in_quotes(model.sample)}",
        "続きを学習する": f"jsl-seq2seq --load {here} --train --epochs 100{_data_flag(model)} --save {there}",
        "はじめから再現する": f"{reproduce} --save {there}",
    }
    if "made_by" in model.metadata:
        blocks["はじめから再現する"] = model.metadata["made_by"]
    if model.burn is not None:
        del blocks["はじめから再現する"]  # it began elsewhere
    return "\n\n".join(f"{title}:\n\n```\n{command}\n```" for title, command in blocks.items())


def _settings_flags(model: SavedModel) -> str:
    """The settings as options: the essential ones always, the others where they are not the default."""
    flags = ""
    for config in (model.config, model.training):
        for field in fields(config):
            value = getattr(config, field.name)
            if field.name in _ESSENTIAL or (field.name in _OPTIONS and value != field.default):
                flags += f" --{field.name.replace('_', '-')}" + ("" if value is True else f" {value}")
    return flags


def _name(directory: Path) -> str:
    """The folder's own name, also for ``.`` and ``..``."""
    return directory.name if directory.name not in ("", "..") else directory.resolve().name or "model"


def _data_flag(model: SavedModel) -> str:
    path = Path(model.data_name)
    return f" --data {quoted(path)}" if path.suffix else ""


def _units_flags(model: SavedModel) -> str:
    kinds = model.vocabularies.kinds
    flags = f" --source-units {kinds.source}" if kinds.source != "char" else ""
    flags += f" --subword-vocab {len(model.vocabularies.source.units)}" if kinds.source == "subword" else ""
    return flags + (f" --target-units {kinds.target}" if kinds.target != "tags" else "")


def _code(written: str) -> str:
    """As code: Markdown would take ``<OK>`` for HTML and show nothing."""
    return f"`{written}`" if written else "（タグなし）"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def quoted(path: Path) -> str:
    """The path as one types it, in quotes where a shell would take it apart; forward slashes work everywhere."""
    text = path.as_posix()
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else in_quotes(text)


def in_quotes(text: str) -> str:
    """The text in quotes that no shell looks into."""
    return shlex.quote(text) if set('"$`\\!') & set(text) else f'"{text}"'
