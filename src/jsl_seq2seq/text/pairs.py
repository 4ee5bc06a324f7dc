"""Corpus files: one sentence and its tags a line.

    日本語文<TAB><タグ1> <タグ2> ...<TAB>現象（省略可）

UTF-8 with or without a byte-order mark, LF or CRLF; ``#`` starts a comment line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..config import SPECIALS
from ..errors import UserError
from .normalize import normalize

_TAG = re.compile(r"<([^<>\s]+)>")
_FORMAT = "1 行は「日本語文<TAB><タグ1> <タグ2> …」の形です（<TAB> はタブ文字）。"


@dataclass(frozen=True)
class SentencePair:
    """A sentence, normalized, and the tags it stands for, without their brackets."""

    source: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """What a corpus file holds.

    Attributes:
        name: where the pairs came from, for people to read.
        pairs: in file order, exact repetitions removed.
        notes: what a user should know about the file and need not act on, in Japanese.
    """

    name: str
    pairs: tuple[SentencePair, ...]
    notes: tuple[str, ...] = ()


def read_starter_corpus() -> Corpus:
    """The small corpus that ships with the package."""
    data = resources.files("jsl_seq2seq") / "data" / "starter.tsv"
    return parse_corpus(data.read_text(encoding="utf-8"), "付属の例文（starter.tsv）")


def read_corpus(path: Path) -> Corpus:
    """Read a corpus file.

    Raises:
        UserError: the file cannot be read or a line cannot be understood; names file and line.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"データのファイルがありません: {path}", "ファイル名と、いまいるフォルダーを確かめてください。"
        ) from None
    except OSError as error:
        raise UserError(f"データのファイルを読めません: {path}（{error.strerror}）") from None
    return parse_corpus(_decode(content, path), str(path))


def parse_corpus(text: str, name: str) -> Corpus:
    """The pairs in a corpus file's text; ``name`` stands in messages. Raises UserError as above."""
    pairs: dict[SentencePair, int] = {}
    first_line: dict[str, tuple[int, SentencePair]] = {}
    repeated = 0
    contradictions = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        pair = _parse_line(line, f"{name} の {number} 行目")
        repeated += pair in pairs
        pairs.setdefault(pair, number)
        known_line, known = first_line.setdefault(pair.source, (number, pair))
        if known.tags != pair.tags:
            contradictions.append(f"{known_line} 行目と {number} 行目（{pair.source}）")
    if not pairs:
        raise UserError(f"{name} に文が 1 つもありません。", _FORMAT)
    notes = []
    if repeated:
        notes.append(f"{name}: 同じ行が {repeated} 回くり返されていたので、1 つにまとめました。")
    if contradictions:
        shown = "、".join(contradictions[:3]) + ("など" if len(contradictions) > 3 else "")
        notes.append(f"{name}: 同じ文に違うタグが付いています: {shown}。どちらか一方しか正しく訳せません。")
    return Corpus(name, tuple(pairs), tuple(notes))


def parse_tags(text: str) -> tuple[str, ...]:
    """``"<私> <食べる>"`` -> ``("私", "食べる")``.

    Raises:
        ValueError: something in between is not a tag; the message names it.
    """
    left = _TAG.sub(" ", text).split()
    if left:
        raise ValueError(left[0])
    return tuple(unicodedata.normalize("NFC", tag) for tag in _TAG.findall(text))


def format_tags(tags: Iterable[str]) -> str:
    """``("私", "食べる")`` -> ``"<私> <食べる>"``."""
    return " ".join(f"<{tag}>" for tag in tags)


def overlap(train: Sequence[SentencePair], other: Sequence[SentencePair]) -> list[str]:
    """Sentences that stand in both, in ``other``'s order."""
    sources = {pair.source for pair in train}
    return [pair.source for pair in other if pair.source in sources]


def _parse_line(line: str, where: str) -> SentencePair:
    columns = line.rstrip("\t ").split("\t")
    if len(columns) not in (2, 3):
        raise UserError(f"{where}: タブで区切られた列が {len(columns)} 個あります。", _FORMAT)
    source = normalize(columns[0])
    if not source:
        raise UserError(f"{where}: 日本語文が空です。", _FORMAT)
    try:
        tags = parse_tags(columns[1])
    except ValueError as error:
        raise UserError(
            f"{where}: タグとして読めません: {error}", "タグは < と > で囲みます。例: <私> <食べる>"
        ) from None
    if not tags:
        raise UserError(f"{where}: タグがありません。", _FORMAT)
    reserved = sorted(set(SPECIALS) & set(tags))
    if reserved:
        raise UserError(
            f"{where}: <{reserved[0]}> はプログラムが内部で使う名前です。", "別の名前のタグにしてください。"
        )
    return SentencePair(source, tags)


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        try:
            content.decode("cp932")
        except UnicodeDecodeError:
            guess = "文字コードを判別できません。"
        else:
            guess = "Shift_JIS（cp932）のファイルのようです。"
        raise UserError(
            f"{path} の {line} 行目が UTF-8 ではありません。{guess}",
            "エディターで「UTF-8」を選んで保存し直してください（メモ帳では「名前を付けて保存」の文字コード欄）。",
        ) from None
