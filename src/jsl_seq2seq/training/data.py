"""What a training request says about data: which file, which tokens, and whether a model can learn from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Corpus, read_corpus, read_starter_corpus
from ..data.encoding import EncodedCorpus, EncodedPairs, learn, listed
from ..errors import UserError
from ..io.files import is_regular
from ..settings import DATA_SETTINGS, require_range
from ..store import STARTER, SavedModel
from ..store.metadata import published
from ..tokenize import CHARACTERS_AND_TAGS, Tokenizers

_MAX_SUBWORDS, _MAX_COUNT = 1_000_000, 10**9
_KINDS = ("source_units", "target_units")
_SIZES = {"subword_vocab": "source_units", "target_vocab": "target_tokenizer"}
"""How many subwords a side has, and the setting that says whether it has any."""


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
    if not is_regular(recorded):
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
    for name in _SIZES:
        if options.get(name) is not None:
            require_range(name, options[name], 1, _MAX_SUBWORDS)
    kinds = {name: options.get(name) or CHARACTERS_AND_TAGS.settings[name] for name in _KINDS}
    tokenizers = Tokenizers.of(
        kinds["source_units"],
        kinds["target_units"],
        options.get("subword_vocab"),
        options.get("target_tokenizer") or CHARACTERS_AND_TAGS.settings["target_tokenizer"],
        options.get("target_vocab"),
    )
    for name, chosen_by in _SIZES.items():
        if options.get(name) is not None and name not in tokenizers.settings:
            raise UserError(
                f"{name} は、{chosen_by} が subword のときだけ使います。",
                f"{chosen_by} を subword にするか、{name} を指定しないでください。",
                code="subword-vocab-without-subwords",
                setting=name,
                settings={chosen_by: tokenizers.settings[chosen_by]},
            )
    return tokenizers


def _require_same(options: Mapping[str, Any], tokenizers: Tokenizers, resume: bool) -> None:
    fixed = tokenizers.settings
    size, learnt = options.get("subword_vocab"), fixed.get("subword_vocab")
    if resume:  # the same command once more
        fixed["min_count"] = options.get("min_count")
        if size and learnt and size >= learnt:  # fewer pieces may have been found than were asked for
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


def new_tokenizers(corpus: Corpus, tokenizers: Tokenizers, options: Mapping[str, Any]) -> Tokenizers:
    """A new model's tokenizers, with what stands ``min_count`` times in the training data or more.

    Raises:
        UserError: no tag stands so often, or there may be too few subwords.
    """
    min_count = options.get("min_count", 1)
    require_range("min_count", min_count, 1, _MAX_COUNT)
    learnt = learn(corpus, tokenizers, min_count)
    for side in (learnt.source, learnt.target):
        if not side.vocabulary.tokens:
            raise UserError(
                f"{corpus.name} に、{min_count} 回以上出てくる{side.unit_name}が 1 つもありません。",
                "min_count を小さくしてください。",
                code="nothing-frequent-enough",
                setting="min_count",
                value=min_count,
                path=corpus.name,
            )
    return learnt


def check_encoded(encoded: EncodedCorpus, refuse_unknown: bool, limit: int | None = None) -> None:
    """Whether a model can learn from the data, or be measured on it.

    Args:
        refuse_unknown: whether a tag that the vocabulary lacks is an error.
        limit: how many positions a sentence may have at most.

    Raises:
        UserError: no.
    """
    corpus, tokenizers = encoded.corpus, encoded.tokenizers
    if refuse_unknown and encoded.unknown_target:
        tags = sorted(encoded.unknown_target)
        written = [tokenizers.target.join([tag]) for tag in tags]
        raise UserError(
            f"{corpus.name} に、モデルの語彙にない{tokenizers.target.unit_name}があります: {listed(written)}",
            f"新しいモデルを学習するか、その{tokenizers.target.unit_name}の文をデータから外してください。",
            code="unknown-tags",
            path=corpus.name,
            found=tags,
            name=tokenizers.target.unit_name,
        )
    if not len(encoded.pairs):
        raise UserError(
            f"{corpus.name} には、モデルの知っている{tokenizers.source.unit_name}と"
            f"{tokenizers.target.unit_name}のある文が 1 つもありません: {corpus.pairs[0].source}",
            "モデルの学習データと同じ種類のデータか、確かめてください。",
            code="nothing-known",
            path=corpus.name,
            found=corpus.pairs[0].source,
        )
    if limit is not None:
        _check_lengths(encoded, limit)


def longest(pairs: EncodedPairs) -> int:
    """Positions that the longest pair needs: its source units, or its tags and EOS."""
    return int(pairs.positions.max())


def _check_lengths(encoded: EncodedCorpus, limit: int) -> None:
    positions = encoded.pairs.positions
    too_long = np.flatnonzero(positions > limit)
    if len(too_long):
        first = int(too_long[0])
        source = encoded.corpus.pairs[int(encoded.rows[first])].source
        raise UserError(
            f"{encoded.corpus.name} に長すぎる文があります（{positions[first]}、上限は {limit}）: {source}",
            f"max_seq_len を {positions.max()} にして新しく学習するか、その文を分けてください。",
            code="sentence-too-long",
            setting="max_seq_len",
            path=encoded.corpus.name,
            found=int(positions[first]),
            limit=limit,
            longest=int(positions.max()),
        )
