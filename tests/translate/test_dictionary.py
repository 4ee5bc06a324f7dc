"""The user's own words: where they stand in a text, what a file may hold, and that they win."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.store import save_model
from jsl_seq2seq.store.verification import verify
from jsl_seq2seq.translate.dictionary import Dictionary, Entry, drop_entry, keep_entry
from jsl_seq2seq.translate.translator import Translator

from ..refusals import refused
from ..small_models import OPEN_LINES, trained_open, trained_small, translator_of


def found(words: list[str], text: str) -> list[tuple[str, str]]:
    """Each match: what stands in the text, and the entry's word."""
    matches = Dictionary(Entry(word, ("x",)) for word in words).matches(text)
    return [(text[one.start : one.end], one.entry.word) for one in matches]


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("予防接種", "予防接種を受けた", "予防接種"),
        ("予防接種", "予防の接種", None),
        ("お祝い", "お祝いをした", "お祝い"),
        ("受け取る", "受け取る", "受け取る"),
        ("受け取る", "荷物を受け取らなかった", "受け取"),
        ("受け取る", "受け取った", "受け取"),
        ("受け取る", "受け取れます", "受け取"),
        ("受け取る", "受け取ろう", "受け取"),
        ("受け取る", "受け取。", None),
        ("書く", "書いています", "書"),
        ("書く", "書類", None),
        ("泳ぐ", "泳いだ", "泳"),
        ("話す", "話した", "話"),
        ("待つ", "待ってください", "待"),
        ("死ぬ", "死んだ", "死"),
        ("遊ぶ", "遊ばない", "遊"),
        ("飲む", "飲んだら", "飲"),
        ("洗う", "洗わないで", "洗"),
        ("隠れる", "隠れてください", "隠れ"),
        ("隠れる", "隠れ家", None),
        ("救い清める", "選手は救い清めにきます", "救い清め"),
        ("救い清める", "救い清めに", None),
        ("救い清める", "お救い清めになる", "救い清め"),
        ("隠れる", "隠れ続けた", "隠れ"),
        ("隠れる", "隠れつづけた", "隠れ"),
        ("隠れる", "隠れ始める", "隠れ"),
        ("隠れる", "隠れはじめる", "隠れ"),
        ("隠れる", "隠れ終わる", "隠れ"),
        ("隠れる", "隠れおわる", "隠れ"),
        ("隠れる", "隠れ過ぎる", "隠れ"),
        ("隠れる", "隠れ直した", "隠れ"),
        ("隠れる", "隠れ切った", "隠れ"),
        ("隠れる", "隠れ方", "隠れ"),
        ("隠れる", "隠れかた", "隠れ"),
        ("ラグい", "ラグくないと聞いた", "ラグ"),
        ("ググる", "あとでググった", "ググ"),
        ("ダサい", "来てくださいました", None),
        ("ホテル", "ホテらない", None),
        ("美しい", "美しかった", "美し"),
        ("美しい", "美しくない", "美し"),
        ("美しい", "美しければ", "美し"),
        ("予約する", "予約しました", "予約"),
        ("予約する", "予約できます", "予約"),
        ("予約する", "予約の人", None),
        ("さる", "さらに", None),
        ("さる", "さるがいる", "さる"),
        ("ワクチン", "わくちんを打つ", "わくちん"),
        ("わくちん", "ワクチンを打つ", "ワクチン"),
        ("ワクチン", "ﾜｸﾁﾝを打つ", "ﾜｸﾁﾝ"),
        ("Wi-Fi", "Ｗｉ-Ｆｉです", "Ｗｉ-Ｆｉ"),
    ],
)
def test_where_a_word_stands(word: str, text: str, expected: str | None) -> None:
    assert found([word], text) == ([(expected, word)] if expected else [])


def test_the_longest_wins_and_none_overlap() -> None:
    words = ["市", "市役所", "役所", "所長"]
    assert found(words, "市役所長と市役所と市") == [("市役所", "市役所"), ("市役所", "市役所"), ("市", "市")]
    assert found(words, "役所長") == [("役所", "役所")]
    assert found([], "市役所") == []


