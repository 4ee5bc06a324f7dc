"""Constructions of everyday Japanese: each occurs often enough to be learned, and says what docs/corpus.md says."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from jsl_seq2seq.corpus import Pair, generate_pairs, sentence_key
from jsl_seq2seq.corpus.generate import derivations

COUNT = 40_000


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return generate_pairs(COUNT, seed=11)


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
            assert "せ" in pair.source, pair
    assert all("される" in pair.tags for pair in _of(pairs, "passive"))
    for pair in _of(pairs, "permission-request"):
        assert ("させる", "お願い") in set(itertools.pairwise(pair.tags)), pair


def test_passive_never_reads_as_potential() -> None:
    """褒められる is both; who does it (先生に) stands only in the passive. Before contradictions are dropped."""
    kinds: dict[str, set[bool]] = {}
    for seed in (12, 13):
        for derivation, _ in itertools.islice(derivations(seed), COUNT // 2):
            for text in derivation.spellings.values():
                kinds.setdefault(sentence_key(text), set()).add("される" in derivation.tags)
    assert not [key for key, found in kinds.items() if len(found) > 1]


def test_wishing_that_somebody_does_something_is_a_request(pairs: list[Pair]) -> None:
    wishes = [
        pair
        for pair in pairs
        if any(text in pair.source for text in ("てほしい", "でほしい", "て欲しい", "で欲しい"))
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
