"""Reading corpus files in one pass: small ones into memory, large ones into a cache that processes share."""

from __future__ import annotations

import hashlib
import io
import json
import os
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import UserError
from ..tokenize import CHARACTERS_AND_TAGS, Tokenizers
from ..version import __version__
from . import cache
from .formats import FORMATS, OTHERWISE, Format, Lines
from .formats.format import open_text
from .pairs import SentencePair, pair_of
from .ragged import LazySequence, Ragged, RaggedWriter

IN_MEMORY = 8 << 20
"""Bytes. What was read from a larger file is kept in a file, too."""

_NO_TEXT = (".xlsx", ".xls", ".ods", ".numbers", ".zip", ".gz", ".parquet")
_SIDES = ("source", "target", "phenomenon")
_LAYOUT = 3
"""Of a cache entry; another number whenever what is in one changes."""
_SHOWN = 3


@dataclass(frozen=True)
class Column:
    """One side of a corpus.

    Attributes:
        names: the units that occur, in the order in which they first do.
        rows: each row as indices into ``names``.
    """

    names: tuple[str, ...]
    rows: Ragged

    def texts(self) -> Iterator[list[str]]:
        """Each row's units, in one pass."""
        for _, ids, lengths in self.rows.blocks():
            units, end = [self.names[index] for index in ids.tolist()], 0
            for length in lengths.tolist():
                end += length
                yield units[end - length : end]

    def select(self, rows: np.ndarray) -> Column:
        """Only these rows: ascending indices."""
        return Column(self.names, self.rows.select(rows))

    def text(self, row: int) -> list[str]:
        """A row's units."""
        return [self.names[index] for index in self.rows[row].tolist()]


@dataclass(frozen=True)
class Corpus:
    """What a corpus file holds.

    Attributes:
        name: where the pairs came from, for people to read.
        pairs: in file order, exact repetitions removed unless they were to be kept; on disk if the file is large.
        source, target: the same as units (:meth:`.Tokenizer.units`): characters or words, and tags.
        notes: what a user should know about the file and need not act on, in Japanese.
        lines: where each pair stands in the file, from 1.
    """

    name: str
    pairs: Sequence[SentencePair]
    source: Column = field(repr=False, compare=False)
    target: Column = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()
    lines: Sequence[int] = field(default=(), repr=False, compare=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the pairs in order: whether two trainings saw the same data."""
        return self.pairs.digest if isinstance(self.pairs, StoredPairs) else _digest(self.pairs)


class StoredPairs(LazySequence[SentencePair]):
    """The pairs of a large file, put together from their units when they are asked for.

    Args:
        columns: source, target and phenomenon, the last as characters.
        separator: what stands between the source's units.

    Attributes:
        keys: of each pair's sentence, uint64; see :class:`_Rows`.
        digest: see :attr:`Corpus.digest`.
    """

    def __init__(self, columns: Sequence[Column], separator: str, keys: np.ndarray, digest: str = "") -> None:
        self._columns = columns
        self._separator, self.keys, self.digest = separator, keys, digest

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[SentencePair]:
        """One pass over the units."""
        return map(self._pair, *(column.texts() for column in self._columns))

    def _item(self, index: int) -> SentencePair:
        return self._pair(*(column.text(index) for column in self._columns))

    def _pair(self, source: list[str], target: list[str], phenomenon: list[str]) -> SentencePair:
        return SentencePair(self._separator.join(source), tuple(target), "".join(phenomenon))


def read_starter_corpus() -> Corpus:
    """The small corpus that ships with the package."""
    data = resources.files("jsl_seq2seq") / "assets" / "starter.tsv"
    return parse_corpus(data.read_text(encoding="utf-8"), "付属の例文（starter.tsv）")


def read_corpus(
    path: Path, tokenizers: Tokenizers = CHARACTERS_AND_TAGS, repetitions: bool = False
) -> Corpus:
    """Read a corpus file, once; its name's ending says how (:data:`.formats.FORMATS`).

    Memory: all pairs of a file up to :data:`IN_MEMORY`; of a larger one about 50 bytes a line while it is read
    and 45 a sentence afterwards, whatever the sentences' lengths. What was read from a larger file stays in a
    cache (:mod:`.cache`): another process, or the same command later, computes the digest of the file's bytes
    and takes it from there.

    Args:
        tokenizers: how sentences and tags are spelled and which units they have; their vocabularies make no
            difference.
        repetitions: whether a pair that stands in the file several times is read as often: in a test set every
            line counts, as in published figures.

    Raises:
        UserError: the file cannot be read or a line cannot be understood; names file and line.
    """
    kind = _format_of(path)
    if not is_large(path):
        with open_text(path) as file:
            return _collected(file, str(path), kind, tokenizers, repetitions)

    def build(directory: Path) -> dict[str, Any]:
        return _store(path, kind, tokenizers, directory, repetitions)

    def load(directory: Path, record: dict[str, Any]) -> Corpus:
        return _load(directory, record, str(path), tokenizers)

    return cache.entry(
        _key(path, tokenizers, repetitions), lambda record: record["data"] == _digest_of(path), build, load
    )


def is_large(path: Path) -> bool:
    """Whether what is read from the file is kept on disk, and reading it takes a while."""
    try:
        return path.stat().st_size > IN_MEMORY
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return False


def parse_corpus(text: str, name: str, tokenizers: Tokenizers = CHARACTERS_AND_TAGS) -> Corpus:
    """The pairs in a tab-separated file's text; ``name`` stands in messages. Raises UserError as above."""
    return _collected(io.BytesIO(text.encode("utf-8", "replace")), name, OTHERWISE, tokenizers)


def overlap(train: Sequence[SentencePair], other: Sequence[SentencePair]) -> list[str]:
    """Sentences that stand in both, in ``other``'s order."""
    shared = np.isin(sentence_keys(other), sentence_keys(train), kind="sort")
    return [other[index].source for index in np.flatnonzero(shared).tolist()]


class _Numbers(dict[str, int]):
    """Names and their numbers; a name that is asked for first gets the next one."""

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self)
        return number


