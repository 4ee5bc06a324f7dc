"""A corpus as ids: which tokens a new model's vocabularies get, and what each sentence becomes in a vocabulary."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..settings import UNK
from ..tokenize import Tokenizer, Tokenizers
from ..tokenize.tokenizer import sample_of
from . import cache
from .corpus import Column, Corpus, StoredPairs
from .pairs import SentencePair
from .ragged import LazySequence, Ragged, RaggedWriter

_SHOWN = 5


@dataclass(frozen=True)
class EncodedPair:
    """A sentence pair as ids, without SOS and EOS. A target unit that the vocabulary lacks is UNK."""

    source: tuple[int, ...]
    target: tuple[int, ...]


class EncodedPairs(LazySequence[EncodedPair]):
    """Pairs as ids, looked up when they are asked for. Memory: 40 bytes a pair, and the units unless those are
    in a file.

    Args:
        source, target: each pair's units.
        source_ids, target_ids: the id of each unit; of the source's units UNK is left out. ``None`` where the
            rows are ids already.

    Attributes:
        source_lengths, target_lengths: how many ids each pair has, int32.
    """

    def __init__(
        self,
        source: Ragged,
        target: Ragged,
        source_ids: np.ndarray | None = None,
        target_ids: np.ndarray | None = None,
    ) -> None:
        self.source_lengths, self.target_lengths = source.lengths, target.lengths
        self._leaves_out = source_ids is not None and bool((source_ids == UNK).any())
        if source_ids is not None and self._leaves_out:
            self.source_lengths = _known(source, source_ids)
        elif source_ids is not None and (replaced := source.replaced(source_ids)):
            source, source_ids = replaced, None
        if target_ids is not None and (replaced := target.replaced(target_ids)):
            target, target_ids = replaced, None
        self._source, self._target = source, target
        self._source_ids, self._target_ids = source_ids, target_ids

    @classmethod
    def of(cls, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> EncodedPairs:
        """Pairs that are ids already, in memory."""
        source, target = RaggedWriter(), RaggedWriter()
        for one, other in pairs:
            source.append(one)
            target.append(other)
        return cls(source.finish(), target.finish())

    def __len__(self) -> int:
        return len(self._source)

    @property
    def positions(self) -> np.ndarray:
        """Of each pair, how many positions its longer side has: source ids, or target ids and EOS."""
        return np.maximum(self.source_lengths, self.target_lengths + 1)

    def _item(self, index: int) -> EncodedPair:
        source, target = self._source[index], self._target[index]
        if self._source_ids is not None:
            source = self._source_ids[source]
            if self._leaves_out:
                source = source[source != UNK]
        if self._target_ids is not None:
            target = self._target_ids[target]
        return EncodedPair(tuple(source.tolist()), tuple(target.tolist()))

    def select(self, rows: np.ndarray) -> EncodedPairs:
        """Only these pairs: ascending indices, or a mask."""
        return EncodedPairs(
            self._source.select(rows), self._target.select(rows), self._source_ids, self._target_ids
        )


@dataclass(frozen=True)
class EncodedCorpus:
    """A corpus as ids, and what the vocabularies lack of it.

    Attributes:
        pairs: those with a known unit on both sides; nothing can be learnt from or said about the others.
        rows: of each pair, its index in the corpus.
        unknown_source, unknown_target: the units that the vocabularies lack, in the order in which they first
            stand in the corpus; those that go silently are not among them.
        sentences: how many have an unknown target unit.
    """

    corpus: Corpus
    tokenizers: Tokenizers
    pairs: EncodedPairs
    rows: np.ndarray
    unknown_source: tuple[str, ...]
    unknown_target: tuple[str, ...]
    sentences: int

    @property
    def left_out(self) -> np.ndarray:
        """Rows of the corpus that are not among the pairs."""
        return np.setdiff1d(np.arange(len(self.corpus.pairs)), self.rows, assume_unique=True)

    def notes(self) -> list[str]:
        """What there is to say, in Japanese."""
        name, source, target = self.corpus.name, self.tokenizers.source, self.tokenizers.target
        notes = []
        if self.unknown_source:
            notes.append(
                f"{name} に、モデルの知らない{source.unit_name}が {len(self.unknown_source)} 種類あります"
                f"（{listed(self.unknown_source)}）。読み飛ばします。"
            )
        if self.unknown_target:
            written = [target.join([unit]) for unit in self.unknown_target]
            notes.append(
                f"{name} に、モデルの語彙にない{target.unit_name}が {len(written)} 種類あります"
                f"（{listed(written)}、{self.sentences} 文）。損失には数えません。その文の訳は正解になりません。"
            )
        left_out = self.left_out
        if len(left_out):
            first = self.corpus.pairs[int(left_out[0])].source
            notes.append(
                f"{name} の {len(left_out)} 文は、{source.unit_name}か{target.unit_name}が 1 つも語彙にないので、"
                f"損失に入れません（{first}{'など' if len(left_out) > 1 else ''}）。"
            )
        return notes


def learn(corpus: Corpus, tokenizers: Tokenizers, min_count: int = 1) -> Tokenizers:
    """Tokenizers with the tokens of a corpus; as :meth:`.Tokenizers.learn`, but from what was read already.

    Raises:
        UserError: subwords are wanted and their library is missing, or there may be too few of them.
    """
    sample = (corpus.pairs[row].source for row in sample_of(len(corpus.pairs)))
    return Tokenizers(
        tokenizers.source.learn(_counts(corpus.source), sample, min_count),
        tokenizers.target.learn(_counts(corpus.target), min_count=min_count),
    )


def extend(corpus: Corpus, tokenizers: Tokenizers) -> Tokenizers:
    """Tokenizers with what they lack of a corpus behind their own tokens, whose ids stay what they are."""
    return tokenizers.extended(corpus.source.names, corpus.target.names)


def encode_corpus(corpus: Corpus, tokenizers: Tokenizers) -> EncodedCorpus:
    """The corpus as ids. What a vocabulary lacks is left out of a source, and UNK in a target."""
    source, target = tokenizers.source, tokenizers.target
    if source.unitwise:
        source_rows = corpus.source.rows
        source_ids, unknown_source = _table(corpus.source.names, source)
    else:
        source_ids = None
        source_rows, unknown_source = _encoded_sources(corpus, tokenizers)
    has = [target.has(name) for name in corpus.target.names]
    known = np.array([0 if one else UNK for one in has], np.int32)
    unknown_target = tuple(name for name, one in zip(corpus.target.names, has, strict=True) if not one)
    if target.unitwise:
        target_rows, target_ids = corpus.target.rows, _table(corpus.target.names, target)[0]
    else:
        target_rows, target_ids = _encoded_targets(corpus, tokenizers), None
    pairs = EncodedPairs(source_rows, target_rows, source_ids, target_ids)
    usable, sentences = pairs.source_lengths > 0, 0
    if unknown_target:
        known_targets = _known(corpus.target.rows, known)
        usable &= known_targets > 0
        sentences = int((known_targets < corpus.target.rows.lengths).sum())
    rows = np.flatnonzero(usable)
    if len(rows) < len(usable):
        pairs = pairs.select(rows)
    return EncodedCorpus(corpus, tokenizers, pairs, rows, unknown_source, unknown_target, sentences)


def encode_pairs(pairs: Sequence[SentencePair], tokenizers: Tokenizers) -> EncodedPairs:
    """A few pairs as ids, in memory. KeyError for a tag that the vocabulary lacks."""
    return EncodedPairs.of(
        (tokenizers.source.encode(pair.source).ids, tokenizers.target.ids_of(pair.tags)) for pair in pairs
    )


def listed(items: Sequence[str]) -> str:
    """The first few, in one line."""
    return "、".join(items[:_SHOWN]) + ("など" if len(items) > _SHOWN else "")


def _counts(column: Column) -> dict[str, int]:
    """How often each unit stands in the rows."""
    counts = np.zeros(len(column.names), np.int64)
    for _, ids, _ in column.rows.blocks():
        counts += np.bincount(ids, minlength=len(counts))
    return dict(zip(column.names, counts.tolist(), strict=True))


def _table(names: Sequence[str], tokenizer: Tokenizer) -> tuple[np.ndarray, tuple[str, ...]]:
    """The id of each unit, UNK for those without; and which of these are to be named."""
    tokens = [tokenizer.token_for(name) for name in names]
    ids = [UNK if token is None else tokenizer.vocabulary.id_of(token) for token in tokens]
    unknown = (name for name, token in zip(names, tokens, strict=True) if token is None)
    return np.array(ids, np.int32), tuple(name for name in unknown if not tokenizer.is_silent(name))


def _known(rows: Ragged, ids: np.ndarray) -> np.ndarray:
    """How many of each row's units have an id, int32. No row is empty."""
    found = np.empty(len(rows), np.int32)
    for first, units, lengths in rows.blocks():
        starts = np.cumsum(lengths) - lengths
        found[first : first + len(lengths)] = np.add.reduceat(ids[units] != UNK, starts, dtype=np.int32)
    return found


