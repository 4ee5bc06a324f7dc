"""Variants stay right: what is replaced in the sentence is replaced in the tag."""

from __future__ import annotations

from random import Random

import pytest

from jsl_seq2seq.corpus.augment import (
    Copied,
    copied_pieces,
    kanji,
    sprinkle,
    with_latin,
    with_number,
    with_slots,
)
from jsl_seq2seq.corpus.numbers import number_tags
from jsl_seq2seq.tokenize.tokenizer import SLOTS

TEXT = "市役所でマイナンバーカードを受け取りたいです"
TAGS = ("市", "役所", "+マイナンバーカード", "+受け取る", "たい")


def test_pieces_are_what_word_and_sentence_share() -> None:
    assert copied_pieces(TEXT, TAGS) == [Copied(2, 4, 9, True), Copied(3, 14, 3, False)]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("私は行く", ("私", "行く")),
        ("川と川を見る", ("+川", "+川", "見る")),
        ("来た", ("+くる",)),
        ("足す", ("+",)),
    ],
)
def test_no_piece_where_it_is_not_clear(text: str, tags: tuple[str, ...]) -> None:
    assert copied_pieces(text, tags) == []
    assert sprinkle(text, tags, Random(0)) is with_slots(text, tags, Random(0)) is None
    assert with_latin(text, tags, Random(0)) is None


@pytest.mark.parametrize("variant", [sprinkle, with_slots, with_latin])
def test_variants_share_the_same_pieces(variant) -> None:
    random = Random(1)
    for _ in range(50):
        found = variant(TEXT, TAGS, random)
        assert found is not None
        text, tags = found
        assert text != TEXT and tags[:2] == TAGS[:2] and tags[4:] == TAGS[4:]
        assert text.startswith("市役所で") and text.endswith("たいです")
        for tag in tags[2:4]:
            stem = tag[1:].removesuffix("る") if tag[1:] not in text else tag[1:]
            assert stem in text


def test_slots_are_used_in_order() -> None:
    random = Random(2)
    for _ in range(50):
        found = with_slots(TEXT, TAGS, random)
        assert found is not None
        used = [character for character in found[0] if character in SLOTS]
        assert used == sorted(used) and len(used) == len(set(used)) > 0
        assert sorted("".join(found[1]).count(slot) for slot in used) == [1] * len(used)


def test_every_slot_is_used() -> None:
    random = Random(3)
    texts = (with_slots(TEXT, TAGS, random) for _ in range(200))
    assert set(SLOTS) <= {character for found in texts if found is not None for character in found[0]}


def test_numbers_of_every_length() -> None:
    random, lengths = Random(4), set()
    for _ in range(100):
        found = with_number("駅に30人います", ("駅", "3", "10", "人", "いる"), random)
        assert found is not None
        text, tags = found
        written = text.removeprefix("駅に").removesuffix("人います")
        ten_thousands, _, rest = written.rpartition("万")
        number = int(ten_thousands or 0) * 10_000 + int(rest or 0)
        assert tags == ("駅", *number_tags(number), "人", "いる")
        lengths.add(len(str(number)))
    assert lengths == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("text", ["3時です", "1.5キロ", "電話は03-1234回", "駅です", "3人と3人"])
def test_no_other_number_where_it_is_not_clear(text: str) -> None:
    assert with_number(text, ("3", "人", "3", "人"), Random(0)) is None


def test_all_kanji_of_the_standard() -> None:
    assert len(kanji()) == len(set(kanji())) == 6355
    assert {"亜", "弌", "熙"} <= set(kanji())
