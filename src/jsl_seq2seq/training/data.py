"""The sentences to train on: where they come from, and whether a model can learn from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Corpus, SentencePair, read_corpus, read_starter_corpus
from ..data.encoding import EncodedPairs
from ..errors import UserError
from ..settings import DATA_SETTINGS, require_range
from ..store import STARTER, SavedModel
from ..store.metadata import published
from ..tokenize import CHARACTERS_AND_TAGS, Tokenizers

_SHOWN = 5
_MAX_SUBWORDS = 1_000_000
_KINDS = ("source_units", "target_units")


def read_data(path: Path | None, loaded: SavedModel | None, tokenizers: Tokenizers) -> tuple[Corpus, str]:
    """The training data and the name under which it is recorded."""
    if path is not None:
        return read_corpus(path, tokenizers), published(path).as_posix()
    if loaded is None or loaded.data_name == STARTER:
        kinds = {name: tokenizers.settings[name] for name in _KINDS}
        if any(kind != CHARACTERS_AND_TAGS.settings[name] for name, kind in kinds.items()):
            raise UserError(
                "付属の例文は、文字とタグの単位でしか学習できません。",
                "source_units と target_units を指定しないか、自分のデータを指定してください。",
                code="starter-units-fixed",
                settings=kinds,
            )
        return read_starter_corpus(), STARTER
    recorded = Path(loaded.data_name)
    if not recorded.is_file():
        raise UserError(
            f"このモデルの学習データが見つかりません: {recorded}",
            "学習データのファイルを指定してください。",
            code="recorded-data-missing",
            path=recorded,
        )
    return read_corpus(recorded, tokenizers), published(recorded).as_posix()


def tokenizers_of(options: Mapping[str, Any], loaded: SavedModel | None, resume: bool) -> Tokenizers:
    """The loaded model's tokenizers, or those of a new model before anything is learnt.

    Raises:
        UserError: the request asks for other tokens than the loaded model's, or for what does not exist.
    """
    if loaded is not None:
        _require_same(options, loaded.tokenizers, resume)
        return loaded.tokenizers
    size = options.get("subword_vocab")
    if size is not None:
        require_range("subword_vocab", size, 1, _MAX_SUBWORDS)
    kinds = {name: options.get(name) or CHARACTERS_AND_TAGS.settings[name] for name in _KINDS}
    tokenizers = Tokenizers.of(kinds["source_units"], kinds["target_units"], size)
    if size is not None and "subword_vocab" not in tokenizers.settings:
        raise UserError(
            "subword_vocab は、source_units が subword のときだけ使います。",
            "source_units を subword にするか、subword_vocab を指定しないでください。",
            code="subword-vocab-without-subwords",
            setting="subword_vocab",
        )
    return tokenizers


def _require_same(options: Mapping[str, Any], tokenizers: Tokenizers, resume: bool) -> None:
    fixed = tokenizers.settings
    size, learnt = options.get("subword_vocab"), fixed.get("subword_vocab")
    if resume and size and learnt and size >= learnt:
        # the same command once more: fewer pieces may have been found than were asked for
        fixed["subword_vocab"] = size
    for name in sorted(DATA_SETTINGS):
        if options.get(name) not in (None, fixed.get(name)):
            raise UserError(
                f"続きの学習では {name} を変えられません"
                f"（このモデルの単位は {fixed['source_units']} と {fixed['target_units']} です）。",
                f"{name} を指定しないか、新しいモデルを学習してください。",
                code="setting-fixed-by-model",
                setting=name,
                value=options.get(name),
                fixed=fixed.get(name),
            )


def encode_corpus(corpus: Corpus, tokenizers: Tokenizers) -> tuple[EncodedPairs, list[str]]:
    """The corpus as ids, and notes about what the model does not know in it, in Japanese.

    Raises:
        UserError: a tag is unknown to the model, or all of a sentence's units are.
    """
    tags: set[str] = set()
    units: dict[str, None] = {}
    blank: list[str] = []
    target = tokenizers.target

    def encoded() -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        for pair in corpus.pairs:
            source = tokenizers.source.encode(pair.source)
            units.update(dict.fromkeys(source.unknown_texts))
            unknown = [tag for tag in pair.tags if not target.has(tag)]
            if unknown:
                tags.update(unknown)
            elif not source.ids:
                blank[:] = blank or [pair.source]
            else:
                yield source.ids, target.ids_of(pair.tags)

    pairs = EncodedPairs(encoded())
    kind = tokenizers.source.unit_name
    if tags:
        listed = [tokenizers.target.join([tag]) for tag in sorted(tags)]
        raise UserError(
            f"{corpus.name} に、モデルの語彙にないタグがあります: {_listed(listed)}",
            "検証データにだけあるタグなら、学習データに足すか、検証データから外してください。"
            "続きの学習なら、新しいモデルを学習してください。",
            code="unknown-tags",
            path=corpus.name,
            found=sorted(tags),
        )
    if blank:
        raise UserError(
            f"{corpus.name} に、モデルの知っている{kind}が 1 つもない文があります: {blank[0]}",
            code="nothing-known",
            path=corpus.name,
            found=blank[0],
        )
    notes = []
    if units:
        notes.append(
            f"{corpus.name} に、モデルの知らない{kind}が {len(units)} 種類あります"
            f"（{_listed(list(units))}）。読み飛ばします。"
        )
    return pairs, notes


def longest(pairs: EncodedPairs) -> int:
    """Positions that the longest pair needs: its source units, or its tags and EOS."""
    return int(_positions(pairs).max())


def check_lengths(corpus: Corpus, pairs: EncodedPairs, limit: int) -> None:
    """Raise UserError if a pair is longer than the model can learn."""
    positions = _positions(pairs)
    too_long = np.flatnonzero(positions > limit)
    if len(too_long):
        first = int(too_long[0])
        raise UserError(
            f"{corpus.name} に長すぎる文があります（{positions[first]}、上限は {limit}）: {corpus.pairs[first].source}",
            f"max_seq_len を {positions.max()} にして新しく学習するか、その文を分けてください。",
            code="sentence-too-long",
            setting="max_seq_len",
            path=corpus.name,
            found=int(positions[first]),
            limit=limit,
            longest=int(positions.max()),
        )


def digest(pairs: Sequence[SentencePair]) -> str:
    """SHA-256 of the pairs in order: whether two trainings saw the same data."""
    seen = hashlib.sha256()
    for number, pair in enumerate(pairs):
        seen.update(b", " if number else b"[")
        seen.update(json.dumps([pair.source, *pair.tags], ensure_ascii=True).encode("ascii"))
    seen.update(b"]")
    return seen.hexdigest()


def _positions(pairs: EncodedPairs) -> np.ndarray:
    return np.maximum(pairs.source_lengths, pairs.target_lengths + 1)


def _listed(items: Sequence[str]) -> str:
    return "、".join(items[:_SHOWN]) + ("など" if len(items) > _SHOWN else "")
