"""Lines of standard input or of a file as text, while they arrive."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

from ..data.formats.format import MAX_LINE, decoded, likely_encoding
from ..errors import UserError

_BLOCK = 1 << 20
"""Bytes that are read at once, if as many are there."""

Line = str | UserError
"""A line, or why it cannot be read."""


def line_blocks(read: Callable[[int], bytes], name: str, encoding: str) -> Iterator[list[Line]]:
    """Blocks of complete lines as soon as they arrive, so that a program may write one line and read its translation.

    A line of more than :data:`~jsl_seq2seq.data.formats.format.MAX_LINE` bytes gives an error in its place; what is
    read of it behind so many bytes is not kept.

    Args:
        read: returns the bytes that are there, at most so many; empty at the end.
        name: of the source, in Japanese.
        encoding: the one that is possible besides UTF-8.

    Raises:
        UserError: they are in an encoding that is neither.
    """
    number, size, decode = 0, 0, _LineDecoder(encoding, name)
    begun: list[bytes] = []  # of the line that has not ended
    while block := read(_BLOCK):
        first, *others = block.split(b"\n")
        size += len(first)
        if size <= MAX_LINE:
            begun.append(first)
        if not others:
            continue
        line = b"".join(begun)
        arrived = [decode(line, number + 1) if size <= MAX_LINE else _too_long(name, number + 1)]
        for place, line in enumerate(others[:-1], start=number + 2):
            arrived.append(decode(line, place) if len(line) <= MAX_LINE else _too_long(name, place))
        number += len(others)
        yield arrived
        begun, size = [others[-1]], len(others[-1])
    if size:
        yield [decode(b"".join(begun), number + 1) if size <= MAX_LINE else _too_long(name, number + 1)]


def _too_long(name: str, number: int) -> UserError:
    return UserError(
        f"{name} の {number} 行目が長すぎます（{MAX_LINE:,} バイトまで）。",
        "1 行に 1 文ずつ渡してください。",
        code="line-too-long",
        line=number,
        limit=MAX_LINE,
    )


class _LineDecoder:
    """Decodes all lines in one encoding: that in which the first line that is not ASCII can be decoded, UTF-8 before
    the console's. A line that is in another is an error: in any other encoding, its bytes are other sentences.

    Args:
        console: the encoding that the system has declared for standard input.
        name: of the source, in Japanese.
    """

    def __init__(self, console: str, name: str) -> None:
        self._name = name
        self._possible = list(dict.fromkeys(["utf-8", console.lower()]))
        self._decided = False

    def __call__(self, line: bytes, number: int) -> Line:
        """A line without its end; an error if it is not in the encoding of those before it.

        Raises:
            UserError: all lines before are ASCII, and this one is in no encoding that is possible.
        """
        line = line.rstrip(b"\r")
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        for encoding in self._possible:
            try:
                text = decoded(line, encoding)
            except (UnicodeDecodeError, LookupError):
                continue
            if not line.isascii():
                self._possible, self._decided = [encoding], True
            return text
        guess, encoding = likely_encoding(line, first=number == 1)
        error = UserError(
            f"{self._name} の {number} 行目が UTF-8 ではありません。{guess}",
            "UTF-8 に変えてから渡してください。",
            code="not-utf8",
            path=self._name,
            line=number,
            encoding=encoding,
        )
        if not self._decided:
            raise error
        return error
