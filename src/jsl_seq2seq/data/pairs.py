"""A sentence and what it stands for: how tags and words are written, and what may not be."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from ..errors import UserError
from ..settings import SPECIALS
from ..tokenize.tags import format_tags, parse_tags
from ..tokenize.units import CHAR, TAGS, Units, spelled
from .formats.base import Row

_NO_WORD = re.compile("[\\s\ud800-\udfff]")
_BRACKETS = "タグは < と > で囲みます。例: <私> <食べる>"


@dataclass(frozen=True)
class SentencePair:
    """A sentence, normalized, and the tags (or words) it stands for, without their brackets.

    Attributes:
        phenomenon: what the pair is an example of, if the file says; makes no difference to equality.
    """

    source: str
    tags: tuple[str, ...]
    phenomenon: str = field(default="", compare=False)


def pair_of(row: Row, units: Units, name: str, hint: str) -> SentencePair:
    """The pair in a row.

    Args:
        name: the file's, for messages.
        hint: how such a file is written.

    Raises:
        UserError: the row has no sentence, no tags, or something that is no tag; names file and line.
    """
    where = f"{name} の {row.line} 行目"
    source = spelled(row.source, units)
    if not source:
        raise UserError(f"{where}: {'日本語文' if units.source == CHAR else '元の文'}が空です。", hint)
    tags = _tags(row, where) if units.target == TAGS else _words(row, where)
    if not tags:
        raise UserError(f"{where}: タグがありません。", hint)
    reserved = next((tag for tag in tags if tag in SPECIALS), None)
    if reserved:
        raise UserError(
            f"{where}: {format_tags([reserved], units.target)} はプログラムが内部で使う名前です。",
            "別の名前のタグにしてください。",
        )
    return SentencePair(source, tags, row.phenomenon.strip())


def _tags(row: Row, where: str) -> tuple[str, ...]:
    items = (row.target,) if isinstance(row.target, str) else row.target
    bracketed = items if isinstance(row.target, str) else [_bracketed(item) for item in items]
    try:
        return tuple(tag for item in bracketed for tag in parse_tags(_without_surrogates(item)))
    except ValueError as error:
        plain = isinstance(row.target, str) and not {"<", ">"} & set(row.target)
        more = "（< > のない語の列なら --target-units words を付けます）" if plain else ""
        raise UserError(f"{where}{row.place}: タグとして読めません: {error}", _BRACKETS + more) from None


def _bracketed(item: str) -> str:
    """An item of a list, which has its brackets or not; anything odd is left for the parser to refuse."""
    item = item.strip()
    return item if item.startswith("<") else f"<{item}>"


def _without_surrogates(item: str) -> str:
    """Half a surrogate pair can be neither shown nor saved."""
    if any("\ud800" <= character <= "\udfff" for character in item):
        raise ValueError(ascii(item))
    return item


def _words(row: Row, where: str) -> tuple[str, ...]:
    words = row.target.split() if isinstance(row.target, str) else [item.strip() for item in row.target]
    wrong = next((word for word in words if not word or _NO_WORD.search(word)), None)
    if wrong is not None:
        raise UserError(
            f"{where}{row.place}: 語として読めません: {wrong!a}", "1 つの語に空白は入れられません。"
        )
    return tuple(unicodedata.normalize("NFC", word) for word in words)
