"""Variants stay right: what is replaced in the sentence is replaced in the tag."""

from __future__ import annotations

from random import Random

import pytest

from jsl_seq2seq.corpus.augment import (
    Copied,
    NounSwapper,
    copied_pieces,
    kanji,
    sprinkle,
    with_latin,
    with_number,
    with_slots,
)
from jsl_seq2seq.corpus.lexicon import read_lexicon
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


@pytest.fixture(scope="module")
def nouns() -> NounSwapper:
    return NounSwapper(read_lexicon(), ["百葉箱", "ミトン"])


def test_a_noun_gives_way_in_sentence_and_tags(nouns: NounSwapper) -> None:
    random, put = Random(5), set()
    for _ in range(300):
        found = nouns.swapped("弟が牛乳を買った", ("弟", "牛乳", "買う"), random, share=1)
        assert found is not None
        text, tags = found
        assert text.endswith("を買った") and "が" in text and "牛乳" not in text and tags[-1] == "買う"
        put.add(tags)
    assert len(put) > 200


def test_nouns_outside_the_lexicon_stand_for_things_alone(nouns: NounSwapper) -> None:
    random = Random(6)
    thing: set[str] = set()
    person: set[str] = set()
    for _ in range(300):
        for text, tags, found in (
            ("牛乳を買う", ("牛乳", "買う"), thing),
            ("弟を待つ", ("弟", "待つ"), person),
        ):
            variant = nouns.swapped(text, tags, random)
            assert variant is not None
            found.update(variant[1])
    assert {"+百葉箱", "+ミトン"} <= thing and not {"+百葉箱", "+ミトン"} & person
    assert len(thing) > 100 and len(person) > 50


def test_open_words_give_way_too(nouns: NounSwapper) -> None:
    found = nouns.swapped("賽銭箱を見た", ("+賽銭箱", "見る"), Random(7))
    assert found is not None
    text, tags = found
    assert "賽銭箱" not in text and text.endswith("を見た") and "+賽銭箱" not in tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("日本手話を学ぶ", ("手話", "学ぶ")),  # a part of a longer word
        ("お茶を飲む", ("茶", "飲む")),
        ("牛乳と牛乳", ("牛乳", "牛乳")),  # twice
        ("電話する", ("電話",)),  # a verb
        ("弟は", ("する",)),
        ("食べる", ("食べる",)),
    ],
)
def test_no_other_noun_where_it_is_not_clear(nouns: NounSwapper, text: str, tags: tuple[str, ...]) -> None:
    assert nouns.swapped(text, tags, Random(0)) is None


def test_all_kanji_of_the_standard() -> None:
    assert len(kanji()) == len(set(kanji())) == 6355
    assert {"亜", "弌", "熙"} <= set(kanji())
