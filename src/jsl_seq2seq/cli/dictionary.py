"""``jsl-seq2seq dictionary``: words of the user's own, kept beside a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..errors import UserError
from ..store import is_builtin, load_model, model_directory
from ..tokenize.tokenizer import format_tags
from ..translate.dictionary import drop_entry, keep_entry
from ..translate.translator import dictionary_of, require_slots
from . import options as opt
from .console import columns, note, say, say_json

_ACTIONS = {"add": 2, "list": 0, "remove": 1}
"""Each action, and how many arguments it takes behind the directory."""


def dictionary(
    action: Annotated[str, opt.argument("add（足す）、list（並べる）、remove（消す）", "add|list|remove")],
    directory: Annotated[Path, opt.argument("モデルのフォルダー")],
    word: Annotated[str | None, opt.argument("言葉。動詞と形容詞は辞書の形で", "言葉")] = None,
    tags: Annotated[str | None, opt.argument("add のとき: その訳", '"<タグ> <タグ>"')] = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    given = [argument for argument in (word, tags) if argument is not None]
    if action not in _ACTIONS or len(given) != _ACTIONS[action]:
        raise UserError(
            f"dictionary の使い方が違います: {' '.join([action, str(directory), *given])}",
            'dictionary add DIR 言葉 "<タグ>"、dictionary list DIR、dictionary remove DIR 言葉のどれかです。',
            code="dictionary-usage",
            action=action,
        )
    if action != "list" and is_builtin(directory):
        raise UserError(
            "付属のモデル（builtin）の辞書は変えられません。",
            "言葉をファイルに書いて、訳すときに --dictionary words.tsv のように渡してください。",
            code="shipped-model-fixed",
        )
    directory = model_directory(directory)
    model = load_model(directory, record=False)
    if action == "list":
        _list(directory, as_json)
    elif action == "add":
        require_slots(model.tokenizers)
        entry = keep_entry(directory, given[0], given[1])
        new = [tag for tag in entry.tags if not model.tokenizers.target.has(tag)]
        if as_json:
            say_json({"word": entry.word, "tags": list(entry.tags), "unknown_tags": new})
        elif not quiet:
            say(f"辞書に入れました: {entry.word} → {format_tags(entry.tags)}")
        if new and not as_json:
            note(f"参考: モデルの語彙にないタグです（そのまま訳に入ります）: {format_tags(new)}")
    else:
        _remove(directory, given[0], quiet, as_json)


def _list(directory: Path, as_json: bool) -> None:
    kept = dictionary_of(directory, None)
    entries = kept.entries if kept else ()
    if as_json:
        for entry in entries:
            say_json({"word": entry.word, "tags": list(entry.tags)})
        return
    for line in columns([(entry.word, format_tags(entry.tags)) for entry in entries]) if entries else []:
        say(line)
    note(f"{len(entries):,} 語")


def _remove(directory: Path, word: str, quiet: bool, as_json: bool) -> None:
    if not drop_entry(directory, word):
        raise UserError(
            f"辞書にない言葉です: {word}",
            "辞書にある言葉は dictionary list で見られます。",
            code="dictionary-word-missing",
            word=word,
            path=directory,
        )
    if as_json:
        say_json({"word": word, "removed": True})
    elif not quiet:
        say(f"辞書から消しました: {word}")
