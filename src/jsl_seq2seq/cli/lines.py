"""Lines of standard input or of a file as text, while they arrive."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

from ..data.formats.format import MAX_LINE, decoded, line_too_long, not_utf8
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
    number, begun, decode = 0, bytearray(), _LineDecoder(encoding, name)
    while block := read(_BLOCK):
        first, *others = block.split(b"\n")
        begun += first[: max(0, MAX_LINE + 1 - len(begun))]  # one more tells that it is too long
        if not others:
            continue
        ended = [bytes(begun), *others[:-1]]
        yield [decode(line, place) for place, line in enumerate(ended, start=number + 1)]
        number, begun = number + len(ended), bytearray(others[-1])
    if begun:
        yield [decode(bytes(begun), number + 1)]


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
        """A line without its end; an error if it is too long, or not in the encoding of those before it.

        Raises:
            UserError: all lines before are ASCII, and this one is in no encoding that is possible.
        """
        if len(line) > MAX_LINE:
            return line_too_long(self._name, number)
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
        error = not_utf8(
            f"{self._name} の {number} 行目", line, first=number == 1, path=self._name, line=number
        )
        if not self._decided:
            raise error
        return error
