"""Words letter by letter among the tags, and slots for what a vocabulary lacks."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import SentencePair
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.tokenize import Tokenizers, Vocabulary
from jsl_seq2seq.tokenize.tokenizer import SLOTS, CharTokenizer, Encoding, OpenTagTokenizer

from ..refusals import refused

PAIRS = [
    SentencePair("市で受け取る", ("市", "+受け取る")),
    SentencePair("犬の本", ("+犬", "本")),
    SentencePair("+", ("+",)),
]
OPEN = Tokenizers.of("char", "open-tags").learn(PAIRS)
A, B = SLOTS[:2]


class Span(NamedTuple):
    start: int
    end: int


def source(slots: int) -> CharTokenizer:
    """A tokenizer of a few characters and so many slots."""
    return CharTokenizer(Vocabulary([*"がはを見た、", *SLOTS[:slots]]))


def shape(encoding: Encoding) -> tuple[str, str, list[tuple[int, int]]]:
    return "".join(encoding.tokens), "".join(encoding.unknown_texts), list(encoding.offsets)


@pytest.mark.parametrize(
    ("slots", "text", "tokens", "unknown", "offsets"),
    [
        (2, "見た", "見た", "", [(0, 1), (1, 2)]),
        (2, "龍を見た", f"{A}を見た", "", [(0, 1), (1, 2), (2, 3), (3, 4)]),
        (2, "龍虎を見た", f"{A}を見た", "", [(0, 2), (2, 3), (3, 4), (4, 5)]),
        (2, "龍が虎を", f"{A}が{B}を", "", [(0, 1), (1, 2), (2, 3), (3, 4)]),
        (2, "龍が虎を猫", f"{A}が{B}を", "猫", [(0, 1), (1, 2), (2, 3), (3, 4)]),
        (0, "龍を見た", "を見た", "龍", [(1, 2), (2, 3), (3, 4)]),
        (1, "龍☆虎", A, "☆虎", [(0, 1)]),
        (1, "ＸＹを", f"{A}を", "", [(0, 2), (2, 3)]),
        (1, "ﾊﾟを", f"{A}を", "", [(0, 2), (2, 3)]),
        (2, f"{B}を", f"{A}を", "", [(0, 1), (1, 2)]),
        (1, "龍 。", A, "", [(0, 1)]),
    ],
)
def test_slots(slots: int, text: str, tokens: str, unknown: str, offsets: list[tuple[int, int]]) -> None:
    found = source(slots).encode(text)
    assert shape(found) == (tokens, unknown, offsets)
    assert [text[slot.start : slot.end] for slot in found.slots] == [slot.text for slot in found.slots]
    assert [slot.token for slot in found.slots] == [token for token in found.tokens if token in SLOTS]
    assert all(slot.piece is None for slot in found.slots)


def test_pieces_come_before_unknown_characters() -> None:
    text = "龍が見た虎を見た"
    pieces = [Span(2, 4), Span(6, 8)]
    found = source(2).encode_with_slots(text, pieces)
    assert shape(found) == (f"が{A}を{B}", "龍虎", [(1, 2), (2, 4), (5, 6), (6, 8)])
    assert [(slot.text, slot.piece) for slot in found.slots] == [("見た", pieces[0]), ("見た", pieces[1])]
    assert found.shown == ("が", "見た", "を", "見た")
    three = source(3).encode_with_slots(text, pieces)
    assert shape(three)[:2] == (f"{A}が{B}を{SLOTS[2]}", "虎")


def test_leaving_a_slot_out_leaves_what_it_stands_for_out() -> None:
    found = source(2).encode("龍が虎")
    shorter = found.without(0)
    assert shorter.tokens == ("が", B) and [slot.text for slot in shorter.slots] == ["虎"]
    assert found.without(1).slots == found.slots


def test_words_are_written_letter_by_letter() -> None:
    target = OPEN.target
    assert isinstance(target, OpenTagTokenizer)
    assert set(target.vocabulary.tokens) == {"市", "本", "+", "+[", "+]", "+受", "+け", "+取", "+る", "+犬"}
    assert set(target.tags) == {"市", "本"}
    assert target.pieces("+受け") == ("+[", "+受", "+け", "+]") and target.pieces("市") == ("市",)
    assert target.has("+け取る犬") and not target.has("+猫") and not target.has("町")
    with pytest.raises(KeyError):
        target.ids_of(["+猫"])
    labels = dict(zip(target.vocabulary.tokens, target.labels()[3:], strict=True))
    assert labels["+["] == "<+" and labels["+]"] == ">" and labels["+犬"] == "犬" and labels["市"] == "<市>"
    assert labels["+"] == "<+>"


WRITABLE = st.one_of(
    st.sampled_from(["市", "本", "+"]), st.text("受け取る犬", min_size=1, max_size=4).map("+".__add__)
)


@given(st.lists(WRITABLE, max_size=6))
def test_ids_come_back_as_tags(tags: list[str]) -> None:
    target = OPEN.target
    ids = target.ids_of(tags)
    assert target.decode(ids) == tuple(tags)
    spans = target.decode_spans(ids)
    assert [tag for tag, _, _ in spans] == tags
    assert [index for _, start, end in spans for index in ids[start:end]] == list(ids)


@pytest.mark.parametrize(
    ("tokens", "tags"),
    [
        (["+[", "+犬"], []),
        (["+]", "市"], ["市"]),
        (["+[", "+]", "市"], ["市"]),
        (["+[", "+犬", "+[", "+受", "+]"], ["+受"]),
    ],
)
def test_a_mark_without_its_partner_is_left_out(tokens: list[str], tags: list[str]) -> None:
    assert list(OPEN.target.decode(OPEN.target.vocabulary.ids_of(tokens))) == tags


@pytest.mark.parametrize("word", ["+a[b", "+]", "+[", "+犬]"])
def test_a_word_with_a_square_bracket_is_refused(word: str) -> None:
    for written in (f"<市> <{word}>", ["市", word]):
        with pytest.raises(ValueError, match="\\+"):
            OPEN.target.parse(written)
    assert OPEN.target.parse("<市> <+>") == ("市", "+")


def test_json_comes_back() -> None:
    vocabulary = OPEN.target.vocabulary
    for evidence in ({}, {"市": ["市", "シ"], "本": ["本"]}):
        tokenizers = Tokenizers(OPEN.source, OpenTagTokenizer(vocabulary, None, evidence))
        values = json.loads(json.dumps(tokenizers.to_json()))
        again = Tokenizers.from_json(values)
        assert isinstance(again.target, OpenTagTokenizer)
        assert (again.hash, again.settings, again.target.evidence) == (
            tokenizers.hash,
            tokenizers.settings,
            evidence,
        )
        assert ("evidence" in values) == bool(evidence)


@pytest.mark.parametrize(
    "evidence", [[], {"町": ["町"]}, {"市": "市"}, {"市": [""]}, {"市": [1]}, {"市": None}]
)
def test_malformed_evidence_is_refused(evidence: Any) -> None:
    values = {**OPEN.to_json(), "evidence": evidence}
    with refused(UserError, "evidence", code="vocabulary-malformed", key="evidence"):
        Tokenizers.from_json(values)


def test_a_vocabulary_without_the_marks_is_refused() -> None:
    values = OPEN.to_json()
    for mark in ("+[", "+]"):
        without = [token for token in values["target"] if token != mark]
        with refused(UserError, code="vocabulary-malformed"):
            Tokenizers.from_json({**values, "target": without})


def test_rare_words_are_learnt_by_their_characters() -> None:
    pairs = [SentencePair("x", ("+犬",)), SentencePair("x", ("+犬猫", "市"))]
    target = Tokenizers.of("char", "open-tags").learn(pairs, min_count=2).target
    assert set(target.vocabulary.tokens) == {"+[", "+]", "+犬"}


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ("tags", "57dfabe97e2156cf15c9a203659fd0e16f5c542e12dccf7c03c32fb851c25cd9"),
        ("words", "139a5d09598fd076003eed17e4bd17393aa8d9dd04f6d3eda3177e8c9f25e673"),
    ],
)
def test_other_vocabularies_keep_their_hash(kind: str, digest: str) -> None:
    assert Tokenizers.of("char", kind).learn([SentencePair("ab", ("x", "y"))]).hash == digest
