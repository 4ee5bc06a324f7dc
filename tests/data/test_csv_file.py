"""Comma-separated corpus files, as spreadsheets and programs write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import Corpus, SentencePair, read_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.tokenize import Tokenizers, format_tags, normalize, parse_tags

from ..refusals import refused

PAIRS = (SentencePair("はい、わかります", ("はい", "分かる")), SentencePair("ありがとう", ("ありがとう",)))


def read(
    folder: Path, content: str | bytes, tokenizers: Tokenizers | None = None, name: str = "データ 1.csv"
) -> Corpus:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_corpus(path, tokenizers or Tokenizers())


@pytest.mark.parametrize(
    "content",
    [
        'source,tags\n"はい、わかります",<はい> <分かる>\nありがとう,<ありがとう>\n',
        "日本語,タグ\r\nはい、わかります,<はい> <分かる>\r\nありがとう,<ありがとう>\r\n",
        "text;gloss\nはい、わかります;<はい> <分かる>\nありがとう;<ありがとう>",
        "text|gloss\nはい、わかります|<はい> <分かる>\nありがとう|<ありがとう>",
        "name|video|orth|translation\na|a/*.png|<はい> <分かる>|はい、わかります\nb|b/*.png|<ありがとう>|ありがとう\n",
        "translation,source,target,orth\nxyz,はい、わかります,<はい> <分かる>,X\nxyz,ありがとう,<ありがとう>,\n",
        "Source\tTarget\nはい、わかります\t<はい><分かる>\nありがとう\t<ありがとう>\n",
        "id,tags,source\n1,<はい> <分かる>,はい、わかります\n\n2,<ありがとう>,ありがとう\n,,\n",
        'source,tags,現象\nはい、わかります,"<はい>\n<分かる>",返事\nありがとう,<ありがとう>\n',
        "source,tags,,\nはい、わかります,<はい> <分かる>,,\nありがとう,<ありがとう>,,\n",
    ],
    ids=[
        "commas",
        "Japanese names, CRLF",
        "semicolons",
        "bars",
        "as PHOENIX-2014T",
        "our names come first",
        "tabs",
        "other columns",
        "newline",
        "empty columns",
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_every_way_to_write_the_same(tmp_path: Path, content: str, mark: str) -> None:
    corpus = read(tmp_path, mark + content)
    assert (corpus.pairs, corpus.notes) == (PAIRS, ())


def test_a_phenomenon_is_kept(tmp_path: Path) -> None:
    corpus = read(tmp_path, "source,tags,phenomenon\nはい,<はい>,返事\nいいえ,<いいえ>,\n")
    assert [pair.phenomenon for pair in corpus.pairs] == ["返事", ""]


def test_quotes_commas_and_formulas(tmp_path: Path) -> None:
    content = 'source,tags\n"彼は""はい"", と","<a,b> <""> <;>"\n=1+2,<=> <+> <-> <@>\n'
    assert read(tmp_path, content).pairs == (
        SentencePair('彼は"はい"、 と', ("a,b", '"', ";")),
        SentencePair("=1+2", ("=", "+", "-", "@")),
    )


def test_the_delimiter_is_not_guessed_from_the_sentences(tmp_path: Path) -> None:
    assert read(tmp_path, "source;tags\na, b, c;<x>\n").pairs[0].tags == ("x",)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("はい,<はい>\n", ("1 行目", "列の名前", "はい,<はい>", "source", "タグ")),
        ("source,訳\nはい,<はい>\n", ("1 行目", "列の名前")),
        ("translation|gloss\nはい|<はい>\n", ("1 行目", "列の名前")),
        ("source,text,tags\nはい,はい,<はい>\n", ("1 行目", "source、text")),
        ("source,tags\nはい\n", ("2 行目", "列が 1 個", "1 行目は 2 個")),
        ("source,tags\nはい,<はい>\nはい、え,え,<はい>\n", ("3 行目", "列が 3 個", '"')),
        ("source,tags\nはい,\n", ("2 行目", "タグがありません")),
        ("source,tags\n ,<はい>\n", ("2 行目", "日本語文が空")),
        ("source,tags\nはい,はい\n", ("2 行目", "2 列目", "tags", "--target-units words")),
        ("source,tags\nはい,<はい\n", ("2 行目", "2 列目", "<はい")),
        ("source,tags\nはい,<EOS>\n", ("2 行目", "<EOS>")),
        ('source,tags\n"は\nい",<はい>\n"はい,<はい>\nいいえ,<いいえ>\n', ("4 行目", "閉じていません")),
        ('source,tags\n"はい"え,<はい>\n', ("2 行目", "CSV", '閉じた "')),
        ('source,tags\n"' + "あ" * 200_000 + '",<はい>\n', ("2 行目", "閉じていません")),
        ("source,tags\n", ("1 つもありません",)),
        ("", ("列の名前",)),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str, named: Sequence[str]) -> None:
    with refused(UserError, "データ 1.csv", *named):
        read(tmp_path, content)


def test_shift_jis_is_recognised(tmp_path: Path) -> None:
    content = b"source,tags\n" + "はい,<はい>\n".encode("cp932")
    with refused(UserError, "2 行目", "cp932", "CSV UTF-8"):
        read(tmp_path, content)


def test_repetitions_and_contradictions_name_their_lines(tmp_path: Path) -> None:
    corpus = read(tmp_path, 'source,tags\n"は\nい",<a>\n"は\nい",<a>\nは い,<b>\n')
    assert len(corpus.pairs) == 2
    assert "1 回" in corpus.notes[0] and "2 行目と 6 行目" in corpus.notes[1]


def is_tag(text: str) -> bool:
    """Whether it still is one tag as vocabularies spell it: a bare cedilla begins with a space then."""
    try:
        return len(parse_tags(f"<{text}>")) == 1
    except ValueError:
        return False


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
TAG = TEXT.map(lambda text: "".join(text.split()).translate({ord("<"): None, ord(">"): None})).filter(bool)


@given(
    st.lists(st.tuples(TEXT, st.lists(TAG, min_size=1, max_size=4)), min_size=1, max_size=8),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_what_a_program_writes_comes_back(
    rows: list[tuple[str, list[str]]], delimiter: str, end: str, quoted: bool
) -> None:
    rows = [(text, tags) for text, tags in rows if normalize(text)]
    rows = [row for row in rows if not {"PAD", "SOS", "EOS"} & set(row[1]) and all(map(is_tag, row[1]))]
    if not rows:
        return
    written = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["source", "tags"])
    writer.writerows([text, format_tags(tags)] for text, tags in rows)
    with TemporaryDirectory() as folder:
        found = read(Path(folder), "\ufeff" + written.getvalue()).pairs
    expected = [SentencePair(normalize(text), parse_tags(format_tags(tags))) for text, tags in rows]
    assert list(found) == list(dict.fromkeys(expected))


@given(st.text(st.sampled_from('a,;\t"\n\r<>　')))
def test_no_text_breaks_the_reader(text: str) -> None:
    with TemporaryDirectory() as folder:
        try:
            corpus = read(Path(folder), "source,tags\n" + text)
        except UserError as error:
            assert "データ 1.csv" in error.what
        else:
            assert corpus.pairs