class _Rows:
    """What one pass over a corpus collects: every row's units, its line, and keys by which equal sentences and
    equal tags are found again.

    A key is 64 bits of BLAKE2b. Two different sentences among a hundred million have the same one with a
    probability of 1 in 3,000; what that would do is drop one pair as a repetition, if its tags are equal too.

    Args:
        files: where the units of each side go; in memory unless given.
    """

    def __init__(self, tokenizers: Tokenizers, files: Sequence[BinaryIO | None] = (None, None, None)) -> None:
        self._units = tokenizers.source.units
        self._names = [_Numbers() for _ in _SIDES]
        self._writers = [RaggedWriter(file) for file in files]
        self._lines, self._sources, self._targets = array("I"), array("Q"), array("Q")

    def add(self, line: int, pair: SentencePair) -> None:
        """Add a row."""
        self._lines.append(line)
        self._sources.append(_key_of(pair.source))
        self._targets.append(_key_of("\x1f".join(pair.tags)))
        for units, names, writer in zip(
            (self._units(pair.source), pair.tags, pair.phenomenon), self._names, self._writers, strict=True
        ):
            writer.append(map(names.__getitem__, units))

    def line(self, position: int) -> int:
        """The line number of a row."""
        return self._lines[position]

    def lines(self) -> np.ndarray:
        """The line numbers of all rows, uint32."""
        return np.frombuffer(self._lines, np.uint32)

    def keys(self) -> np.ndarray:
        """Keys of the sentences, uint64."""
        return np.frombuffer(self._sources, np.uint64)

    def columns(self) -> list[Column]:
        """Source, target and phenomenon of all rows."""
        return [
            Column(tuple(names), writer.finish())
            for names, writer in zip(self._names, self._writers, strict=True)
        ]

    def repeated(self) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """What stands more than once.

        Returns:
            The rows that repeat an earlier one, ascending; and as pairs the row where a sentence stands first
            and each where it has other tags.
        """
        sources, targets = self.keys(), np.frombuffer(self._targets, np.uint64)
        order = np.lexsort((targets, sources))  # stable: equal rows stay in file order
        starts = np.ones(len(order) + 1, bool)
        starts[1:-1] = sources[order[1:]] != sources[order[:-1]]
        shared = np.flatnonzero(~(starts[:-1] & starts[1:]))  # sentences that stand once are done with
        rows, starts = order[shared], starts[shared]
        if not len(rows):
            return rows, []
        firsts = np.minimum.reduceat(rows, np.flatnonzero(starts))[np.cumsum(starts) - 1]
        other = targets[rows] != targets[firsts]
        contradictions = sorted(zip(rows[other].tolist(), firsts[other].tolist(), strict=True))
        again = ~starts[1:] & (targets[rows[1:]] == targets[rows[:-1]])
        return np.sort(rows[1:][again]), [(first, row) for row, first in contradictions]


