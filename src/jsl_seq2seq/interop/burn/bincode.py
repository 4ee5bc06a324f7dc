"""bincode 2, standard configuration, as far as Burn uses it: little endian, integers of variable length.

An unsigned integer below 251 is one byte; 251, 252 and 253 announce 2, 4 and 8 bytes. A string is its length
and its UTF-8; an optional value is 0, or 1 and the value. A length is compared with the bytes that are left
before anything of that length is allocated.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from ...errors import Failure

_WIDTHS = {251: 2, 252: 4, 253: 8}


class Reader:
    """Reads one value after another from a position that moves on.

    Every method raises Failure, naming file, place and ``what`` was to be read, if the bytes do not hold it.

    Args:
        name: the file, for messages.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._content, self._name, self._position = content, name, 0

    def unsigned(self, what: str) -> int:
        """An unsigned integer, in the shortest of its spellings as every writer chooses it."""
        start = self._position
        first = self.take(1, what)[0]
        if first < 251:
            return first
        width = _WIDTHS.get(first)
        if width is None:
            self.fail(what, f"整数の始まりではないバイト {first} があります", start)
        value = int.from_bytes(self.take(width, what), "little")
        if value < (251 if width == 2 else 1 << (4 * width)):
            self.fail(what, "整数が最短の形で書かれていません", start)
        return value

    def text(self, what: str, longest: int) -> str:
        """A string of at most ``longest`` bytes."""
        start = self._position
        length = self.unsigned(what)
        if length > longest:
            self.fail(what, f"文字列の長さが {length} になっています", start)
        try:
            return self.take(length, what).decode("utf-8")
        except UnicodeDecodeError:
            self.fail(what, "文字列が UTF-8 ではありません", start)

    def flag(self, what: str) -> bool:
        """Whether an optional value follows."""
        value = self.take(1, what)[0]
        if value > 1:
            self.fail(what, f"0 か 1 のはずのバイトが {value} です", self._position - 1)
        return value == 1

    def take(self, count: int, what: str) -> bytes:
        """The next ``count`` bytes as they are."""
        left = len(self._content) - self._position
        if count > left:
            self.fail(what, f"あと {count} バイト必要ですが、{left} バイトしかありません")
        self._position += count
        return self._content[self._position - count : self._position]

    def finish(self) -> None:
        """Nothing may be left."""
        left = len(self._content) - self._position
        if left:
            self.fail("ファイルの終わり", f"読み終えたあとに {left} バイト余っています")

    def fail(self, what: str, why: str, position: int | None = None) -> NoReturn:
        """Raise Failure with ``position`` in it, or the byte that would be read next."""
        at = self._position if position is None else position
        raise Failure(
            f"{self._name} の {at} バイト目で、{what} を読めません: {why}。",
            "Burn 0.18 の BinFileRecorder（FullPrecisionSettings）で保存したファイルを、もう一度コピーしてください。",
            code="burn-record-invalid",
            path=Path(self._name),
            position=at,
            name=what,
            reason=why,
        )


class Writer:
    """The reverse of :class:`Reader`."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def unsigned(self, value: int) -> None:
        if value < 251:
            self._pieces.append(bytes([value]))
            return
        announced, width = next((tag, width) for tag, width in _WIDTHS.items() if value < 1 << (8 * width))
        self._pieces.append(bytes([announced]) + value.to_bytes(width, "little"))

    def text(self, value: str) -> None:
        content = value.encode("utf-8")
        self.unsigned(len(content))
        self.raw(content)

    def flag(self, value: bool) -> None:
        self._pieces.append(bytes([value]))

    def raw(self, content: bytes) -> None:
        self._pieces.append(content)

    def content(self) -> bytes:
        """Everything written so far."""
        return b"".join(self._pieces)
