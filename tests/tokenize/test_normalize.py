"""One spelling for what looks the same."""

from __future__ import annotations

import itertools
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.tokenize import normalize, parse_tags
from jsl_seq2seq.tokenize.normalize import (
    FORMAT_1,
    JAPANESE,
    NFC,
    RADICALS,
    TAG,
    Normalizer,
    hiragana,
    kana_sibling,
    katakana,
)
from jsl_seq2seq.tokenize.tokenizer import CharTokenizer, TagTokenizer, Vocabulary

NASTY = st.sampled_from(
    "か \u3099\u309a\u309b\u309c\uff76\uff9e\uff9f\uffa0\u3164\u200d\u200b\ufe0f\u0000\u0085\u3000"
    ",.!?．，｡､\ud83d\udc68"
)
"""Characters that change each other's meaning, side by side more often than chance would have them."""

ANY_TEXT = st.text(st.one_of(NASTY, st.characters(codec=None, categories=None)))


def spelled(text: str) -> str:
    """The spelling of the vocabularies of format 1, in as few lines as possible. It may never change."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text).translate({0x309B: "\u3099", 0x309C: "\u309a"})
    text = re.sub(
        "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
        "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]",
        "",
        text,
    )
    text = unicodedata.normalize("NFKC", re.sub(r"．(?!\d)", "。", text))
    text = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", text)
    text = text.translate(str.maketrans({"!": "！", "?": "？", ",": "、"}))
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


@given(ANY_TEXT)
def test_the_spelling_is_that_of_format_1(text: str) -> None:
    assert FORMAT_1(text) == spelled(text)
    assert normalize(text) == JAPANESE(text) == spelled(text.translate(RADICALS))


@given(ANY_TEXT, st.sampled_from([JAPANESE, NFC]))
def test_offsets_are_those_of_the_text_as_written(text: str, normalizer: Normalizer) -> None:
    spelling, offsets = normalizer.with_offsets(text)
    assert spelling == normalizer(text) and len(offsets) == len(spelling)
    assert all(0 <= start < end <= len(text) for start, end in offsets)
    for (start, end), (next_start, next_end) in itertools.pairwise(offsets):
        assert start <= next_start and end <= next_end
        assert (start, end) == (next_start, next_end) or end <= next_start


@pytest.mark.parametrize("normalizer", [JAPANESE, NFC])
def test_offsets_of_every_character_in_any_company(normalizer: Normalizer) -> None:
    for code in (*range(0x3400), *range(0xF900, 0x10000), *range(0x10000, sys.maxunicode + 1, 37)):
        text = f"か{chr(code)}\u3099、{chr(code)}\u0301"
        spelling, offsets = normalizer.with_offsets(text)
        assert spelling == normalizer(text) and len(offsets) == len(spelling), hex(code)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("たべる", [("た", "た"), ("べ", "べ"), ("る", "る")]),
        ("\u3000あ\t い\r\n", [("あ", "あ"), (" ", "\t "), ("い", "い")]),
        ("か\u3099く", [("が", "か\u3099"), ("く", "く")]),
        ("か\u200d\u309bく", [("が", "か\u200d\u309b"), ("く", "く")]),
        ("\uff76\uff9e1,500", [("ガ", "\uff76\uff9e"), ("1", "1"), ("5", "5"), ("0", "0"), ("0", "0")]),
        ("½㌢", [("1", "½"), ("⁄", "½"), ("2", "½"), ("セ", "㌢"), ("ン", "㌢"), ("チ", "㌢")]),
        ("\ufeffＯＫ！\u200b", [("O", "Ｏ"), ("K", "Ｋ"), ("！", "！")]),
        ("각", [("각", "각")]),
        ("", []),
        (" \u3000", []),
    ],
)
def test_where_characters_stood(written: str, wanted: list[tuple[str, str]]) -> None:
    spelling, offsets = JAPANESE.with_offsets(written)
    assert [(c, written[start:end]) for c, (start, end) in zip(spelling, offsets, strict=True)] == wanted


def test_offsets_of_other_languages() -> None:
    text = "e\u0301te\u0301  la"
    spelling, offsets = NFC.with_offsets(text)
    assert spelling == NFC(text) == "été la"
    assert [text[start:end] for start, end in offsets] == ["e\u0301", "t", "e\u0301", "  ", "l", "a"]


@pytest.mark.parametrize("normalizer", [JAPANESE, NFC])
def test_no_step_changes_a_settled_text(normalizer: Normalizer) -> None:
    """Every settled character between two others, and all in one text; whatever is settled is only tested for."""
    settled = [c for c in map(chr, range(0x10000)) if normalizer.settled.fullmatch(c)]
    assert len(settled) > 20_000
    for text in ["".join(settled), "".join(f"か{c}カ" for c in settled), "".join(reversed(settled))]:
        changed = text
        for step in normalizer.steps:
            changed = step.plain(changed)
        assert changed == text == normalizer(text)


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


@pytest.mark.parametrize(
    "without",
    [("Cn", "Co"), pytest.param((), marks=pytest.mark.slow)],
    ids=["that Unicode assigns", "and all others"],
)
def test_every_character_is_stable_also_between_kana_and_voicing_mark(without: tuple[str, ...]) -> None:
    characters = [
        char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) not in without
    ]
    for start in range(0, len(characters), 128):
        block = "".join(f"か{char}\u3099、{char}" for char in characters[start : start + 128])
        assert FORMAT_1(block) == spelled(block)
        for normalizer in (JAPANESE, TAG):
            once = normalizer(block)
            assert normalizer(once) == once, block
        assert normalize(block) == spelled(block.translate(RADICALS)), block


@pytest.mark.parametrize(
    ("written", "wanted"),
    [("⻑い", "長い"), ("⺟", "母"), ("⼈", "人"), ("⻘", "青"), ("㇐", "一"), ("⻝べる", "食べる")],
)
def test_radicals_are_the_kanji_that_they_look_like(written: str, wanted: str) -> None:
    assert normalize(written) == TAG(written) == wanted
    assert parse_tags(f"<{written}>") == (wanted,)


def test_every_radical_has_its_kanji() -> None:
    """Of the two blocks that hold nothing but radicals; those that NFKC knows and those that it does not."""
    for code in (*range(0x2E80, 0x2EF4), *range(0x2F00, 0x2FD6)):
        if unicodedata.category(chr(code)) != "Cn" and code != 0x2E80:
            assert unicodedata.name(normalize(chr(code))).startswith("CJK UNIFIED IDEOGRAPH"), hex(code)


LOOKALIKES = [
    "食べる", "食\u200bべる", "\ufeff食べる", "食べる\ufe00",
    "⻝べる", "食\u00adべる", "\u2067食べる\u2069", "食へ\u3099る",
]  # fmt: skip


@pytest.mark.parametrize("written", LOOKALIKES, ids=ascii)
def test_what_looks_the_same_is_one_tag(written: str) -> None:
    assert parse_tags(f"<{written}>") == TagTokenizer().parse([written]) == ("食べる",)
    assert parse_tags("<ＯＫ> <ｶﾞ> <①>") == ("OK", "ガ", "1")


@pytest.mark.parametrize("written", ["\u200b", "＜", "a＞b", "\xa8", "\u3164"], ids=ascii)
def test_what_is_nothing_or_no_name_is_no_tag(written: str) -> None:
    with pytest.raises(ValueError, match=re.escape(ascii(f"<{written}>"))):
        parse_tags(f"<{written}>")


def test_vocabularies_of_earlier_releases_are_spelled_as_they_were() -> None:
    """Their entries could not be reached otherwise."""
    tags = TagTokenizer(Vocabulary(["OK", "ＯＫ"]))
    assert tags.parse("<ＯＫ> <OK>") == ("ＯＫ", "OK")
    assert tags.encode("<ＯＫ>").tokens == ("ＯＫ",)
    characters = CharTokenizer(Vocabulary(["⻑", "長"]))
    assert characters.encode("⻑長").tokens == ("⻑", "長")
    assert CharTokenizer(Vocabulary(["長"])).encode("⻑").tokens == ("長",)


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


def test_the_text_in_the_other_kana() -> None:
    assert hiragana("タなカさン、ヴーヶ漢a") == "たなかさん、ゔーゖ漢a"
    assert katakana("タなカさン、ゔーゖ漢a") == "タナカサン、ヴーヶ漢a"


@pytest.mark.parametrize("character", ["ー", "漢", "a", "、", "\u30f7", "\u3040", "\u3097"])
def test_no_sibling(character: str) -> None:
    assert kana_sibling(character) == character


MARKS = "\u0301\u0323\u3099\u309a\uff9e\u0345\u05b0"
"""Combining marks of several classes, and one that becomes a mark only when it is taken apart."""


@given(
    st.lists(
        st.tuples(st.sampled_from(["か", "a", "が", "\u0344", "ｶ", "가", " "]), st.text(MARKS, max_size=80)),
        max_size=6,
    )
)
def test_runs_of_combining_marks(pieces: list[tuple[str, str]]) -> None:
    """Idempotent with runs of any length, and offsets stay within the text and in order."""
    text = "".join(base + marks for base, marks in pieces)
    for normalizer in (JAPANESE, NFC):
        once, offsets = normalizer.with_offsets(text)
        assert once == normalizer(text) and normalizer(once) == once
        assert len(offsets) == len(once)
        assert list(offsets) == sorted(offsets) and all(0 <= a < b <= len(text) for a, b in offsets)


def test_alternating_marks_cost_no_more_than_other_characters() -> None:
    """400 kB in a time linear in their number: a quadratic one would run into the suite's limit."""
    text = "か" + "\u0301\u0323" * 100_000
    assert len(JAPANESE(text)) <= 40 and len(NFC(text)) <= 40
    assert len(JAPANESE.with_offsets(text)[0]) <= 40
    assert len(JAPANESE(("か" + "\u0301\u0323" * 20) * 5_000)) > 100_000