def test_of_equal_words_the_last_counts(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tsv", tmp_path / "other.tsv"
    one.write_text("# 説明\n\n市\t<都市>\n市\t<町>\n村\t<村>\r\n", encoding="utf-8-sig")
    other.write_text("村\t<田舎> <場所>\n", encoding="utf-8")
    read = Dictionary.read(one, other)
    assert {entry.word: entry.tags for entry in read.entries} == {"市": ("町",), "村": ("田舎", "場所")}
    assert len(read) == 2
    assert [entry.where for entry in read.entries] == [f"{one} の 4 行目", f"{other} の 1 行目"]


@pytest.mark.parametrize(
    ("content", "line", "words", "code"),
    [
        ("市\t<都市>\n村 <村>\n".encode(), 2, "タブがありません", "dictionary-line"),
        ("\t<都市>\n".encode(), 1, "言葉がありません", "dictionary-line"),
        ("# 説明\n市\t\n".encode(), 2, "タグがありません", "dictionary-line"),
        ("市\t<都市> 町\n".encode(), 1, "町", "dictionary-line"),
        ("市\t<都市>\n".encode("utf-16"), 1, "UTF-8", "not-utf8"),
        ("村\t<村>\n".encode() + "市\t<都市>\n".encode("cp932"), 2, "UTF-8", "not-utf8"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, content: bytes, line: int, words: str, code: str) -> None:
    path = tmp_path / "words.tsv"
    path.write_bytes(content)
    with refused(UserError, f"{path} の {line} 行目", words, code=code, line=line):
        Dictionary.read(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with refused(UserError, "nothing.tsv", code="data-missing"):
        Dictionary.read(tmp_path / "nothing.tsv")
    with refused(UserError, code="data-not-read"):
        Dictionary.read(tmp_path)


def with_words(**words: str) -> Translator:
    entries = [Entry(word, tuple(tags.split())) for word, tags in words.items()]
    return Translator(trained_open(), choose_backend("ndarray"), dictionary=Dictionary(entries))


@pytest.mark.parametrize(
    ("text", "tags", "spans"),
    [
        ("ありがとう", ("感謝", "する"), [(0, 5), (0, 5)]),
        ("本を受け取りました", ("もらう",), [(2, 5)]),
        ("コーヒーを飲む。ありがとう", ("感謝", "する"), [(8, 13), (8, 13)]),
        ("アリガトウ", ("感謝", "する"), [(0, 5), (0, 5)]),
    ],
)
@pytest.mark.parametrize("beam", [1, 3])
def test_an_entry_wins_and_is_named(
    text: str, tags: tuple[str, ...], spans: list[tuple[int, int]], beam: int
) -> None:
    translator = with_words(ありがとう="感謝 する", 受け取る="もらう")
    translation = translator.translate(text, beam=beam)
    marked = [
        (tag, detail)
        for tag, detail in zip(translation.tags, translation.details, strict=True)
        if detail.entry is not None
    ]
    assert tuple(tag for tag, _ in marked) == tags
    assert [detail.span for _, detail in marked] == spans
    assert all(detail.known for _, detail in marked)
    entries = [one["entry"] for one in translation.to_dict()["tags"] if "entry" in one]
    assert entries == [detail.entry for _, detail in marked]


def test_a_thousand_entries_are_honoured_and_change_nothing_else() -> None:
    letters = "亜唖娃阿哀愛挨姶逢葵"  # none of which the model has seen
    words = ["".join(three) for three in itertools.product(letters, repeat=3)]
    entries = [Entry(word, (f"T{number}",)) for number, word in enumerate(words)]
    translator = Translator(trained_open(), choose_backend("ndarray"), dictionary=Dictionary(entries))
    assert translator.dictionary and len(translator.dictionary) == 1000
    texts = [f"{word}を飲む" for word in words]
    for number, translation in enumerate(translator.translate_batch(texts)):
        assert translation.tags.count(f"T{number}") == 1, translation
    plain = translator_of(trained_open())
    others = [line.split("\t")[0] for line in OPEN_LINES.splitlines()]
    assert translator.translate_batch(others) == plain.translate_batch(others)


def test_more_words_than_slots_are_said() -> None:
    translation = with_words(龍="竜", 虎="とら").translate("龍と虎と龍")
    assert [detail.entry for detail in translation.details if detail.entry] == ["龍", "虎"]
    assert "使わなかった言葉: 「龍」" in translation.warnings[0] and translation.uncertain


def test_a_model_without_open_words_refuses(tmp_path: Path) -> None:
    with refused(UserError, "--dictionary", code="dictionary-without-open-words"):
        Translator(
            trained_small(), choose_backend("ndarray"), dictionary=Dictionary([Entry("市", ("都市",))])
        )
    assert (
        Translator(trained_small(), choose_backend("ndarray"), dictionary=Dictionary())
        .translate("ありがとう")
        .tags
    )


def test_words_are_kept_beside_a_model(tmp_path: Path) -> None:
    directory, file = tmp_path / "m", tmp_path / "m" / "dictionary.tsv"
    save_model(trained_open(), directory)
    keep_entry(directory, "龍", "<竜>")
    file.write_text("# 自分の言葉\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    keep_entry(directory, " 虎 ", "<とら>  <動物>")
    keep_entry(directory, "龍", "<ドラゴン>")
    assert file.read_text(encoding="utf-8") == "# 自分の言葉\n虎\t<とら> <動物>\n龍\t<ドラゴン>\n"
    found = verify(directory)
    assert found.sound and not found.notes
    save_model(trained_open(), directory)
    assert file.exists()
    translator = Translator.load(directory, backend="ndarray")
    assert translator.translate("龍を飲む").tags[0] == "ドラゴン"
    given = tmp_path / "given.tsv"
    given.write_text("龍\t<竜>\n", encoding="utf-8")
    for dictionary in (given, str(given), [given], Dictionary([Entry("龍", ("竜",))])):
        loaded = Translator.load(directory, backend="ndarray", dictionary=dictionary)
        assert loaded.translate("龍を飲む").tags[0] == "竜"
    assert drop_entry(directory, "龍") and not drop_entry(directory, "龍")
    assert file.read_text(encoding="utf-8") == "# 自分の言葉\n虎\t<とら> <動物>\n"


@pytest.mark.parametrize(
    ("word", "tags", "code"),
    [
        ("", "<都市>", "dictionary-line"),
        ("市", "", "dictionary-line"),
        ("市", "都市", "dictionary-line"),
        ("市\t町", "<都市>", "dictionary-word"),
        ("市\n町", "<都市>", "dictionary-word"),
        ("#市", "<都市>", "dictionary-word"),
        ("市\ud800", "<都市>", "dictionary-word"),
        ("市", "<都\udfff市>", "dictionary-word"),
    ],
)
def test_what_could_not_be_read_again_is_not_kept(tmp_path: Path, word: str, tags: str, code: str) -> None:
    with refused(UserError, code=code):
        keep_entry(tmp_path, word, tags)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_dictionary_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "dictionary.tsv"
    file.write_text("市 <都市>\n", encoding="utf-8")
    with refused(UserError, code="dictionary-line", line=1):
        keep_entry(tmp_path, "村", "<村>")
    assert file.read_text(encoding="utf-8") == "市 <都市>\n"


def test_a_full_disk_leaves_the_dictionary_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_entry(tmp_path, "龍", "<竜>")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with refused(Failure, code="save-failed"):
        keep_entry(tmp_path, "虎", "<とら>")
    assert (tmp_path / "dictionary.tsv").read_text(encoding="utf-8") == "龍\t<竜>\n"
    assert not list(tmp_path.glob("*.new"))
