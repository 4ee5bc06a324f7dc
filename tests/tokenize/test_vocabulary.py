"""Units and their numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import SentencePair, read_starter_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.settings import EOS, PAD, SOS, SPECIALS
from jsl_seq2seq.tokenize import Tokenizers, Vocabulary
from jsl_seq2seq.tokenize.tokenizer import CharTokenizer, TagTokenizer

from ..refusals import refused
from ..small_models import eight_sentences


def of(*sources: str) -> Tokenizers:
    return Tokenizers().learn([SentencePair(source, ("私",)) for source in sources])


def test_the_hash_is_the_same_on_every_machine() -> None:
    """If this fails, models saved before are refused: only a new format version may change it."""
    golden = "a1870dc400f0c0ecb1f76a86cf81f143733caf8694be4bfc8160e1cb2f2f0098"
    assert Tokenizers().learn(eight_sentences().pairs).hash == golden


def test_another_vocabulary_has_another_hash() -> None:
    assert of("あい").hash != of("あう").hash
    one, other = Vocabulary("あい"), Vocabulary("うえ")
    there = Tokenizers(CharTokenizer(one), TagTokenizer(other))
    assert there.hash != Tokenizers(CharTokenizer(other), TagTokenizer(one)).hash


@given(st.permutations(read_starter_corpus().pairs))
def test_the_order_of_the_data_changes_nothing(pairs: list[SentencePair]) -> None:
    shuffled, plain = Tokenizers().learn(pairs), Tokenizers().learn(read_starter_corpus().pairs)
    assert shuffled.to_json() == plain.to_json()
    assert shuffled.hash == plain.hash


def test_specials_come_first() -> None:
    vocabulary = Vocabulary(["あ", "い"])
    assert [vocabulary.token_of(index) for index in (PAD, SOS, EOS)] == list(SPECIALS)
    assert [vocabulary.id_of(unit) for unit in "あい"] == [3, 4]
    assert [vocabulary.token_of(index) for index in (3, 4)] == ["あ", "い"]
    assert len(vocabulary) == 5
    assert "あ" in vocabulary and "う" not in vocabulary


def test_every_starter_sentence_comes_back() -> None:
    pairs = read_starter_corpus().pairs
    tokenizers = Tokenizers().learn(pairs)
    for pair in pairs:
        encoded = tokenizers.source.encode(pair.source)
        assert encoded.unknown == ()
        assert "".join(encoded.tokens) == pair.source
        assert [tokenizers.source.vocabulary.token_of(index) for index in encoded.ids] == list(encoded.tokens)
        assert tokenizers.target.decode(tokenizers.target.vocabulary.ids_of(pair.tags)) == pair.tags
        assert min(encoded.ids) >= len(SPECIALS)


def test_unknown_characters_are_named_once_and_left_out() -> None:
    encoded = of("あい").source.encode("あ龍い龍\U00020bb7")
    assert (encoded.tokens, encoded.unknown_texts) == (("あ", "い"), ("龍", "\U00020bb7"))


def test_katakana_is_read_as_the_hiragana_that_is_known() -> None:
    encoded = of("たべ").source.encode("タベ\uff80")
    assert (encoded.tokens, encoded.unknown_texts) == (("た", "べ", "た"), ())


def test_hiragana_is_read_as_the_katakana_that_is_known() -> None:
    assert of("バス").source.encode("ばす").tokens == ("バ", "ス")


def test_own_spelling_goes_before_the_sibling() -> None:
    assert of("たタ").source.encode("タた").tokens == ("タ", "た")


def test_the_other_kana_is_reported_as_it_was_written() -> None:
    assert of("あ").source.encode("カ").unknown_texts == ("カ",)


def test_unknown_blanks_go_silently() -> None:
    encoded = of("あい").source.encode("あ い\n")
    assert (encoded.tokens, encoded.unknown_texts) == (("あ", "い"), ())
    assert of("あ い").source.encode("あ\u3000い").tokens == ("あ", " ", "い")


def test_unknown_sentence_ends_go_silently_but_a_question_mark_does_not() -> None:
    encoded = of("あ").source.encode("あ、あ。あ！あ？")
    assert (encoded.tokens, encoded.unknown_texts) == (("あ",) * 4, ("？",))


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_can_be_encoded(text: str) -> None:
    tokenizers = of("あいう")
    encoded = tokenizers.source.encode(text)
    assert len(encoded.ids) == len(encoded.tokens)
    assert set(encoded.tokens) <= set("あいう")


@pytest.mark.parametrize("text", ["<EOS>", "<PAD>", "<食べる>"])
def test_text_that_looks_like_a_tag_is_only_characters(text: str) -> None:
    assert of("食べる").source.encode(text).tokens == tuple(c for c in text if c in "食べる")


def test_json_comes_back() -> None:
    tokenizers = Tokenizers().learn(eight_sentences().pairs)
    assert Tokenizers.from_json(tokenizers.to_json()).hash == tokenizers.hash


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"specials": ["PAD", "EOS", "SOS"]}, "specials"),
        ({"specials": ["PAD", "SOS", "EOS", "EOS"]}, "specials"),
        ({"specials": None}, "specials"),
        ({"source": ["あ", "あ"]}, "2 回"),
        ({"source": ["あ", "PAD"]}, "PAD"),
        ({"target": ["EOS"]}, "EOS"),
        ({"target": ["私", 3]}, "target"),
        ({"target": ["私", ""]}, "target"),
        ({"target": "私"}, "target"),
        ({"source": None}, "source"),
        ({"extra": []}, "3 項目"),
    ],
)
def test_damaged_json_is_refused(change: dict, named: str) -> None:
    with refused(UserError, named):
        Tokenizers.from_json(of("あ").to_json() | change)


@pytest.mark.parametrize("values", [None, [], "", 3, {}, {"source": [], "target": []}])
def test_json_of_another_kind_is_refused(values: object) -> None:
    with refused(UserError, "語彙"):
        Tokenizers.from_json(values)
