"""Which reader reads what, and files whose pairs stay on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import SentencePair, corpus, is_large, overlap, parse_corpus, read_corpus
from jsl_seq2seq.data.corpus import StoredPairs, _Rows
from jsl_seq2seq.data.formats.format import MAX_LINE
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.tokenize import Tokenizers

from ..refusals import refused
from ..small_models import EIGHT_LINES

SAME = {
    "a.tsv": "# 注\nはい\t<はい>\n\nは い\t<OK> <はい>\t返事\nいいえ\t<いいえ>\nはい\t<はい>\nいいえ\t<OK>\n",
    "b.csv": "\ufeffsource,tags,phenomenon\nはい,<はい>\n\n"
    '"は\nい",<OK> <はい>,返事\nいいえ,<いいえ>\nはい,<はい>\nいいえ,<OK>\n',
    "c.jsonl": '{"source":"はい","tags":["はい"]}\n\n{"source":"は い","tags":["OK","はい"],"phenomenon":"返事"}\n'
    '{"source":"いいえ","tags":["いいえ"]}\n{"source":"はい","tags":["はい"]}\n{"source":"いいえ","tags":["OK"]}\n',
}


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as large."""
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)


def written(folder: Path, name: str) -> Path:
    (folder / name).write_text(SAME[name], encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("name", SAME)
def test_on_disk_as_in_memory(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, name)
    small = read_corpus(path)
    assert isinstance(small.pairs, tuple) and not is_large(path)
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    large = read_corpus(path)
    assert isinstance(large.pairs, StoredPairs) and is_large(path)
    assert small.digest == large.digest
    assert tuple(large.pairs) == large.pairs[:] == small.pairs
    assert [large.pairs[n] for n in range(len(large.pairs))] == list(small.pairs)
    assert large.pairs[-1] == small.pairs[-1] and large.pairs[1:3] == small.pairs[1:3]
    assert [pair.phenomenon for pair in large.pairs] == [pair.phenomenon for pair in small.pairs]
    assert (large.name, large.notes) == (small.name, small.notes)
    assert "1 回" in small.notes[0] and "（いいえ）" in small.notes[1]
    with pytest.raises(IndexError):
        large.pairs[len(large.pairs)]


def test_all_formats_say_the_same(tmp_path: Path) -> None:
    found = [read_corpus(written(tmp_path, name)).pairs for name in SAME]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 4


@pytest.mark.parametrize("name", ["a", "a.txt", "a.TSV", "a.b.c"])
def test_other_endings_are_tab_separated(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(EIGHT_LINES, encoding="utf-8")
    assert len(read_corpus(tmp_path / name).pairs) == 8


@pytest.mark.parametrize("name", ["表 1.xlsx", "a.XLS", "a.ods", "a.tsv.gz"])
def test_what_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    with refused(UserError, name, "CSV UTF-8"):
        read_corpus(tmp_path / name)


@pytest.mark.usefixtures("on_disk")
def test_a_file_that_changes_meanwhile_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "a.tsv")
    honest = corpus.pair_of

    def slow(*arguments: Any) -> SentencePair:
        os.utime(path, ns=(1, 1))
        return honest(*arguments)

    monkeypatch.setattr(corpus, "pair_of", slow)
    with refused(UserError, "書き換えられました", "a.tsv"):
        read_corpus(path)


@pytest.mark.usefixtures("on_disk")
def test_the_file_may_change_once_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv")
    pairs, expected = read_corpus(path).pairs, parse_corpus(SAME["a.tsv"], "x").pairs
    path.write_text("いいえ\t<いいえ>\n", encoding="utf-8")
    assert tuple(pairs) == expected and pairs[1] == expected[1]
    path.unlink()
    assert tuple(pairs) == expected


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"a\t<a>\n" + b"a" * (MAX_LINE + 1))
    with refused(UserError, "2 行目", "長すぎます"):
        read_corpus(tmp_path / "a.tsv")


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("content", [b"", b"# \n"])
def test_an_empty_file_is_refused_on_disk_too(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tsv").write_bytes(content)
    with refused(UserError, "1 つもありません"):
        read_corpus(tmp_path / "a.tsv")


@pytest.mark.usefixtures("on_disk")
def test_sentences_that_stand_in_two_files(tmp_path: Path) -> None:
    stored = read_corpus(written(tmp_path, "a.tsv")).pairs
    other = parse_corpus("ありがとう\t<a>\nいいえ\t<b>\n", "y").pairs
    assert overlap(stored, other) == overlap(other, stored)[:1] == ["いいえ"]
    assert overlap(stored, stored) == [pair.source for pair in stored]


@given(st.lists(st.tuples(st.sampled_from("あいう"), st.sampled_from("xyz"))))
def test_what_stands_more_than_once(rows: list[tuple[str, str]]) -> None:
    """Beside the plain way to find it."""
    index = _Rows(Tokenizers())
    for number, (source, tag) in enumerate(rows):
        index.add(number, SentencePair(source, (tag,)))
    again, contradictions = index.repeated()
    assert again.tolist() == [n for n, row in enumerate(rows) if row in rows[:n]]
    first = [next(n for n, other in enumerate(rows) if other[0] == source) for source, _ in rows]
    assert contradictions == [(first[n], n) for n, row in enumerate(rows) if rows[first[n]][1] != row[1]]


@pytest.mark.parametrize("limit", [0, 1 << 20], ids=["on disk", "in memory"])
@pytest.mark.parametrize("name", SAME)
def test_repetitions_can_be_kept(
    tmp_path: Path, name: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "IN_MEMORY", limit)
    path = written(tmp_path, name)
    for _ in range(2):  # from the cache, too
        every, distinct = read_corpus(path, repetitions=True), read_corpus(path)
        assert [pair.tags for pair in every.pairs] == [
            ("はい",),
            ("OK", "はい"),
            ("いいえ",),
            ("はい",),
            ("OK",),
        ]
        assert [pair.tags for pair in distinct.pairs] == [("はい",), ("OK", "はい"), ("いいえ",), ("OK",)]
        assert any("1 回くり返されています" in note for note in every.notes)
        assert any("1 つにまとめました" in note for note in distinct.notes)
        assert every.notes[1:] == distinct.notes[1:] and every.digest != distinct.digest
        assert len(every.source.rows) == 5
        assert len(every.lines) == 5 and len(distinct.lines) == 4
        assert set(distinct.lines) < set(every.lines)


def test_the_digest_is_that_of_older_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this fails, continuing an older model says that its data have changed."""
    golden = "9c89022ecee0b39564ae146ab69c90d6c00f5d8eda19180a9108c45df2d44ba3"
    assert parse_corpus(SAME["a.tsv"], "x").digest == golden
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    assert read_corpus(written(tmp_path, "b.csv")).digest == golden


def test_units_decide_how_a_sentence_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("Ｓtraße, 3½  km!\t<a>\n", encoding="utf-8")
    assert read_corpus(tmp_path / "a.tsv").pairs[0].source == "Straße、 31⁄2 km！"
    assert read_corpus(tmp_path / "a.tsv", Tokenizers.of("word")).pairs[0].source == "Ｓtraße, 3½ km!"
