"""Corpus files, good and bad."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import SentencePair, overlap, parse_corpus, read_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.tokenize import format_tags, parse_tags
from jsl_seq2seq.tokenize.normalize import TAG

from ..refusals import refused

GOOD = "わたしはたべます\t<私> <食べる>\nありがとう\t<ありがとう>\n"
PAIRS = (SentencePair("わたしはたべます", ("私", "食べる")), SentencePair("ありがとう", ("ありがとう",)))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "データ 1.tsv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.rstrip("\n").encode(),
        ("# コメント\n\n   \n" + GOOD + "#\n").encode(),
        GOOD.replace(">\n", ">\t現象\n").encode(),
        GOOD.replace(">\n", "> \t \n").encode(),
        GOOD.replace("> <", "><").encode(),
        GOOD.replace("> <", ">\u3000<").encode(),
        GOOD.replace("が", "か\u3099").encode(),  # NFD on both sides
    ],
    ids=["plain", "BOM", "CRLF", "no-end", "comments", "third", "blanks", "close", "wide", "NFD"],
)
def test_every_way_to_write_the_same(tmp_path: Path, content: bytes) -> None:
    corpus = read_corpus(written(tmp_path, content))
    assert (corpus.pairs, corpus.notes) == (PAIRS, ())
    assert corpus.name.endswith("データ 1.tsv")


def test_one_row_is_a_corpus() -> None:
    assert parse_corpus("はい\t<はい>", "x").pairs == (SentencePair("はい", ("はい",)),)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("はい", "列が 1 個"),
        ("はい <はい>", "列が 1 個"),
        ("はい\t<はい>\t現象\tもう一つ", "列が 4 個"),
        ("\t<はい>", "日本語文が空"),
        ("\u3000\u200b\t<はい>", "日本語文が空"),
        ("はい\t\t現象", "タグがありません"),
        ("はい\tはい", "はい"),
        ("はい\t<はい", "<はい"),
        ("はい\t<はい> 食べる>", "食べる>"),
        ("はい\t<は い>", "<は"),
        ("はい\t<>", "<>"),
        ("はい\t<<はい>>", "<"),
        ("はい\t<EOS>", "<EOS>"),
        ("はい\t<はい> <PAD>", "<PAD>"),
        ("はい\t<SOS>", "<SOS>"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_broken_line_is_named(tmp_path: Path, line: str, named: str, end: str) -> None:
    content = f"はい\t<はい>{end}# 2 行目{end}{line}{end}はい\t<はい>{end}".encode()
    with refused(UserError, "データ 1.tsv", "3 行目", named):
        read_corpus(written(tmp_path, content))


def test_an_empty_target_at_the_end_of_a_line() -> None:
    with refused(UserError, "x の 1 行目"):
        parse_corpus("はい\t\n", "x")


@pytest.mark.parametrize("content", ["", "\n\n", "# だけ\n", "\ufeff"])
def test_an_empty_file_is_refused(content: str) -> None:
    with refused(UserError, "x", "1 つもありません"):
        parse_corpus(content, "x")


def test_shift_jis_is_recognised_and_the_line_named(tmp_path: Path) -> None:
    content = b"OK\t<OK>\n" + "はい\t<はい>\n".encode("cp932")
    with refused(UserError, "2 行目", "UTF-8", "cp932", "データ 1.tsv"):
        read_corpus(written(tmp_path, content))


def test_utf16_is_recognised(tmp_path: Path) -> None:
    with refused(UserError, "1 行目", "UTF-8", "UTF-16"):
        read_corpus(written(tmp_path, GOOD.encode("utf-16")))


def test_an_unknown_encoding_is_said(tmp_path: Path) -> None:
    with refused(UserError, "1 行目", "UTF-8", "EUC-JP", encoding="euc-jp"):
        read_corpus(written(tmp_path, GOOD.encode("euc-jp")))
    with refused(UserError, "1 行目", "UTF-8", "判別できません", encoding=None):
        read_corpus(written(tmp_path, "café\t<OK>\n".encode("latin-1")))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with refused(UserError, "ありません", "nothing.tsv"):
        read_corpus(tmp_path / "nothing.tsv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with refused(UserError, "読めません", tmp_path.name):
        read_corpus(tmp_path)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with refused(UserError, "読めません"):
        read_corpus(tmp_path / ("a" * 300))


def test_repetitions_become_one_and_are_counted() -> None:
    corpus = parse_corpus(GOOD + GOOD + "ありか\u3099とう\t<ありがとう>\n", "x")
    assert corpus.pairs == PAIRS
    assert len(corpus.notes) == 1 and "3 回" in corpus.notes[0]


def test_contradictions_are_kept_and_said() -> None:
    corpus = parse_corpus("はい\t<はい>\nいいえ\t<いいえ>\nはい\t<OK>\n", "x")
    assert len(corpus.pairs) == 3
    assert len(corpus.notes) == 1 and "1 行目と 3 行目（はい）" in corpus.notes[0]


def test_many_contradictions_are_not_all_listed() -> None:
    corpus = parse_corpus("".join(f"はい\t<{number}>\n" for number in range(9)), "x")
    assert corpus.notes[0].count("行目と") == 3 and "など" in corpus.notes[0]


TAGS = st.lists(st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]), min_size=1))


@given(TAGS)
def test_tags_come_back(tags: list[str]) -> None:
    tags = [tag for tag in tags if re.fullmatch(r"[^<>\s]+", TAG(tag))]
    parsed = parse_tags(format_tags(tags))
    assert len(parsed) == len(tags)
    assert parse_tags(format_tags(parsed)) == parsed


def test_tags_of_a_decomposed_spelling_are_the_same_tags() -> None:
    assert parse_tags("<か\u3099>") == ("が",)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        corpus = parse_corpus(text, "x")
    except UserError as error:
        assert "x" in error.what
    else:
        assert corpus.pairs


def test_sentences_that_stand_in_both() -> None:
    train = parse_corpus("はい\t<はい>\nいいえ\t<いいえ>\n", "x").pairs
    other = parse_corpus("ありがとう\t<ありがとう>\nは い\t<OK>\nいいえ\t<OK>\n", "y").pairs
    assert overlap(train, other) == ["いいえ"]
