"""Numbers and their composed tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.corpus.figures import Figures
from jsl_seq2seq.corpus.lexicon import read_lexicon
from jsl_seq2seq.corpus.numbers import (
    LIMIT,
    counted_kana,
    decimal_kana,
    decimal_tags,
    digit_kana,
    digit_tags,
    kana_numeral,
    kanji_numeral,
    mixed_numeral,
    number_tags,
    positional_kanji,
)
from jsl_seq2seq.corpus.rng import Rng
from jsl_seq2seq.corpus.words import Words
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.tokenize import normalize


@pytest.mark.parametrize(
    ("number", "tags", "kanji", "kana"),
    [
        (0, "0", "〇", "ゼロ"),
        (1, "1", "一", "いち"),
        (10, "10", "十", "じゅう"),
        (11, "10 1", "十一", "じゅういち"),
        (24, "2 10 4", "二十四", "にじゅうよん"),
        (100, "百", "百", "ひゃく"),
        (365, "3 百 6 10 5", "三百六十五", "さんびゃくろくじゅうご"),
        (800, "8 百", "八百", "はっぴゃく"),
        (1000, "千", "千", "せん"),
        (3980, "3 千 9 百 8 10", "三千九百八十", "さんぜんきゅうひゃくはちじゅう"),
        (2025, "2 千 2 10 5", "二千二十五", "にせんにじゅうご"),
        (10000, "1 万", "一万", "いちまん"),
        (120000, "10 2 万", "十二万", "じゅうにまん"),
        (300000000, "3 億", "三億", "さんおく"),
        (10012345678, "百 億 千 2 百 3 10 4 万 5 千 6 百 7 10 8", None, None),
    ],
)
def test_numbers(number: int, tags: str, kanji: str | None, kana: str | None) -> None:
    assert number_tags(number) == tuple(tags.split())
    if kanji is not None and kana is not None:
        assert kanji_numeral(number) == kanji
        assert kana_numeral(number) == kana


def _value(tags: tuple[str, ...]) -> int:
    """Read composed tags back."""
    units = {"10": 10, "百": 100, "千": 1000}
    total = group = digit = 0
    for tag in tags:
        if tag in ("億", "万"):
            total += (group + digit) * (100_000_000 if tag == "億" else 10_000)
            group = digit = 0
        elif tag in units:
            group += (digit or 1) * units[tag]
            digit = 0
        else:
            digit = int(tag)
    return total + group + digit


@given(st.integers(0, LIMIT - 1))
def test_the_number_can_be_read_back(number: int) -> None:
    assert _value(number_tags(number)) == number


@pytest.mark.parametrize("number", [-1, LIMIT])
def test_out_of_range(number: int) -> None:
    for function in (number_tags, kanji_numeral, kana_numeral, mixed_numeral):
        with pytest.raises(UserError):
            function(number)


@pytest.mark.parametrize(
    ("number", "thousands", "written"),
    [
        (0, False, "0"),
        (1500, True, "1500"),
        (3000, True, "3千"),
        (3000, False, "3000"),
        (120_000_000, False, "1億2000万"),
        (50_000_000, True, "5千万"),
        (100_000_000, True, "1億"),
        (123_456_789, True, "1億2345万6789"),
    ],
)
def test_numbers_as_they_are_mostly_written(number: int, thousands: bool, written: str) -> None:
    assert mixed_numeral(number, thousands) == written


@pytest.mark.parametrize(
    ("text", "tags", "kana"),
    [
        ("3.5", "3 点 5", "さんてんご"),
        ("37.5", "3 10 7 点 5", "さんじゅうななてんご"),
        ("0.25", "0 点 2 5", "ゼロてんにご"),
        ("50", "5 10", "ごじゅう"),
    ],
)
def test_decimals(text: str, tags: str, kana: str) -> None:
    assert decimal_tags(text) == tuple(tags.split())
    assert decimal_kana(text) == kana


def test_digits_one_by_one() -> None:
    assert digit_tags("03-1234-5678") == tuple("0312345678")
    assert digit_kana("03-12") == "ゼロさんいちに"
    assert positional_kanji(2026) == "二〇二六"


@pytest.mark.parametrize(
    ("number", "kana"),
    [(1, "いっぷん"), (11, "じゅういっぷん"), (24, "にじゅうよんぷん"), (30, "さんじゅっぷん"),
     (300, "さんびゃっぷん"), (5, "ごふん"), (12, "じゅうにふん")],
)  # fmt: skip
def test_counters_change_their_sound(number: int, kana: str) -> None:
    special = {1: "いっぷん", 3: "さんぷん", 4: "よんぷん", 6: "ろっぷん", 8: "はっぷん", 10: "じゅっぷん"}
    assert counted_kana(number, "ふん", special) == kana


def test_native_readings_stop_at_ten() -> None:
    assert counted_kana(1, "にん", {1: "ひとり", 2: "ふたり", 4: "よにん"}) == "ひとり"
    assert counted_kana(21, "にん", {1: "ひとり", 2: "ふたり", 4: "よにん"}) == "にじゅういちにん"
    assert counted_kana(24, "にん", {1: "ひとり", 2: "ふたり", 4: "よにん"}) == "にじゅうよにん"


def _figures(kind: str, count: int = 400) -> dict[str, tuple[str, ...]]:
    figures = Figures(Words(read_lexicon(), Rng(1)))
    return {
        normalize(piece.kanji): piece.tags for piece in (figures.write(kind, "here") for _ in range(count))
    }


def test_the_clock() -> None:
    for text, tags in _figures("時刻").items():
        hour, minute = (int(part) for part in text.removeprefix("午前").removeprefix("午後").split(":"))
        minutes = (*number_tags(minute), "分") if minute else ()
        assert tags[-len(minutes) - 1 - len(number_tags(hour)) :] == (*number_tags(hour), "時", *minutes), (
            text
        )


def test_dates_phone_numbers_and_shares() -> None:
    for text, tags in _figures("日付").items():
        month, day = (int(part) for part in text.partition("(")[0].split("/"))
        date = tags[:-1] if "(" in text else tags
        assert date == (*number_tags(month), "月", *number_tags(day), "日"), text
    for text, tags in _figures("電話").items():
        assert tags == digit_tags(text), text
    for text, tags in _figures("百分率").items():
        assert tags == (*decimal_tags(text.removesuffix("%").removesuffix("パーセント")), "パーセント"), text


def test_unknown_notation() -> None:
    with pytest.raises(UserError, match="数字の書き方"):
        _figures("ローマ数字", 1)


def test_every_number_of_digits_is_equally_frequent() -> None:
    """1000 people must be as well known as 3 people: no size of number is rare."""
    words = Words(read_lexicon(), Rng(2))
    counter = next(w for w in words.lexicon.words if "人数大" in w.senses)
    sizes = [0] * 8
    for _ in range(3000):
        sizes[len(str(_value(words.number(counter, "here").tags[:-1])))] += 1
    assert min(sizes[1:8]) > 300
