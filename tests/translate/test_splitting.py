"""Where a text is cut into sentences."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.translate.translator import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("今日は寒い。明日は暑い。", ["今日は寒い。", "明日は暑い。"]),
        ("寒い！暑い！", ["寒い！", "暑い！"]),
        ("来る？来ない", ["来る？", "来ない"]),
        ("yes! no?", ["yes!", "no?"]),
        ("えっと…はい", ["えっと…", "はい"]),
        ("本当！？はい", ["本当！？", "はい"]),
        ("そう……。はい", ["そう……。", "はい"]),
        ("一行目\n二行目", ["一行目", "二行目"]),
        ("一行目\r\n\r\n二行目\u2028三行目", ["一行目", "二行目", "三行目"]),
        ("「行く。」と言った。はい。", ["「行く。」と言った。", "はい。"]),
        ("（え？『何。』）はい。いいえ", ["（え？『何。』）はい。", "いいえ"]),
        ("「行く。明日", ["「行く。", "明日"]),
        ("行く」。明日", ["行く」。", "明日"]),
        ("「行く。\n明日」。", ["「行く。", "明日」。"]),
        ("「（」。）。はい", ["「（」。）。", "はい"]),
        ("I go. You go.", ["I go.", "You go."]),
        ("3.5度です。", ["3.5度です。"]),
        ("example.jp を見る", ["example.jp を見る"]),
        ("3.14", ["3.14"]),
        ("はい。。。", ["はい。。。"]),
        ("はい。 ！", ["はい。 ！"]),
        ("。はい", ["。", "はい"]),
        ("  はい。  いいえ  ", ["はい。", "いいえ"]),
        ("", []),
        (" \n\u3000\t", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    found = split_sentences(text)
    assert [text[start:end] for start, end in found] == sentences


@given(st.text("あa。.！? 「」（）\n3", max_size=30))
def test_nothing_is_lost_and_nothing_comes_twice(text: str) -> None:
    found = split_sentences(text)
    kept = "".join(text[start:end] for start, end in found)
    assert "".join(kept.split()) == "".join(text.split())
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in found)
