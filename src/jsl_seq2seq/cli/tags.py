"""``jsl-seq2seq tags``: the tags that a model can write, with readings and an example sentence each."""

from __future__ import annotations

from typing import Annotated

from ..backends.registry import choose_backend
from ..store import load_model, model_directory
from ..tokenize.tokenizer import format_tags
from ..translate import Translator
from ..translate.tag_list import listed
from . import options as opt
from .console import columns, note, say, say_json

_SHOWN = 4
"""Spellings in a line; ``--json`` has all of them."""


def tags(
    part: Annotated[str | None, opt.argument("タグ・表記・読みの一部（省くと全部）", "PART")] = None,
    load: opt.Load = None,
    as_json: opt.Json = False,
) -> None:
    model = load_model(model_directory(load), record=False)
    known = listed(Translator(model, choose_backend("ndarray")).tags)
    found = known if part is None else [one for one in known if one.matches(part)]
    if as_json:
        for one in found:
            say_json(one.to_dict())
        return
    rows = [(format_tags(one.tags), "・".join(one.spellings[:_SHOWN]), one.shown_example) for one in found]
    for line in columns(rows) if rows else []:
        say(line)
    note(f"{len(found):,} 件" if part is None else f"「{part}」に当たるもの: {len(found):,} 件")
    if not found:
        note("  → 読み（ひらがな）や、短い一部でも探せます。全部を見るには、言葉を付けずに実行してください。")