def _encoded_sources(corpus: Corpus, tokenizers: Tokenizers) -> tuple[Ragged, tuple[str, ...]]:
    """The ids of each sentence, where they cannot be told from single units; and the units that have none."""
    unknown: dict[str, None] = {}

    def rows() -> Iterator[Iterable[int]]:
        for units in corpus.source.texts():
            encoding = tokenizers.source.encode(tokenizers.source.separator.join(units))
            unknown.update(dict.fromkeys(encoding.unknown_texts))
            yield encoding.ids

    found, names = _kept(corpus, tokenizers, "source", rows, unknown)
    return found, tuple(names)


def _encoded_targets(corpus: Corpus, tokenizers: Tokenizers) -> Ragged:
    """The ids of each target, where a unit has several; a unit that the vocabulary lacks is one UNK."""
    target = tokenizers.target
    ids = {name: target.ids_of([name]) if target.has(name) else (UNK,) for name in corpus.target.names}

    def rows() -> Iterator[Iterable[int]]:
        return (chain.from_iterable(map(ids.__getitem__, units)) for units in corpus.target.texts())

    return _kept(corpus, tokenizers, "target", rows, ())[0]


def _kept(
    corpus: Corpus,
    tokenizers: Tokenizers,
    side: str,
    rows: Callable[[], Iterator[Iterable[int]]],
    unknown: Iterable[str],
) -> tuple[Ragged, list[str]]:
    """Rows of ids, and the units that have none; both from the cache if the corpus is in it.

    Args:
        side: whose ids they are, ``source`` or ``target``.
        rows: computes them, one sentence after the other.
        unknown: the units that have no id; complete when the last row has been computed.
    """

    def write(writer: RaggedWriter) -> Ragged:
        for row in rows():
            writer.append(row)
        return writer.finish()

    def build(directory: Path) -> dict[str, Any]:
        with (directory / "ids").open("w+b") as file:
            write(RaggedWriter(file)).lengths.astype(np.int32).tofile(directory / "lengths")
        return {"told": list(unknown)}

    def load(directory: Path, record: dict[str, Any]) -> tuple[Ragged, list[str]]:
        lengths = np.fromfile(directory / "lengths", np.int32)
        return Ragged((directory / "ids").open("rb"), lengths), record["told"]

    if not isinstance(corpus.pairs, StoredPairs):
        return write(RaggedWriter()), list(unknown)
    key = hashlib.sha256(f"{corpus.digest} {tokenizers.hash} {side}".encode("ascii")).hexdigest()[:32]
    return cache.entry(key, lambda record: True, build, load)
