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
from ..tokenize import Units, Vocabularies
from ..tokenize.units import SUBWORD

_SHOWN = 5
_MAX_SUBWORDS = 1_000_000


def read_data(path: Path | None, loaded: SavedModel | None, units: Units) -> tuple[Corpus, str]:
    """The training data and the name under which it is recorded."""
    if path is not None:
        return read_corpus(path, units), published(path).as_posix()
    if loaded is None or loaded.data_name == STARTER:
        if units != Units():
            raise UserError(
                "付属の例文は、文字とタグの単位でしか学習できません。",
                "--source-units と --target-units を外すか、--data で自分のデータを指定してください。",
            )
        return read_starter_corpus(), STARTER
    recorded = Path(loaded.data_name)
    if not recorded.is_file():
        raise UserError(
            f"このモデルの学習データが見つかりません: {recorded}",
            "--data で学習データのファイルを指定してください。",
        )
    return read_corpus(recorded, units), published(recorded).as_posix()


def units_of(options: Mapping[str, Any], loaded: SavedModel | None, resume: bool) -> Units:
    """What the request wants to count in. Raises UserError if that is not what the loaded model counts in."""
    size = options.get("subword_vocab")
    if loaded is not None:
        kinds = loaded.vocabularies.kinds
        fixed: dict[str, Any] = {"source_units": kinds.source, "target_units": kinds.target}
        if kinds.source == SUBWORD:
            learnt = len(loaded.vocabularies.source.units)
            # the same command once more: fewer pieces may have been found than were asked for
            fixed["subword_vocab"] = size if resume and size and size >= learnt else learnt
        for name in sorted(DATA_SETTINGS):
            if options.get(name) not in (None, fixed.get(name)):
                raise UserError(
                    f"続きの学習では {name} を変えられません"
                    f"（このモデルの単位は {kinds.source} と {kinds.target} です）。",
                    f"{name} を指定しないか、新しいモデルを学習してください。",
                    code="setting-fixed-by-model",
                    setting=name,
                    value=options.get(name),
                    fixed=fixed.get(name),
                )
        return kinds
    if size is not None:
        require_range("subword_vocab", size, 1, _MAX_SUBWORDS)
    units = Units(options.get("source_units") or Units.source, options.get("target_units") or Units.target)
    if size is not None and units.source != SUBWORD:
        raise UserError(
            "--subword-vocab は、--source-units subword と一緒に使います。",
            "--source-units subword を足すか、--subword-vocab を外してください。",
        )
    return units


def learn_vocabularies(corpus: Corpus, units: Units, options: Mapping[str, Any]) -> Vocabularies:
    """The vocabularies of a new model."""
    size = options.get("subword_vocab")
    if size is None:
        return Vocabularies.from_pairs(corpus.pairs, units)
    return Vocabularies.from_pairs(corpus.pairs, units, size)


def encode_corpus(corpus: Corpus, vocabularies: Vocabularies) -> tuple[EncodedPairs, list[str]]:
    """The corpus as ids, and notes about what the model does not know in it, in Japanese.

    Raises:
        UserError: a tag is unknown to the model, or all of a sentence's units are.
    """
    tags: set[str] = set()
    units: dict[str, None] = {}
    blank: list[str] = []

    def encoded() -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        for pair in corpus.pairs:
            source = vocabularies.encode_source(pair.source)
            units.update(dict.fromkeys(source.unknown))
            unknown = [tag for tag in pair.tags if tag not in vocabularies.target]
            if unknown:
                tags.update(unknown)
            elif not source.ids:
                blank[:] = blank or [pair.source]
            else:
                yield source.ids, vocabularies.encode_target(pair.tags)

    pairs = EncodedPairs(encoded())
    kind = vocabularies.kinds.left_out
    if tags:
        listed = [vocabularies.format_target([tag]) for tag in sorted(tags)]
        raise UserError(
            f"{corpus.name} に、モデルの語彙にないタグがあります: {_listed(listed)}",
            "検証データにだけあるタグなら、学習データに足すか、検証データから外してください。"
            "--load で続きを学習しているなら、--load を外して新しいモデルを学習してください。",
        )
    if blank:
        raise UserError(f"{corpus.name} に、モデルの知っている{kind}が 1 つもない文があります: {blank[0]}")
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
            f"--max-seq-len {positions.max()} で新しく学習するか、その文を分けてください。",
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