@dataclass(frozen=True)
class _Repetitions:
    """What stands more than once, as far as it is said: lines are those of the file.

    Attributes:
        count: rows that repeat an earlier one.
        kept: whether these are among the pairs.
        contradictions: how often a sentence has other tags than where it stands first.
        shown: line, line and sentence of the first few of these.
    """

    count: int
    contradictions: int
    shown: Sequence[tuple[int, int, str]]
    kept: bool = False

    def notes(self, name: str) -> tuple[str, ...]:
        """In words."""
        notes = []
        if self.count:
            done = "います。くり返しも 1 行ずつ数えます。" if self.kept else "いたので、1 つにまとめました。"
            notes.append(f"{name}: 同じ行が {self.count} 回くり返されて{done}")
        if self.contradictions:
            listed = "、".join(
                f"{first} 行目と {second} 行目（{source}）" for first, second, source in self.shown
            )
            more = "など" if self.contradictions > len(self.shown) else ""
            notes.append(
                f"{name}: 同じ文に違うタグが付いています: {listed}{more}。どちらか一方しか正しく訳せません。"
            )
        return tuple(notes)


def _collected(file: BinaryIO, name: str, kind: Format, tokenizers: Tokenizers, keep: bool = False) -> Corpus:
    """The corpus in a file, in memory."""
    rows, pairs = _Rows(tokenizers), []
    for line, pair in _read(Lines(file, name), kind, tokenizers):
        rows.add(line, pair)
        pairs.append(pair)
    if not pairs:
        raise _nothing(name, kind.hint)
    again, contradictions = rows.repeated()
    shown = [(rows.line(a), rows.line(b), pairs[b].source) for a, b in contradictions[:_SHOWN]]
    repetitions = _Repetitions(len(again), len(contradictions), shown, keep)
    kept = np.arange(len(pairs)) if keep else np.delete(np.arange(len(pairs)), again)
    source, target, _ = (column.select(kept) for column in rows.columns())
    return Corpus(
        name,
        tuple(pairs[row] for row in kept.tolist()),
        source,
        target,
        repetitions.notes(name),
        tuple(rows.line(row) for row in kept.tolist()),
    )


def _store(path: Path, kind: Format, tokenizers: Tokenizers, directory: Path, keep: bool) -> dict[str, Any]:
    """Read the file into a cache entry. Raises OSError if that cannot be written."""
    digest, name = hashlib.sha256(), str(path)
    files = [(directory / f"{side}.ids").open("w+b") for side in _SIDES]
    try:
        rows = _Rows(tokenizers, files)
        with open_text(path) as file:
            before = os.fstat(file.fileno())
            for line, pair in _read(Lines(file, name, digest.update), kind, tokenizers):
                rows.add(line, pair)
            after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UserError(
                f"データのファイルが、読んでいるあいだに書き換えられました: {path}",
                "書き換えが終わってから、もう一度始めてください。",
                code="data-changed",
                path=path,
            )
        if not len(rows.keys()):
            raise _nothing(name, kind.hint)
        again, contradictions = rows.repeated()
        columns, separator, keys, lines = (
            rows.columns(),
            tokenizers.source.separator,
            rows.keys(),
            rows.lines(),
        )
        pairs = StoredPairs(columns, separator, keys)
        shown = [(rows.line(a), rows.line(b), pairs[b].source) for a, b in contradictions[:_SHOWN]]
        repetitions = _Repetitions(len(again), len(contradictions), shown, keep)
        for side, column in zip(_SIDES, columns, strict=True):
            column.rows.lengths.astype(np.int32).tofile(directory / f"{side}.lengths")
        if len(again) and not keep:
            kept = np.delete(np.arange(len(keys)), again)
            kept.tofile(directory / "kept")
            columns, keys, lines = [column.select(kept) for column in columns], keys[kept], lines[kept]
            pairs = StoredPairs(columns, separator, keys)
        keys.tofile(directory / "keys")
        lines.tofile(directory / "lines")
        return {
            "data": digest.hexdigest(),
            "digest": _digest(pairs),
            "names": [list(column.names) for column in columns],
            "repetitions": list(astuple(repetitions)),
        }
    finally:
        for file in files:
            file.close()


