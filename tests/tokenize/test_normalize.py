"""One spelling for what looks the same."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.tokenize import normalize
from jsl_seq2seq.tokenize.normalize import kana_sibling

NASTY = st.sampled_from(
    "か \u3099\u309a\u309b\u309c\uff76\uff9e\uff9f\uffa0\u3164\u200d\u200b\ufe0f\u0000\u0085\u3000"
    ",.!?．，｡､\ud83d\udc68"
)
"""Characters that change each other's meaning, side by side more often than chance would have them."""

ANY_TEXT = st.text(st.one_of(NASTY, st.characters(codec=None, categories=None)))


@given(ANY_TEXT)
def test_twice_is_once(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@given(ANY_TEXT)
def test_the_result_can_always_be_written(text: str) -> None:
    once = normalize(text)
    once.encode("utf-8")
    assert once == once.strip()
    assert "  " not in once
    assert all(unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") for character in once)


def test_every_character_is_stable_also_between_kana_and_voicing_mark() -> None:
    for start in range(0, sys.maxunicode + 1, 128):
        block = "".join(f"か{chr(code)}\u3099、{chr(code)}" for code in range(start, start + 128))
        once = normalize(block)
        assert normalize(once) == once, hex(start)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("か\u3099", "が"),  # decomposed, as macOS stores file names
        ("か\u309b", "が"),  # the free-standing mark, as people type it
        ("は\u309c", "ぱ"),
        ("は\u309a", "ぱ"),
        ("\uff76\uff9e\uff77\uff9f", "ガキ\u309a"),  # half-width; キ has no semi-voiced form
        ("\uff70\uff61\uff64", "ー。、"),
        ("\uff2f\uff2b１２", "OK12"),
        ("はい!", "はい！"),
        ("はい？", "はい？"),
        ("はい,いいえ", "はい、いいえ"),
        ("はい，いいえ．", "はい、いいえ。"),
        ("３．５です．", "3.5です。"),
        ("3.5", "3.5"),
        ("葛\U000e0100", "葛"),  # ideographic variation selector
        ("\u2764\ufe0f", "\u2764"),  # emoji variation selector
        ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),  # joined with ZWJ
        ("か\uffa0\u3099", "が"),  # a filler nobody sees
        ("か\u3164", "か"),
        ("\U00020bb7野屋", "\U00020bb7野屋"),  # beyond 16 bits
        ("\ud842", "\ufffd"),  # half of it
        ("あ\u3000\t い\r\n", "あ い"),
        ("\x00あ\x00", "あ"),
        ("\ufeffあ", "あ"),
        ("\u202eあ\u202c", "あ"),
        ("", ""),
        (" \u3000\t", ""),
    ],
)
def test_spelling(written: str, wanted: str) -> None:
    assert normalize(written) == wanted


@given(st.text(st.characters(min_codepoint=0x3041, max_codepoint=0x3093)))
def test_ordinary_hiragana_stays(text: str) -> None:
    assert normalize(text) == text


@pytest.mark.parametrize(
    ("one", "other"), [("た", "タ"), ("が", "ガ"), ("ぁ", "ァ"), ("ん", "ン"), ("ゖ", "ヶ"), ("ゔ", "ヴ")]
)
def test_kana_siblings(one: str, other: str) -> None:
    assert (kana_sibling(one), kana_sibling(other)) == (other, one)


@pytest.mark.parametrize("character", ["ー", "漢", "a", "、", "\u30f7", "\u3040", "\u3097"])
def test_no_sibling(character: str) -> None:
    assert kana_sibling(character) == character
