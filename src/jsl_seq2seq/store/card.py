"""The README.md that every model directory carries, in Japanese, made from what really happened."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..io.text import for_markdown, markdown_block, markdown_code
from ..model import count_parameters
from ..settings import in_effect
from ..tokenize import CHARACTERS_AND_TAGS
from .metadata import exact_shares, published, stages_of
from .saved_model import STARTER, Example, SavedModel, Stage

_NO_OPTION = frozenset({
    "vocab_size", "epochs", "decay_steps", "restart_step", "optimizer", "beta1", "beta2", "epsilon", "final_norm",
    "attention_masks", "source_length", "source_cut", "embedding_scale", "specials_masked",
    "temperature", "uncertain_below",
})  # fmt: skip
"""Settings that the command line has no option for, and the epochs, which are counted."""

_OFF: Mapping[str, Any] = {
    "batch_tokens": 0, "accumulate": 1, "position_shift": 0, "substitutions": 0, "patience": 0,
    "target_loss": 0.0,
    "freeze": "none", "tied_embeddings": False, "metric": "loss",
    "beam": 1, "length_penalty": 0.6,
}  # fmt: skip
"""Settings that are left out of a new model's command where this value switches them off. All others stand in it,
also where they have their default: a later release may have another one. A command that goes on from a model has
them all, since what it leaves out stays as it was in that model."""


def render_readme(model: SavedModel, directory: Path) -> str:
    """Markdown: settings, result, examples, and the commands to translate, continue and reproduce."""
    return (
        "\n\n".join(
            [
                f"# {for_markdown(_name(directory))}",
                "日本語文を手話タグの列に訳すモデルです（jsl-seq2seq が自動で書いたファイルです）。",
                "**出力はタグであって、日本手話そのものではありません。** 表情・空間・同時性は含まれません。"
                "学習に使った文は、ろう者による確認を受けていないことがあります。",
                "## 設定\n\n" + _settings(model),
                "## 結果\n\n" + _result(model),
                *_evaluation(model),
                "## 訳の例\n\n保存したときに、このモデルが実際に出した訳です。\n\n"
                + _examples(model.examples, model.tokenizers.target.join),
                "## 使い方\n\n" + _commands(model, directory),
            ]
        )
        + "\n"
    )


def _settings(model: SavedModel) -> str:
    config, training, metadata = model.config, model.training, model.metadata
    stages = stages_of(model)
    source, target = model.tokenizers.source, model.tokenizers.target
    rows = {
        "d_model": config.d_model,
        "n_heads": config.n_heads,
        "n_layers": f"エンコーダー {config.n_layers} + デコーダー {config.n_layers}",
        "d_ff": config.d_ff,
        "max_seq_len": config.max_seq_len,
        "語彙": f"{source.name} {config.vocab_size.source}、{target.name}"
        f" {config.vocab_size.target}（PAD・SOS・EOS を含む）",
        "パラメーター": f"{count_parameters(model.config):,} 個",
        "学習率": training.learning_rate,
        "バッチ": training.batch_size,
        "dropout": training.dropout,
        "label_smoothing": training.label_smoothing,
        "consistency": training.consistency,
        "seed": training.seed,
        "データ": "付属の例文" if model.data_name == STARTER else model.data_name,
        "検証データ": (stages[-1].valid_name if stages else "") or "なし",
        "バックエンド": f"{metadata.get('backend', '不明')}（{metadata.get('device', '不明')}）",
        "計算の精度": metadata.get("precision", "不明"),
        "学習した日時": f"{metadata.get('trained_at', '不明')}（UTC）",
        "プログラム": f"jsl-seq2seq {metadata.get('package_version', '不明')}",
        "git のコミット": metadata.get("git_commit") or "なし（git のリポジトリの外）",
    }
    return _table(("項目", "値"), [(key, for_markdown(str(value))) for key, value in rows.items()])


def _result(model: SavedModel) -> str:
    if not model.history and model.burn is not None:
        origin = for_markdown(str(model.metadata.get("imported_from", "元のプロジェクト")))
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
    found = model.metadata.get("validation")
    if isinstance(found, Mapping) and all(type(found.get(key)) is int for key in ("exact", "sentences")):
        lines.append(f"- 検証データの完全一致: {found['exact'] / max(found['sentences'], 1):.1%}")
    elif last.valid_exact is not None:
        lines.append(f"- 検証データの完全一致: {last.valid_exact:.1%}")
    return "\n".join(lines)


def _evaluation(model: SavedModel) -> list[str]:
    """What was measured on sentences that were kept apart from training, if the metadata has it."""
    rows = [(for_markdown(name), f"{share:.1%}") for name, share in exact_shares(model).items()]
    if not rows:
        return []
    return [
        "## 評価\n\n学習に使っていない文での、貪欲法（greedy）の完全一致率です。\n\n"
        + _table(("テスト", "完全一致"), rows)
    ]


def _examples(examples: tuple[Example, ...], written: Callable[[tuple[str, ...]], str]) -> str:
    rows = [
        (
            for_markdown(one.source),
            _code(written(one.hypothesis)),
            "正解"
            if one.hypothesis == one.reference
            else f"不正解（正しくは {_code(written(one.reference))}）",
        )
        for one in examples
    ]
    return _table(("日本語", "出力", "判定"), rows) if rows else "ありません。"


def _commands(model: SavedModel, directory: Path) -> str:
    directory = published(directory)
    here, there = quoted(directory), directory.parent / f"{_name(directory)}-2"
    data = _path_flag("--data", model.data_name)
    parts = [
        _block("訳す", f"jsl-seq2seq --load {here} --predict {in_quotes(model.sample)}"),
        _block(
            "続きを学習する", f"jsl-seq2seq --load {here} --train --epochs 100{data} --save {quoted(there)}"
        ),
    ]
    if "made_by" in model.metadata:
        parts.append(_block("はじめから再現する", str(model.metadata["made_by"])))
    else:
        parts += _reproduction(model, there)
    return "\n\n".join(parts)


def _reproduction(model: SavedModel, there: Path) -> Iterator[str]:
    """One command for each run, each going on from what the one before saved; the last saves ``there``."""
    stages = stages_of(model)
    imported = model.burn is not None
    before = None
    if imported and stages:
        before = there.with_name(f"{there.name}-stage0")
        yield _block(
            "はじめから再現する（元のモデルを取り込む）",
            f"jsl-seq2seq import-burn 元のフォルダー {quoted(before)}",
        )
    for number, stage in enumerate(stages, start=1):
        last = number == len(stages)
        after = there if last else there.with_name(f"{there.name}-stage{number}")
        alone = last and number == 1 and not imported
        title = "はじめから再現する" if alone else f"はじめから再現する（{number} 段階目）"
        notes = []
        if stage.interrupted and stage.settings.get("schedule") == "cosine":
            notes.append("途中で止めた学習です。学習率の下がり方が変わるので、同じ重みにはなりません。")
        elif stage.interrupted:
            notes.append(
                "途中で止めた学習です。エポックの切れ目で止めたのでなければ、同じ重みにはなりません。"
            )
        if stage.git_commit and not alone:
            notes.append(f"git のコミット: {for_markdown(stage.git_commit)}")
        yield "\n\n".join([_block(title, stage_command(model, stage, before, after)), *notes])
        before = after


def stage_command(model: SavedModel, stage: Stage, load: Path | None, save: Path) -> str:
    """The command line that runs the stage again, with every option that has to do with its result.

    Args:
        load: the model that it goes on from; ``None`` for a new one.
    """
    program = "jsl-seq2seq"
    if stage.processes > 1:
        program = f"torchrun --nproc-per-node {stage.processes} -m jsl_seq2seq"
    epochs = stage.end if stage.interrupted else stage.until
    given: dict[str, Any] = {"epochs": max(epochs - stage.start, 1)}
    if load is None:
        shape = {field.name: getattr(model.config, field.name) for field in fields(model.config)}
        given |= {name: value for name, value in shape.items() if name not in _NO_OPTION}
        given |= _units(model) | dict(stage.units)
    settings = in_effect(stage.settings, bool(stage.valid_name))
    given |= {name: value for name, value in settings.items() if name not in _NO_OPTION}
    if load is None:
        given = {name: value for name, value in given.items() if name not in _OFF or value != _OFF[name]}
    given |= {"backend": stage.backend or None, "device": stage.device, "precision": stage.precision}
    given["checkpoint_every"] = stage.checkpoint_every or None
    given["no_training_state"] = None if stage.training_state else True
    options = "".join(
        f" --{name.replace('_', '-')}" + ("" if value is True else f" {_word(value)}")
        for name, value in given.items()
        if value is not None
    )
    start = f" --load {quoted(load)}" if load else ""
    data = _path_flag("--data", stage.data_name) + _path_flag("--valid", stage.valid_name)
    return f"{program}{start} --train{options}{data} --save {quoted(save)}"


def _block(title: str, command: str) -> str:
    return f"{title}:\n\n{markdown_block(command)}"


def _word(value: Any) -> str:
    return quoted(Path(value)) if isinstance(value, str) else str(value)


def _name(directory: Path) -> str:
    """The folder's own name, also for ``.`` and ``..``."""
    if directory.name not in ("", ".."):
        return directory.name
    try:
        return directory.resolve().name or "model"
    except OSError:  # the working directory is gone
        return "model"


def _path_flag(option: str, name: str) -> str:
    """For data from a file; the starter corpus and what has only a description have no path."""
    path = Path(name)
    return f" {option} {quoted(path)}" if path.suffix else ""


def _units(model: SavedModel) -> dict[str, Any]:
    """What the vocabulary says about the options it was made with."""
    usual = CHARACTERS_AND_TAGS.settings
    return {name: value for name, value in model.tokenizers.settings.items() if value != usual.get(name)}


def _code(written: str) -> str:
    """As code: Markdown would take ``<OK>`` for HTML and show nothing."""
    return markdown_code(written) if written else "（タグなし）"


_BAR = re.compile(r"(?<!\\)\|")
"""What :func:`for_markdown` has not escaped: bars in code."""


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(_BAR.sub(r"\\|", cell) for cell in line) + " |" for line in lines)


def quoted(path: Path) -> str:
    """The path as one types it, in quotes where a shell would take it apart; forward slashes work everywhere."""
    text = path.as_posix()
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else in_quotes(text)


def in_quotes(text: str) -> str:
    """The text in quotes that no shell looks into."""
    return shlex.quote(text) if set('"$`\\!') & set(text) else f'"{text}"'
