"""Corpus files with one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import Corpus, SentencePair, read_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.tokenize import Tokenizers

from ..refusals import refused

PAIR = SentencePair("はい、わかります", ("はい", "分かる"))


def read(
    folder: Path, content: str, tokenizers: Tokenizers | None = None, name: str = "データ 1.jsonl"
) -> Corpus:
    (folder / name).write_text(content, encoding="utf-8")
    return read_corpus(folder / name, tokenizers or Tokenizers())


@pytest.mark.parametrize(
    "line",
    [
        '{"source": "はい、わかります", "tags": ["はい", "分かる"]}',
        '{"日本語": "はい、わかります", "タグ": ["<はい>", " <分かる> "], "id": 3}',
        '{"text": "はい、わかります", "gloss": "<はい> <分かる>", "tags": null}',
        '{"source": "\\u306f\\u3044\\u3001わかります", "target": "はい 分かる"}',
    ],
    ids=["list", "brackets", "text", "no brackets"],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.JSONL", "a.ndjson", "a.json"])
def test_every_way_to_write_the_same(tmp_path: Path, line: str, name: str) -> None:
    corpus = read(tmp_path, f"\ufeff\n{line}\r\n\n", name=name)
    assert (corpus.pairs, corpus.notes) == ((PAIR,), ())


def test_a_phenomenon_is_kept(tmp_path: Path) -> None:
    corpus = read(tmp_path, '{"source": "はい", "tags": ["はい"], "phenomenon": "返事"}')
    assert corpus.pairs[0].phenomenon == "返事"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"source": "はい", "tags": ["はい"]', ("文字目", "JSON")),
        ('{"source": "はい" "tags": ["はい"]}', ("17 文字目",)),
        ('[{"source": "はい", "tags": ["はい"]}]', ("JSONL", "1 行に 1 文")),
        ("[" * 100_000, ("JSON",)),
        ('{"a": ' + "1" * 5000 + "}", ("JSON",)),
        ('{"tags": ["はい"]}', ("source、日本語、text",)),
        ('{"source": "はい"}', ("tags",)),
        ('{"source": "はい", "text": "はい", "tags": ["はい"]}', ("source、text",)),
        ('{"source": 3, "tags": ["はい"]}', ("source", "文字列")),
        ('{"source": "はい", "tags": {"はい": 1}}', ("タグ", "文字列の並び")),
        ('{"source": "はい", "tags": ["はい", 3]}', ("タグ", "文字列の並び")),
        ('{"source": "はい", "tags": []}', ("タグがありません",)),
        ('{"source": "", "tags": ["はい"]}', ("日本語文が空",)),
        ('{"source": "はい", "tags": ["は い"]}', ("タグとして読めません",)),
        ('{"source": "はい", "tags": [""]}', ("タグとして読めません",)),
        ('{"source": "はい", "tags": ["は<い"]}', ("タグとして読めません",)),
        ('{"source": "はい", "tags": ["\\ud800"]}', ("タグとして読めません", "ud800")),
        ('{"source": "はい", "tags": ["EOS"]}', ("<EOS>",)),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, named: Sequence[str]) -> None:
    with refused(UserError, "データ 1.jsonl", "2 行目", *named):
        read(tmp_path, '{"source": "いいえ", "tags": ["いいえ"]}\n' + line + "\n")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with refused(UserError, "1 つもありません", '{"source"'):
        read(tmp_path, "\n\n")


@pytest.mark.parametrize("target", ['["ICH", "GEHEN"]', '"ICH GEHEN"', '"ICH\\nGEHEN"'])
def test_words(tmp_path: Path, target: str) -> None:
    line = f'{{"source": "Ich gehe.", "gloss": {target}}}'
    assert read(tmp_path, line, Tokenizers.of("word", "words")).pairs == (
        SentencePair("Ich gehe.", ("ICH", "GEHEN")),
    )


@pytest.mark.parametrize("word", ["a b", "", "\\ud800"])
def test_impossible_words(tmp_path: Path, word: str) -> None:
    with refused(UserError, "1 行目", "語として読めません"):
        read(tmp_path, f'{{"source": "a", "gloss": ["x", "{word}"]}}', Tokenizers.of("word", "words"))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["source", "text", "tags", "gloss", "phenomenon"]), JSON))
def test_no_object_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, values: dict) -> None:
    try:
        corpus = read(tmp_path_factory.getbasetemp(), json.dumps(values))
    except UserError as error:
        assert "1 行目" in error.what
    else:
        assert corpus.pairs
