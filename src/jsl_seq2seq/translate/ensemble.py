"""Which models can translate together as an ensemble, and the settings they then have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from ..errors import UserError
from ..settings import ModelConfig
from ..store import SavedModel
from ..tokenize import Tokenizers

_SAME = ("attention_masks", "source_length", "source_cut", "specials_masked")
"""Settings of a model that say how sentences are read and tags are chosen."""

_SIDES = {"source": "文", "target": "訳"}
_SHOWN = 40
"""Characters of a value in a message."""


def settings_of(models: Sequence[SavedModel]) -> ModelConfig:
    """The settings that the models decode with together: the first one's, the shortest ``max_seq_len``, and the
    highest ``uncertain_below``.

    Their vocabularies must be the same on both sides, entry by entry: the probabilities of an id are averaged.

    Raises:
        UserError: there is no model, or one does not fit the first (``ensemble-mismatch``); names the first difference.
    """
    if not models:
        raise UserError(
            "モデルが 1 つも指定されていません。",
            "モデルのフォルダーを 1 つ以上指定してください。",
            code="no-models",
        )
    first, *others = models
    for number, other in enumerate(others, start=2):
        _require_same(first, other, number)
    return replace(
        first.config,
        max_seq_len=min(model.config.max_seq_len for model in models),
        uncertain_below=max(model.config.uncertain_below for model in models),
    )


def _require_same(first: SavedModel, other: SavedModel, number: int) -> None:
    difference = _vocabulary_difference(first.tokenizers, other.tokenizers)
    if difference is None:
        difference = next(
            (
                (name, name, getattr(first.config, name), getattr(other.config, name))
                for name in _SAME
                if getattr(first.config, name) != getattr(other.config, name)
            ),
            None,
        )
    if difference is None:
        return
    key, described, one, two = difference
    raise UserError(
        f"{number} 番目のモデルは、1 番目のモデルと一緒には使えません。{described}が違います"
        f"（1 番目は{_shown(one)}、{number} 番目は{_shown(two)}）。",
        "一緒に使えるのは、両側の語彙が同じモデルです。同じデータと単位で、種（seed）を変えて学習したものを使ってください。",
        code="ensemble-mismatch",
        model=number,
        difference=key,
        first=one,
        second=two,
    )


def _vocabulary_difference(one: Tokenizers, other: Tokenizers) -> tuple[str, str, Any, Any] | None:
    """The first difference of two vocabularies: its name, the same in Japanese, and the value in each."""
    if one.hash == other.hash:
        return None
    a, b = one.settings, other.settings
    for key, name in (("source_units", "文の単位"), ("target_units", "訳の単位")):
        if a[key] != b[key]:
            return key, name, a[key], b[key]
    a, b = one.to_json(), other.to_json()
    for key in dict.fromkeys(("source", "target", *a, *b)):
        if a.get(key) == b.get(key):
            continue
        if key not in _SIDES:
            return key, f"語彙の {key} ", a.get(key), b.get(key)
        for number, (left, right) in enumerate(zip_longest(a[key], b[key]), start=1):
            if left != right:
                return key, f"{_SIDES[key]}の語彙の {number} 番目", left, right
    raise AssertionError("vocabularies with different hashes have different contents")


def _shown(value: Any) -> str:
    if value is None:
        return "なし"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"「{text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}」"
