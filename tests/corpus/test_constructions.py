"""Constructions of everyday Japanese: each occurs often enough to be learned, and says what docs/corpus.md says."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from jsl_seq2seq.corpus import Pair, read_lexicon, sentence_key
from jsl_seq2seq.corpus.generate import derivations

COUNT = 60_000


@pytest.fixture
def pairs(generated: list[Pair]) -> list[Pair]:
    assert len(generated) == COUNT
    return generated


def _of(pairs: list[Pair], phenomenon: str) -> list[Pair]:
    return [pair for pair in pairs if pair.phenomenon == phenomenon]


NEW = (
    "passive", "causative", "permission-request", "preparation", "resulting-state", "ease", "appearance", "only",
    "listing", "alternative", "comparison", "embedded-question", "quotation", "while", "until", "wondering",
    "honorific", "situation", "three-clauses",
)  # fmt: skip


@pytest.mark.parametrize("phenomenon", NEW)
def test_each_occurs_often_and_none_takes_over(pairs: list[Pair], phenomenon: str) -> None:
    share = len(_of(pairs, phenomenon)) / COUNT
    assert 0.001 < share < 0.07


def test_they_leave_the_basic_sentences_their_place(pairs: list[Pair]) -> None:
    counts = Counter(pair.phenomenon for pair in pairs)
    assert sum(counts[name] for name in NEW) < 0.35 * COUNT


def test_hundred_millions_occur(pairs: list[Pair]) -> None:
    large = [pair for pair in pairs if "億" in pair.tags]
    assert len(large) > 60
    for pair in large:
        if "1億円" in pair.source and "11億" not in pair.source:
            assert ("億", "円") in set(itertools.pairwise(pair.tags))
    assert any("億" in pair.source for pair in large) and any("おく" in pair.source for pair in large)


def test_passive_and_causative_end_their_verb(pairs: list[Pair]) -> None:
    for pair in pairs:
        if "される" in pair.tags:
            assert "れ" in pair.source, pair
        if "させる" in pair.tags:
            assert "せ" in pair.source or "され" in pair.source, pair  # 飲ませる, 飲まされる
    assert all("される" in pair.tags for pair in _of(pairs, "passive"))
    for pair in _of(pairs, "permission-request"):
        assert ("させる", "お願い") in set(itertools.pairwise(pair.tags)), pair


@pytest.mark.parametrize("seeds", [(12,), pytest.param((12, 13), marks=pytest.mark.slow)])
def test_passive_never_reads_as_potential(seeds: tuple[int, ...]) -> None:
    """褒められる is both; who does it (先生に) stands only in the passive. Before contradictions are dropped."""
    kinds: dict[str, set[bool]] = {}
    for seed in seeds:
        for derivation, _ in itertools.islice(derivations(seed), 20_000):
            for text in derivation.spellings.values():
                kinds.setdefault(sentence_key(text), set()).add("される" in derivation.tags)
    assert not [key for key, found in kinds.items() if len(found) > 1]


def test_wishing_that_somebody_does_something_is_a_request(pairs: list[Pair]) -> None:
    wishes = [
        pair
        for pair in pairs
        if any(text in pair.source for text in ("てほしい", "でほしい", "て欲しい", "で欲しい"))
        and "マジで" not in pair.source
    ]
    assert len(wishes) > 60
    for pair in wishes:
        assert "お願い" in pair.tags, pair


def test_only_with_a_negative_has_no_negation(pairs: list[Pair]) -> None:
    found = [pair for pair in _of(pairs, "only") if "しか" in pair.source]
    assert len(found) > 60
    assert all("だけ" in pair.tags for pair in found)


def test_a_question_inside_a_sentence(pairs: list[Pair]) -> None:
    for pair in _of(pairs, "embedded-question"):
        if "かどうか" in pair.source:
            place = pair.tags.index("?")
            assert 0 < place < len(pair.tags) - 1, pair
    asked = [pair for pair in _of(pairs, "embedded-question") if "誰" in pair.tags[:-1]]
    assert asked


def test_quotation_keeps_its_verb(pairs: list[Pair]) -> None:
    verbs = {"言う", "聞く", "答える", "話す", "書く", "伝える"}
    for pair in _of(pairs, "quotation"):
        assert verbs & set(pair.tags), pair


def test_lists_and_alternatives(pairs: list[Pair]) -> None:
    assert all("または" in pair.tags for pair in _of(pairs, "alternative"))
    for pair in _of(pairs, "listing"):
        assert ("いろいろ" in pair.tags) or "や" in pair.source or "とか" in pair.source, pair


def test_long_sentences_have_more_than_one_clause(pairs: list[Pair]) -> None:
    assert sum(len(pair.source) >= 30 for pair in pairs) > 0.07 * COUNT
    links = {"原因", "場合", "しかし", "前", "後", "かもしれない", "思う", "とき", "間", "らしい"}
    for pair in (*_of(pairs, "situation"), *_of(pairs, "three-clauses")):
        assert links & set(pair.tags), pair


EVERYDAY = (
    "filler", "decision", "suggestion", "moment", "only-doing", "expectation", "purpose-youni", "the-more",
    "without-doing", "come-and-go", "coming-about", "causative-passive", "nominalization", "formal-noun",
    "inverted-order", "trailing-off", "topic", "calling", "counter-talk", "during", "way-of-doing", "as-it-is",
    "thanks-and-apology", "decimal", "phone-number",
)  # fmt: skip


@pytest.mark.parametrize("phenomenon", EVERYDAY)
def test_each_everyday_construction_occurs(pairs: list[Pair], phenomenon: str) -> None:
    assert 0.0008 < len(_of(pairs, phenomenon)) / COUNT < 0.06


def test_fillers_are_not_signed(pairs: list[Pair]) -> None:
    meanings = {sentence_key(pair.source): pair.tags for pair in pairs}
    compared = 0
    for pair in _of(pairs, "filler"):
        for filler in ("えっと、", "えーと、", "まあ、", "あのー、"):
            key = sentence_key(pair.source.removeprefix(filler))
            if pair.source.startswith(filler) and key in meanings:
                compared += 1
                assert meanings[key] == pair.tags, pair
    assert compared


@pytest.mark.parametrize(
    ("phenomenon", "text", "tags"),
    [
        ("decision", "ことにし", ("決める",)),
        ("suggestion", "ばよかった", ("場合", "良い")),
        ("expectation", "はずがない", ("はず", "ない")),
        ("expectation", "はずです", ("はず",)),
        ("purpose-youni", "ように", ("ように",)),
        ("the-more", "ほど", ("場合", "ほど")),
        ("causative-passive", "された", ("させる", "される")),
        ("without-doing", "せずに", ("ない",)),
        ("come-and-go", "てきて", ("来る", "お願い")),
        ("thanks-and-apology", "くれてありがとう", ("くれる", "ありがとう")),
        ("counter-talk", "でよろしいですか", ("良い", "?")),
        ("hearsay", "んだって", ("らしい",)),
        ("conjecture", "かもしれないよ", ("かもしれない",)),
        ("as-it-is", "たまま", ("まま",)),
        ("way-of-doing", "方を教えて", ("方法", "教える", "お願い")),
    ],
)
def test_what_an_everyday_construction_is_signed_as(
    pairs: list[Pair], phenomenon: str, text: str, tags: tuple[str, ...]
) -> None:
    found = [pair for pair in _of(pairs, phenomenon) if text in pair.source and "。" not in pair.source[:-1]]
    assert found
    for pair in found:
        runs = {pair.tags[start : start + len(tags)] for start in range(len(pair.tags))}
        assert tags in runs, pair


def test_the_time_comes_first_again_after_an_inversion(pairs: list[Pair]) -> None:
    words = [word for word in read_lexicon().words if word.word_class in ("時", "曜日")]
    times = {text: word.tags for word in words for text in (*word.spellings, *word.kana)}
    checked = 0
    for pair in _of(pairs, "inverted-order"):
        tags = times.get(pair.source.rstrip("。！？").rpartition("、")[2])
        if tags:
            checked += 1
            assert pair.tags[: len(tags)] == tags, pair
    assert checked
