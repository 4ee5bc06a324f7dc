"""Numbers and their composed tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.corpus.numbers import LIMIT, kana_numeral, kanji_numeral, mixed_numeral, number_tags
from jsl_seq2seq.errors import UserError


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
