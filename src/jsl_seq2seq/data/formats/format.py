"""What every corpus format comes down to: the lines of a UTF-8 file, and rows of a sentence and its target.

All other text files that a user names (dictionaries, sentences) are opened and read here, too: one set of errors.
"""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ...errors import UserError
from ...io.files import open_regular

SOURCE_NAMES = ("source", "日本語", "text")
TARGET_NAMES = ("target", "tags", "タグ", "gloss")
PHENOMENON_NAMES = ("phenomenon", "現象")
"""What a column (CSV) or key (JSONL) may be called."""
PUBLISHED_NAMES = (("translation", "orth"),)
"""What published corpora call the columns of the sentence and of its target: RWTH-PHOENIX-Weather 2014 T. Each counts
as a pair, where no column has one of the names above."""

MAX_LINE = 1 << 22
"""Bytes. No sentence is that long; a file without line ends must not fill the memory."""

_JAPANESE = re.compile("[ぁ-ヶ\uff61-\uff9f]")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ISO_2022 = re.compile(rb"\x1b(\$|\([IJ])")
"""How characters that are not ASCII begin in ISO-2022-JP and its relatives."""


def open_text(path: Path, what: str = "データのファイル") -> io.BufferedReader:
    """A file that a user has named, open for reading bytes.

    Args:
        what: the file, in Japanese.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    try:
        return open_regular(path)
    except FileNotFoundError:
        raise UserError(
            f"{what}がありません: {path}",
            "ファイル名と、いまいるフォルダーを確かめてください。",
            code="data-missing",
            path=path,
        ) from None
    except OSError as error:
        raise not_read(path, error, what) from None


def not_read(path: Path, error: OSError, what: str = "データのファイル") -> UserError:
    """The error of a file that a user has named and that cannot be read."""
    return UserError(
        f"{what}を読めません: {path}（{error.strerror}）",
        "名前と、ファイルの権限を確かめてください。",
        code="data-not-read",
        path=path,
        reason=error.strerror,
    )


def read_lines(path: Path, what: str, limit: int) -> list[str]:
    """The lines of a UTF-8 file that a user has named, without their ends.

    Args:
        what: the file, in Japanese.
        limit: bytes of the largest file that is read.

    Raises:
        UserError: there is none, it is too large or cannot be read, or a line is not UTF-8 or far too long.
    """
    with open_text(path, what) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise UserError(
                f"{what}が大きすぎます: {path}",
                f"{limit:,} バイトまでです。分けるか、不要な行を消してください。",
                code="data-too-large",
                path=path,
                limit=limit,
            )
        return [line.rstrip("\r\n") for line in Lines(file, str(path))]


class Lines(Iterator[str]):
    """Lines with their ends, a byte-order mark removed.

    Args:
        seen: called with the bytes of each line.

    Attributes:
        name: the file's, for messages.
        number: of the line that was read last, from 1.

    Raises:
        UserError: on a line that is not UTF-8 or far too long.
    """

    def __init__(self, file: BinaryIO, name: str, seen: Callable[[bytes], object] = lambda _: None) -> None:
        self.name, self.number = name, 0
        self._file, self._seen = file, seen

    def __next__(self) -> str:
        try:
            raw = self._file.readline(MAX_LINE + 1)
        except OSError as error:
            raise UserError(
                f"データのファイルを読めなくなりました: {self.name}（{error.strerror}）",
                code="data-not-read",
                path=self.name,
                reason=error.strerror,
            ) from None
        if not raw:
            raise StopIteration
        self.number += 1
        self._seen(raw)
        if len(raw) > MAX_LINE:
            raise line_too_long(self.name, self.number)
        try:
            text = decoded(raw)
        except UnicodeDecodeError:
            raise not_utf8(
                f"{self.name} の {self.number} 行目",
                raw + self._file.read(1 << 16),
                "エディターで「UTF-8」を選んで保存し直してください（メモ帳では「名前を付けて保存」の文字コード欄、"
                "Excel では「CSV UTF-8」）。",
                first=self.number == 1,
                path=self.name,
                line=self.number,
            ) from None
        return text.removeprefix("\ufeff") if self.number == 1 else text

    def error(self, what: str, hint: str, *, code: str, line: int | None = None, **facts: Any) -> UserError:
        """An error about a line, the last one unless another is given; ``what`` follows its name."""
        number = self.number if line is None else line
        return UserError(
            f"{self.name} の {number} 行目{what}", hint, code=code, path=self.name, line=number, **facts
        )


class Row(NamedTuple):
    """One pair as a file spells it.

    Attributes:
        line: the first line it stands on, from 1.
        target: as one text, or taken apart already.
        column, column_name: where in the row the target stands, from 1; 0 and empty if that is plain to see.
    """

    line: int
    source: str
    target: str | tuple[str, ...]
    phenomenon: str = ""
    column: int = 0
    column_name: str = ""


class Format(NamedTuple):
    """How a kind of file is read.

    Attributes:
        hint: how one writes such a file, in Japanese.
        rows: the rows of a file, from its beginning. Raises UserError for what is no row.
    """

    hint: str
    rows: Callable[[Lines], Iterator[Row]]


def decoded(raw: bytes, encoding: str = "utf-8") -> str:
    """The text that bytes are in an encoding.

    Raises:
        UnicodeDecodeError: they are none, or are ASCII and seem to be in another encoding (:func:`_in_ascii`).
        LookupError: there is no such encoding.
    """
    if (found := _in_ascii(raw)) and _family(found[1]) != _family(encoding):
        raise UnicodeDecodeError(encoding, raw, 0, len(raw), found[0])
    return raw.decode(encoding)


def _spaced(name: str) -> str:
    """A name in front of kana: with a blank behind letters, without behind a bracket."""
    return name + " " if name[-1].isascii() else name


def _in_ascii(raw: bytes) -> tuple[str, str] | None:
    """What an encoding that writes Japanese in bytes of ASCII alone, so that it is UTF-8 by accident, is called, and
    the encoding's name; ``None`` if a line seems to be in none.

    Of 21 million lines of programs and their documents, certificates and keys included, none seems to be.
    """
    if b"\x1b" in raw and _ISO_2022.search(raw):
        return "ISO-2022-JP（JIS）", "iso-2022-jp"
    for name, encoding, mark in (("UTF-7", "utf-7", b"+"), ("HZ", "hz", b"~{")):
        if mark in raw and raw.isascii() and _is_japanese(_text_of(raw, encoding, whole=True)):
            return name, encoding
    return None


def _family(encoding: str) -> str:
    """``iso2022`` for iso-2022-jp and its relatives, whatever they are called."""
    return codecs.lookup(encoding).name.partition("_")[0]


def _text_of(raw: bytes, encoding: str, whole: bool = False) -> str:
    """The text that bytes are, whose end may be in the middle of a character unless they are the ``whole``; empty if
    they are none."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(raw, whole)
    except UnicodeDecodeError:
        return ""