def _load(directory: Path, record: dict[str, Any], name: str, tokenizers: Tokenizers) -> Corpus:
    """The corpus in a cache entry, whose files stay open."""
    repetitions = _Repetitions(*record["repetitions"])
    dropped = repetitions.count and not repetitions.kept
    kept = np.fromfile(directory / "kept", np.int64) if dropped else None
    columns = []
    for side, names in zip(_SIDES, record["names"], strict=True):
        lengths = np.fromfile(directory / f"{side}.lengths", np.int32)
        rows = Ragged((directory / f"{side}.ids").open("rb"), lengths)
        column = Column(tuple(names), rows)
        columns.append(column if kept is None else column.select(kept))
    keys = np.fromfile(directory / "keys", np.uint64)
    pairs = StoredPairs(columns, tokenizers.source.separator, keys, record["digest"])
    source, target, _ = columns
    lines = array("I", np.fromfile(directory / "lines", np.uint32).tobytes())
    return Corpus(name, pairs, source, target, repetitions.notes(name), lines)


def _read(lines: Lines, kind: Format, tokenizers: Tokenizers) -> Iterator[tuple[int, SentencePair]]:
    for row in kind.rows(lines):
        yield row.line, pair_of(row, tokenizers, lines.name, kind.hint)


def _nothing(name: str, hint: str) -> UserError:
    return UserError(f"{name} に文が 1 つもありません。", hint, code="no-sentences", path=name)


def _digest(pairs: Sequence[SentencePair]) -> str:
    seen = hashlib.sha256()
    for number, pair in enumerate(pairs):
        seen.update(b", " if number else b"[")
        seen.update(json.dumps([pair.source, *pair.tags], ensure_ascii=True).encode("ascii"))
    seen.update(b"]")
    return seen.hexdigest()


def _key(path: Path, tokenizers: Tokenizers, keep: bool) -> str:
    """The name of the file's cache entry: everything but the data that what is read depends on."""
    sides = [(side.kind, side.normalizer) for side in (tokenizers.source, tokenizers.target)]
    values = [str(path.resolve()), sides, keep, _LAYOUT, __version__, unicodedata.unidata_version]
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()[:32]


def _digest_of(path: Path) -> str:
    """SHA-256 of the file's bytes."""
    with open_text(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key_of(text: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )


def sentence_keys(pairs: Sequence[SentencePair]) -> np.ndarray:
    """A hash of each pair's normalized sentence, uint64: the first 64 bits of BLAKE2b, the same on every machine.

    Those that are there already are not computed again.
    """
    if isinstance(pairs, StoredPairs):
        return pairs.keys
    return np.fromiter((_key_of(pair.source) for pair in pairs), np.uint64, len(pairs))


def _format_of(path: Path) -> Format:
    ending = path.suffix.lower()
    if ending in _NO_TEXT:
        raise UserError(
            f"データのファイルとして読めない種類です: {path}",
            "TSV、CSV、JSONL のどれかにしてください（Excel では「CSV UTF-8」で保存します）。",
            code="data-not-text",
            path=path,
        )
    return FORMATS.get(ending, OTHERWISE)
