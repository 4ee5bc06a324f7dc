"""Every text file that a user names is opened and read by one mechanism, with one set of errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from jsl_seq2seq.cli.corpus import corpus
from jsl_seq2seq.cli.serve import _token
from jsl_seq2seq.corpus.lexicon import read_lexicon
from jsl_seq2seq.data import read_corpus, read_starter_corpus
from jsl_seq2seq.data.formats.format import decoded, likely_encoding, read_lines
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.tokenize import CHARACTERS_AND_TAGS
from jsl_seq2seq.translate.dictionary import Dictionary

from ..refusals import refused

READERS: dict[str, Callable[[Path], object]] = {
    "データ": lambda path: read_corpus(path, CHARACTERS_AND_TAGS),
    "辞書": Dictionary.read,
    "語彙": read_lexicon,
    "文": lambda path: corpus(label=path),
    "トークン": _token,
}


@pytest.mark.parametrize("name", READERS)
def test_what_cannot_be_read(name: str, tmp_path: Path) -> None:
    read, path = READERS[name], tmp_path / "file.tsv"
    with refused(UserError, f"{name}のファイルがありません", str(path), code="data-missing", path=path):
        read(path)
    path.write_bytes("# 一\n".encode() + "# 手話の文\n".encode("cp932"))
    with refused(UserError, "2 行目", "Shift_JIS", code="not-utf8", line=2, encoding="cp932"):
        read(path)
    path.write_bytes(b"#" * (5 << 20))
    code = "data-too-large" if name == "トークン" else "line-too-long"
    with refused(UserError, str(path), "大きすぎ" if name == "トークン" else "長すぎ", code=code):
        read(path)


@pytest.mark.parametrize("encoding", ["iso-2022-jp", "utf-7", "hz"])
def test_japanese_in_bytes_of_ascii(encoding: str) -> None:
    """Of two kana and more, alone and in a row with tags; in a console of that encoding it is text."""
    tried = 0
    for pair in read_starter_corpus().pairs:
        for line in (pair.source, f"{pair.source}\t{' '.join(pair.tags)}"):
            raw = line.encode(encoding, "ignore")
            if 4 * len(re.findall("[ぁ-ヶ]", raw.decode(encoding))) < len(line):
                continue
            assert decoded(raw, encoding) == raw.decode(encoding)
            for other in ("utf-8", "cp932"):
                with pytest.raises(UnicodeDecodeError):
                    decoded(raw, other)
            found = likely_encoding(raw, first=False)
            assert found[1] == encoding and encoding.upper() in found[0]
            tried += 1
    assert tried > 100


@pytest.mark.parametrize(
    "text",
    [
        *("1+1=2", "C++", "A+B", "+81-90-1234-5678", "~{", "~{x~}", "x ~{1,2} y", "+MEI-", "\x1b[31m", "+"),
        *("sha384-SggXRQHwCG8g+DktYYzxkXRIkTiEYWBHqev0xnpCxYlqMBufKZHAHQ", "わたし+MEIwRDBf", "わたし~{8#~}"),
    ],
)
def test_text_that_is_what_it_is(text: str) -> None:
    assert decoded(text.encode()) == text


@pytest.mark.parametrize(
    "name", [name for name in READERS if name != "語彙"]
)  # of that a folder is read as one
def test_a_folder_is_no_file(name: str, tmp_path: Path) -> None:
    with refused(
        UserError, f"{name}のファイルを読めません", "フォルダー", code="data-not-read", path=tmp_path
    ):
        READERS[name](tmp_path)


def test_lines_and_the_largest_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("一\r\n\n二 \n三", encoding="utf-8-sig", newline="")
    size = path.stat().st_size
    assert read_lines(path, "文のファイル", size) == ["一", "", "二 ", "三"]
    with refused(UserError, "文のファイルが大きすぎます", code="data-too-large", limit=size - 1):
        read_lines(path, "文のファイル", size - 1)
