"""The lexicon: what it must contain, and what it says about a broken file."""

from __future__ import annotations

import re
import shutil
from importlib import resources
from pathlib import Path

import pytest

from jsl_seq2seq.corpus import generate_pairs, read_lexicon
from jsl_seq2seq.errors import UserError

# fmt: off
REFERENCE = [
    "朝", "昼", "夜", "ありがとう", "お願い", "挨拶", "食べる", "飲む", "行く",
    "来る", "見る", "聞く", "言う", "寝る", "起きる", "歩く", "座る", "立つ",
    "読む", "書く", "やる", "いる", "家", "学校", "会社", "医", "駅", "公",
    "建物", "私", "あなた", "彼", "彼女", "これ", "それ", "悲しい", "辛い", "寒い",
    "暑い", "楽しい", "怖い", "面白い", "厳しい", "はい", "いいえ", "OK", "ダメ",
    "分かる", "分からない", "何", "なぜ", "原因", "どこ", "場所", "誰", "何時",
    "いくら", "千", "万", "億", "今", "明日", "昨日", "来週", "先週", "月",
    "日", "週", "年",
]
# fmt: on
"""The tags of the original; its numbers are composed and come from numbers.py."""


def test_reference_tags_and_size() -> None:
    lexicon = read_lexicon()
    missing = [tag for tag in REFERENCE if tag not in lexicon.tags and tag not in ("千", "万", "億")]
    assert not missing
    assert len(lexicon.tags) >= 3000


def test_words_that_sound_alike_are_not_written_in_kana() -> None:
    words = {word.spellings[0]: word for word in read_lexicon().words}
    assert words["講演"].kana == ()  # こうえん is 公園
    assert words["紙"].needs_context
    assert words["髪"].needs_context


def test_a_signer_can_correct_a_row(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    nouns = folder / "nouns.tsv"
    nouns.write_text(
        nouns.read_text(encoding="utf-8").replace("本 建物\t図書館", "図書館\t図書館"), encoding="utf-8"
    )
    assert "図書館" in read_lexicon(folder).tags


def test_a_file_of_rows_is_added(tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("盆栽\t盆栽\tぼんさい\t名\t物,買う物\t-\t-\n", encoding="utf-8")
    assert "盆栽" in read_lexicon(own).tags
    tags = {tag for pair in generate_pairs(8000, 1, lexicon=own) for tag in pair.tags}
    assert "盆栽" in tags


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("犬\t犬\tいぬ\t名\t動物", ("own.tsv の 2 行目", "列の数が 5")),
        ("犬\t犬\t\t名\t動物\t-\t-", ("own.tsv の 2 行目", "空の列")),
        ("犬\t犬\tいぬ\t名刺\t動物\t-\t-", ("own.tsv の 2 行目", "名刺")),
        ("<犬>\t犬\tいぬ\t名\t動物\t-\t-", ("own.tsv の 2 行目", "< >")),
        ("走る\t走\tはしる\t五段\t動作\t-\t-", ("own.tsv の 2 行目", "走")),
        ("走る\t走る\tはしる\t五段\t動作\tを犬\t-", ("own.tsv の 2 行目", "を犬")),
        ("走る\t走る\tはしる\t五段\t動作\tを:無い分類\t-", ("own.tsv の 2 行目", "無い分類")),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, row: str, words: tuple[str, ...]) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("# 自分の語\n" + row + "\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_lexicon(own)
    for word in words:
        assert word in caught.value.what
    assert caught.value.hint


def test_missing_folder_file_and_wrong_encoding(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ありません"):
        read_lexicon(tmp_path / "none.tsv")
    with pytest.raises(UserError, match=r"\.tsv"):
        read_lexicon(tmp_path)
    (tmp_path / "sjis.tsv").write_bytes("犬\t犬".encode("cp932"))
    with pytest.raises(UserError, match="UTF-8"):
        read_lexicon(tmp_path / "sjis.tsv")


def _copy(tmp_path: Path) -> Path:
    folder = tmp_path / "lexicon"
    with resources.as_file(resources.files("jsl_seq2seq") / "assets" / "lexicon") as packaged:
        shutil.copytree(packaged, folder)
    return folder


def test_a_word_has_one_tag_in_kana() -> None:
    """What only sounds alike keeps its kanji, unless the words around it decide (a trailing ! in the file)."""
    sounds: dict[str, set[tuple[str, ...]]] = {}
    for word in read_lexicon().words:
        if word.word_class == "名" and not word.needs_context:
            for reading in word.kana:
                sounds.setdefault(reading, set()).add(word.tags)
    assert not {reading for reading, tags in sounds.items() if len(tags) > 1}


def test_readings_are_kana() -> None:
    for word in read_lexicon().words:
        for reading in word.kana:
            assert re.fullmatch("[ぁ-ゖァ-ヶー、]*", reading), word.where


@pytest.mark.parametrize(
    ("spelling", "tags"),
    [
        ("ごめん", "すみません"), ("めっちゃ", "とても"), ("次回", "次"), ("今度", "次"), ("支払い", "払う"),
        ("父親", "父"), ("夕食", "夜 ご飯"), ("結果", "結果"), ("受け取る", "受け取る"), ("添付", "添付"),
        ("すべて", "全部"), ("だけど", "しかし"), ("ですから", "だから"), ("本日", "今日"),
    ],
)  # fmt: skip
def test_everyday_words_and_synonyms(spelling: str, tags: str) -> None:
    found = {word.tags for word in read_lexicon().words if spelling in word.spellings}
    assert tuple(tags.split()) in found
