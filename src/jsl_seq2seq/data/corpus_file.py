"""Reading corpus files: small ones into memory, large ones as an index of where each sentence stands."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import UserError
from ..tokenize import CHARACTERS_AND_TAGS, Tokenizers
from .formats.base import Format
from .formats.csv import CSV
from .formats.jsonl import JSONL
from .formats.lines import Lines
from .formats.tsv import TSV
from .index import Index, source_keys
from .pairs import SentencePair, pair_of
from .stored import Stamp, StoredPairs

IN_MEMORY = 8 << 20
"""Bytes. The pairs of a larger file stay on disk and are read when they are wanted."""

_FORMATS = {".csv": CSV, ".jsonl": JSONL, ".ndjson": JSONL, ".json": JSONL}
_NO_TEXT = (".xlsx", ".xls", ".ods", ".numbers", ".zip", ".gz", ".parquet")


@dataclass(frozen=True)
class Corpus:
    """What a corpus file holds.

    Attributes:
        name: where the pairs came from, for people to read.
        pairs: in file order, exact repetitions removed; on disk if the file is large.
        notes: what a user should know about the file and need not act on, in Japanese.
    """

    name: str
    pairs: Sequence[SentencePair]
    notes: tuple[str, ...] = ()


def read_starter_corpus() -> Corpus:
    """The small corpus that ships with the package."""
    data = resources.files("jsl_seq2seq") / "assets" / "starter.tsv"
    return parse_corpus(data.read_text(encoding="utf-8"), "付属の例文（starter.tsv）")


def read_corpus(path: Path, tokenizers: Tokenizers = CHARACTERS_AND_TAGS) -> Corpus:
    """Read a corpus file; its name's ending says how (.csv, .jsonl; everything else is tab-separated).

    Memory: all pairs of a file up to :data:`IN_MEMORY`; of a larger one about 60 bytes a line while it is
    read and 16 a sentence afterwards, whatever the sentences' lengths.

    Args:
        tokenizers: how sentences and tags are spelled; characters and tags unless given.

    Raises:
        UserError: the file cannot be read or a line cannot be understood; names file and line.
    """
    kind = _format_of(path)
    with _opened(path) as file:
        large = is_large(path)
        stamp = Stamp.of(file)
        index, pairs = Index(), []
        lines = Lines(file, str(path))
        rows = kind.start(lines)
        for row in rows(lines):
            pair = pair_of(row, tokenizers, lines.name, kind.hint)
            index.add(row, pair)
            if not large:
                pairs.append(pair)
        found: Sequence[SentencePair] = pairs
        if large:
            found = StoredPairs(path, stamp, rows, tokenizers, kind.hint, index.offsets(), index.sources())
    return _settled(str(path), found, index, kind.hint)


def is_large(path: Path) -> bool:
    """Whether the file's pairs stay on disk, and reading it takes a while."""
    try:
        return path.stat().st_size > IN_MEMORY
    except OSError:
        return False


def parse_corpus(text: str, name: str, tokenizers: Tokenizers = CHARACTERS_AND_TAGS) -> Corpus:
    """The pairs in a tab-separated file's text; ``name`` stands in messages. Raises UserError as above."""
    index, pairs = Index(), []
    for row in TSV.start(lines := Lines(io.BytesIO(text.encode("utf-8", "replace")), name))(lines):
        pairs.append(pair_of(row, tokenizers, name, TSV.hint))
        index.add(row, pairs[-1])
    return _settled(name, pairs, index, TSV.hint)


def overlap(train: Sequence[SentencePair], other: Sequence[SentencePair]) -> list[str]:
    """Sentences that stand in both, in ``other``'s order."""
    shared = np.isin(source_keys(other), source_keys(train))
    return [other[index].source for index in np.flatnonzero(shared).tolist()]


def _settled(name: str, pairs: Sequence[SentencePair], index: Index, hint: str) -> Corpus:
    """Without repetitions, and with what there is to say."""
    if not pairs:
        raise UserError(f"{name} に文が 1 つもありません。", hint)
    again, contradictions = index.repeated()
    notes = []
    if len(again):
        notes.append(f"{name}: 同じ行が {len(again)} 回くり返されていたので、1 つにまとめました。")
    if contradictions:
        listed = [
            f"{index.line(first)} 行目と {index.line(second)} 行目（{pairs[second].source}）"
            for first, second in contradictions[:3]
        ]
        shown = "、".join(listed) + ("など" if len(contradictions) > 3 else "")
        notes.append(f"{name}: 同じ文に違うタグが付いています: {shown}。どちらか一方しか正しく訳せません。")
    if isinstance(pairs, StoredPairs):
        return Corpus(name, pairs.without(again), tuple(notes))
    gone = set(again.tolist())
    return Corpus(name, tuple(pair for n, pair in enumerate(pairs) if n not in gone), tuple(notes))


def _format_of(path: Path) -> Format:
    ending = path.suffix.lower()
    if ending in _NO_TEXT:
        raise UserError(
            f"データのファイルとして読めない種類です: {path}",
            "TSV、CSV、JSONL のどれかにしてください（Excel では「CSV UTF-8」で保存します）。",
        )
    return _FORMATS.get(ending, TSV)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise UserError(
            f"データのファイルがありません: {path}", "ファイル名と、いまいるフォルダーを確かめてください。"
        ) from None
    except OSError as error:
        raise UserError(f"データのファイルを読めません: {path}（{error.strerror}）") from None