def _is_japanese(text: str) -> bool:
    """Whether so much of it is kana that no other bytes would give it by chance."""
    return max(2, len(text) / 4) <= len(_JAPANESE.findall(text))


def line_too_long(name: str, number: int) -> UserError:
    """The error of a line of more than :data:`MAX_LINE` bytes.

    Args:
        name: of what it stands in, for messages.
        number: from 1.
    """
    return UserError(
        f"{name} の {number} 行目が長すぎます（{MAX_LINE:,} バイトまで）。",
        "1 行に 1 文ずつにしてください。",
        code="line-too-long",
        path=name,
        line=number,
        limit=MAX_LINE,
    )


def not_utf8(
    where: str,
    sample: bytes,
    hint: str = "UTF-8 に変えてから渡してください。",
    *,
    first: bool,
    **facts: Any,
) -> UserError:
    """The error of text that is not UTF-8, with the encoding that it seems to be in.

    Args:
        where: what is in another encoding, in Japanese.
        sample, first: as for :func:`likely_encoding`.
    """
    guess, encoding = likely_encoding(sample, first)
    return UserError(
        f"{where}が UTF-8 ではありません。{guess}", hint, code="not-utf8", encoding=encoding, **facts
    )


def likely_encoding(sample: bytes, first: bool) -> tuple[str, str | None]:
    """What bytes that are not UTF-8 seem to be, in Japanese, and the encoding's name. For people: no text is read so.

    Args:
        sample: from the beginning of a line; its end may be in the middle of a character.
        first: whether the line is the first one.
    """
    if first and sample.startswith(_UTF16):
        return "UTF-16 のようです。", "utf-16"
    if found := _in_ascii(sample.partition(b"\n")[0]):
        return f"{_spaced(found[0])}のようです。", found[1]
    for name, encoding in (("Shift_JIS（cp932）", "cp932"), ("EUC-JP", "euc-jp")):
        text = _text_of(sample, encoding)
        # EUC-JP read as Shift_JIS is half-width kana nearly throughout, which nobody writes
        if 2 * len(_HALF_WIDTH.findall(text)) <= len(text) and _JAPANESE.search(text):
            return f"{_spaced(name)}のようです。", encoding
    for encoding in ("utf-16-le", "utf-16-be") if first else ():
        if _is_japanese(_text_of(sample, encoding)):
            return "UTF-16 のようです。", encoding
    return "文字コードを判別できません。", None
