"""``jsl-seq2seq compare``: how two models differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from ..backends.registry import Backend, choose_backend
from ..data import read_corpus, read_starter_corpus
from ..evaluation.comparison import Comparison
from ..evaluation.comparison import compare as compare_models
from ..store import SavedModel, load_model, model_directory
from ..translate.translator import Translator, tags_of
from . import options as opt
from .console import say, say_json

_SHOWN = 10
_SENTENCES = 512
_LONGEST = 120
"""Characters of a translation that are printed."""


def compare(
    first: Annotated[Path, opt.argument("1 つ目のモデル", "DIR1")],
    second: Annotated[Path, opt.argument("2 つ目のモデル", "DIR2")],
    data: opt.Compared = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    models = load_model(model_directory(first)), load_model(model_directory(second))
    corpus = read_corpus(data, models[0].tokenizers) if data else read_starter_corpus()
    backend = choose_backend("ndarray")
    found = compare_models(
        *models,
        [pair.source for pair in corpus.pairs],
        lambda model, texts: _translations(model, texts, backend),
    )
    if as_json:
        say_json({"first": str(first), "second": str(second), **found.to_json()})
        return
    if not quiet:
        _show(found)
    say(
        "計算は同じです。"
        if found.same
        else f"違うモデルです（訳が変わった文 {len(found.changed)} / {found.sentences}）。"
    )


def _translations(model: SavedModel, texts: Sequence[str], backend: Backend) -> list[tuple[str, ...] | None]:
    translator = Translator(model, backend)
    found: list[tuple[str, ...] | None] = []
    for start in range(0, len(texts), _SENTENCES):
        group = texts[start : start + _SENTENCES]
        found += [tags_of(translation) for translation in translator.translate_each(group)]
    return found


def _show(found: Comparison) -> None:
    say("設定")
    for name, (a, b) in found.settings.items():
        say(f"  {name}: {_value(a)} → {_value(b)}")
    if not found.settings:
        say("  同じです")
    say("語彙")
    for side, japanese in (("source", "入力"), ("target", "タグ")):
        gone, new = found.only[side]
        words = [f"1 つ目だけ: {_listed(gone)}"] * bool(gone) + [f"2 つ目だけ: {_listed(new)}"] * bool(new)
        words += ["共通の項目の番号が違います"] * found.moved[side]
        say(f"  {japanese}: {'、'.join(words) or '同じです'}")
    apart = [distance for distance in found.distances if distance.largest]
    say(f"重み（{len(found.distances)} 個のうち {len(apart)} 個が違います。相対距離の大きい順）")
    for distance in apart[:_SHOWN]:
        say(f"  {distance.name}: 相対 L2 {distance.relative:.4g}、最大の差 {distance.largest:.4g}")
    if len(apart) > _SHOWN:
        say(f"  ほか {len(apart) - _SHOWN} 個（すべては --json で）")
    if found.unlike:
        say(f"  形が違うか、片方にしかないもの: {_listed(found.unlike)}")
    say(f"訳（{found.sentences} 文のうち {len(found.changed)} 文が変わりました）")
    for text, a, b in found.changed[:_SHOWN]:
        say(f"  {text}: {_translation(a)} → {_translation(b)}")
    if len(found.changed) > _SHOWN:
        say(f"  ほか {len(found.changed) - _SHOWN} 文（すべては --json で）")


def _value(value: object) -> str:
    return "なし" if value is None else str(value)


def _listed(words: Sequence[str]) -> str:
    return "、".join(words[:_SHOWN]) + (f" ほか {len(words) - _SHOWN}" if len(words) > _SHOWN else "")


def _translation(written: str | None) -> str:
    if written is None:
        return "（読めない文）"
    # a model that has learnt little repeats a tag to the limit
    return (written[:_LONGEST] + " …" if len(written) > _LONGEST else written) or "（訳なし）"
