"""Lines as text, while they arrive."""

from __future__ import annotations

import pytest

from jsl_seq2seq.cli import lines


class Arriving:
    """A stream that gives its bytes in blocks of one size."""

    def __init__(self, content: bytes, size: int) -> None:
        self.content, self.size = content, size

    def read1(self, _: int) -> bytes:
        block, self.content = self.content[: self.size], self.content[self.size :]
        return block


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_lines_longer_than_any_sentence_are_skipped(
    monkeypatch: pytest.MonkeyPatch, size: int, end: bytes
) -> None:
    """Each stands as an error in its place, and nothing of it is kept."""
    monkeypatch.setattr(lines, "MAX_LINE", 12)
    written = [b"abc", b"x" * 13, b"", b"y" * 12, b"z" * 200, "かき".encode(), b"w" * 30]
    arriving = Arriving(b"\n".join(written) + end, size)
    found = [line for block in lines.line_blocks(arriving.read1, "標準入力", "utf-8") for line in block]
    wanted = ["abc", None, "", "y" * 12, None, "かき", None]
    assert [line if isinstance(line, str) else None for line in found] == wanted
    refused = [line for line in found if not isinstance(line, str)]
    assert [(one.code, one.line) for one in refused] == [("line-too-long", number) for number in (2, 5, 7)]
