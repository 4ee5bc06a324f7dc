"""Words outside the lexicon, and sentences in katakana."""

from __future__ import annotations

import sys
from collections import Counter
from types import SimpleNamespace

import pytest

from jsl_seq2seq.corpus import Pair, generate_pairs, make_splits, open_words, read_lexicon
from jsl_seq2seq.corpus.conjugation import VERB_FORMS, conjugate
from jsl_seq2seq.corpus.katakana import in_katakana
from jsl_seq2seq.corpus.open_words import MARK, OpenWord, OpenWords
from jsl_seq2seq.corpus.rng import Rng
from jsl_seq2seq.errors import UserError

DICTIONARY = tuple(
    OpenWord(word_class, surface, "")
    for word_class, surfaces in {
        "名": ("一期一会", "原油", "レコーダー", "読み札"),
        "サ変": ("罵倒", "撤廃", "フィット"),
        "五段": ("彫り込む", "湿る", "削る", "取り崩す"),
        "一段": ("率いる", "数え上げる"),
        "イ形": ("薄暗い", "心強い"),
        "ナ形": ("勇壮", "緩やか"),
        "副": ("しっとり", "ふらふら"),
    }.items()
    for surface in surfaces
)


@pytest.fixture
def dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_words, "_dictionary_words", lambda: DICTIONARY)


def _open_tags(pairs: list[Pair]) -> Counter[str]:
    return Counter(tag for pair in pairs for tag in pair.tags if tag.startswith(MARK))


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """4,000 pairs with open words in a share of 0.3."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(open_words, "_dictionary_words", lambda: DICTIONARY)
        return generate_pairs(4000, 1, open_words=0.3)


def test_every_word_stands_in_with_its_dictionary_form(pairs: list[Pair]) -> None:
    found = _open_tags(pairs)
    assert set(found) == {MARK + word.surface for word in DICTIONARY}
    assert 0.2 * 4000 < sum(any(tag in found for tag in pair.tags) for pair in pairs) < 0.95 * 4000


def test_conjugated_words_keep_the_dictionary_form_in_the_tag(pairs: list[Pair]) -> None:
    found = [pair for pair in pairs if "+削る" in pair.tags]
    forms = {conjugate("削る", "五段", form) for form in VERB_FORMS}
    assert len({pair.source for pair in found}) > 10
    assert all(any(form in pair.source for form in forms) for pair in found)
    assert any("削り" in pair.source for pair in found) and any("削っ" in pair.source for pair in found)


@pytest.mark.usefixtures("dictionary")
def test_the_same_seed_and_dictionary_give_the_same_pairs() -> None:
    assert generate_pairs(300, 5, open_words=0.2) == generate_pairs(300, 5, open_words=0.2)
    assert generate_pairs(300, 5, open_words=0.2)[:100] == generate_pairs(100, 5, open_words=0.2)


@pytest.mark.usefixtures("dictionary")
def test_words_of_the_lexicon_are_no_open_words() -> None:
    words = OpenWords((*DICTIONARY, OpenWord("名", "学校", "")), read_lexicon())
    assert words.counts["名"] == 4


@pytest.mark.usefixtures("dictionary")
def test_splits_ask_for_open_words_too() -> None:
    splits = make_splits(2000, seed=1, open_words=0.3)
    assert _open_tags(splits["train"]) and _open_tags(splits["test-random"])


def test_without_open_words_the_dictionary_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sudachipy", None)
    open_words._dictionary_words.cache_clear()
    assert not _open_tags(generate_pairs(50, 1))
    with pytest.raises(UserError, match="sudachipy"):
        generate_pairs(50, 1, open_words=0.1)


def test_an_old_dictionary_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    old = SimpleNamespace(Dictionary=lambda dict: object(), __file__="sudachipy")
    monkeypatch.setitem(sys.modules, "sudachipy", old)
    open_words._dictionary_words.cache_clear()
    with pytest.raises(UserError, match=r"0\.7"):
        generate_pairs(50, 1, open_words=0.1)


@pytest.mark.parametrize(("shares"), [{"open_words": 1.0}, {"open_words": -0.1}, {"katakana": 1.5}])
def test_shares_out_of_range(shares: dict[str, float]) -> None:
    with pytest.raises(UserError, match="割合"):
        generate_pairs(10, 1, **shares)  # pyright: ignore[reportArgumentType]


def test_sudachi_has_words_of_every_class() -> None:
    pytest.importorskip("sudachipy", exc_type=ImportError)
    pytest.importorskip("sudachidict_core", exc_type=ImportError)
    open_words._dictionary_words.cache_clear()
    words = open_words.read_open_words(read_lexicon())
    assert set(words.counts) == set(open_words.KINDS)
    assert min(words.counts.values()) > 300
    for word in open_words._dictionary_words():
        if word.word_class in ("五段", "一段", "サ変"):
            conjugate(word.surface, word.word_class, "て")


def test_katakana() -> None:
    spellings = {"kanji": "私は明日学校に行きません", "kana": "わたしはあしたがっこうにいきません"}
    written = [in_katakana(spellings, Rng(seed)) for seed in range(40)]
    assert any(text["kanji"] == "私ハ明日学校ニ行キマセン" for text in written)
    assert any("ハ" in text["kanji"] and "に" in text["kanji"] for text in written)


def test_a_share_of_the_sentences_is_in_katakana() -> None:
    pairs = generate_pairs(2000, 3, katakana=0.3)
    shouted = [pair for pair in pairs if not any("ぁ" <= c <= "ゖ" for c in pair.source)]
    assert 0.1 < len(shouted) / 2000 < 0.4
