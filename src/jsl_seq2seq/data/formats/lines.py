"""The lines of a UTF-8 file, one at a time, with where each begins and what to say when one is not UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from ...errors import UserError

MAX_LINE = 1 << 22
"""Bytes. Nobody's sentence is that long; a file without line ends must not fill the memory."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Lines(Iterator[str]):
    """Lines with their ends, a byte-order mark removed.

    Attributes:
        name: the file's, for messages.
        number: of the line that was read last, from 1.
        offset: in bytes, where the next line begins.

    Raises:
        UserError: on a line that is not UTF-8 or far too long.
    """

    def __init__(self, file: BinaryIO, name: str, offset: int = 0) -> None:
        self.name, self.number, self.offset = name, 0, offset
        self._file = file
        file.seek(offset)

    def __next__(self) -> str:
        raw = self._file.readline(MAX_LINE + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        if len(raw) > MAX_LINE:
            raise UserError(
                f"{self.name} の {self.number} 行目が長すぎます（{MAX_LINE:,} バイトまで）。",
                "1 行に 1 文ずつ書いてください。",
            )
        begin, self.offset = self.offset, self.offset + len(raw)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self._not_utf8(raw) from None
        return text if begin else text.removeprefix("\ufeff")

    def _not_utf8(self, raw: bytes) -> UserError:
        guess = "文字コードを判別できません。"
        if self.number == 1 and raw.startswith(_UTF16):
            guess = "UTF-16 のファイルのようです。"
        elif _looks_like_cp932(raw + self._file.read(1 << 16)):
            guess = "Shift_JIS（cp932）のファイルのようです。"
        return UserError(
            f"{self.name} の {self.number} 行目が UTF-8 ではありません。{guess}",
            "エディターで「UTF-8」を選んで保存し直してください（メモ帳では「名前を付けて保存」の文字コード欄、"
            "Excel では「CSV UTF-8」）。",
        )


def _looks_like_cp932(sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("cp932")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True
