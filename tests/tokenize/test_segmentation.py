"""What tags are written with: one token, characters or subwords, and the way back from any tokens."""

from __future__ import annotations

import json
import sys
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import SentencePair
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.extras import LibraryError
from jsl_seq2seq.settings import EOS
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.tokenize.segmentation import SEGMENTATIONS, Pieces, joined

from ..refusals import refused

PIECES = [kind for kind in SEGMENTATIONS if kind != "word"]
UNITS = ["tags", "words", "open-tags"]
SENTENCES = [
    ("食べる", "食べ物", "飲む", "飲み物", "+コーヒー", "C++"),
    ("私", "食べる", "+", "a+", "xPAD", "SOSEOS", "が"),
    ("飲み物", "食べる", "食べる", "++", "か\u309a"),
]


def learnt(kind: str, units: str, sentences: list[tuple[str, ...]] = SENTENCES, **options: Any) -> Tokenizers:
    if kind == "subword":
        pytest.importorskip("tokenizers")
        options = {"target_vocab": 60, **options}
    plain = Tokenizers.of("char", units, target_tokenizer=kind, **options)
    return plain.learn([SentencePair("x", tags) for tags in sentences])


learnt_once = cache(learnt)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("kind", PIECES)
def test_tags_come_back_from_their_pieces(kind: str, units: str) -> None:
    target = learnt(kind, units).target
    for tags in SENTENCES:
        if units == "open-tags":
            assert all(map(target.has, tags))
        ids = target.ids_of(tags)
        assert target.decode(ids) == tags
        spans = target.decode_spans(ids)
        assert [tag for tag, _, _ in spans] == list(tags)
        assert [start for _, start, _ in spans] == [0, *(end for _, _, end in spans[:-1])]
        assert spans[-1][2] == len(ids)
    assert len(set(target.tags)) == len(target.tags) and "食べ物" in target.tags
    assert ("+コーヒー" in target.tags) == (units != "open-tags")


def test_the_pieces_of_a_tag() -> None:
    characters = learnt("char", "open-tags").target
    assert characters.pieces("食べ物") == ("▁", "食", "べ", "物")
    assert characters.pieces("+犬") == ("+[", "+犬", "+]"), "an open word keeps its own letters"
    assert characters.has("物べ"), "though no tag begins with this character"
    assert not characters.has("龍") and characters.has("食む") and not characters.is_known("食む")
    assert characters.name == "タグの文字" and characters.unit_name == "タグ"
    subwords = learnt("subword", "tags").target
    assert subwords.pieces("食べる")[0].startswith("▁食べ")
    assert subwords.pieces("龍虎") == ("▁", "龍", "虎") and not subwords.has("龍虎")
    assert learnt("word", "tags").target.pieces("食べる") == ("食べる",)


def test_subwords_are_the_librarys() -> None:
    library = pytest.importorskip("tokenizers")
    target = learnt("subword", "words", target_vocab=40).target
    segmentation = target.segmentation
    assert isinstance(segmentation, Pieces)
    ids = {token: number for number, token in enumerate(target.vocabulary.tokens)}
    encoder = library.Tokenizer(library.models.BPE(vocab=ids, merges=list(segmentation.merges)))
    encoder.pre_tokenizer = library.pre_tokenizers.Metaspace("▁")
    assert len(segmentation.merges) > 5
    for tag in segmentation.units:
        if "+" not in tag:
            assert tuple(encoder.encode(tag).tokens) == segmentation.cut(tag)
    assert all(token == "+" or "+" not in token for token in target.vocabulary.tokens)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("kind", PIECES)
@given(data=st.data())
def test_any_tokens_are_tags(kind: str, units: str, data: st.DataObject) -> None:
    target = learnt_once(kind, units).target
    everything = st.integers(EOS + 1, EOS + len(target.vocabulary.tokens))
    ids = data.draw(st.lists(everything, max_size=12))
    tags = target.decode(ids)
    assert target.parse(target.join(tags)) == tags
    assert not any("▁" in tag for tag in tags)
    spans = target.decode_spans(ids)
    assert all(0 <= start < end <= len(ids) for _, start, end in spans)
    assert all(one[2] <= other[1] for one, other in pairwise(spans))


@given(st.lists(st.text("食べる物+▁A", min_size=1, max_size=4), min_size=1, max_size=6))
def test_any_tags_come_back_or_cannot_be_written(tags: list[str]) -> None:
    for units in ("words", "tags", "open-tags"):
        target = learnt("char", units, [tuple(tags)]).target
        for tag in tags:
            opens = units == "open-tags" and tag.startswith("+") and len(tag) > 1
            assert target.has(tag) == (opens or "▁" not in tag)
            if target.has(tag):
                assert target.decode(target.ids_of([tag])) == (tag,)


@pytest.mark.parametrize(
    ("tokens", "units"),
    [
        (["食", "べ"], [("食べ", 0, 2)]),
        (["▁", "食"], [("食", 0, 2)]),
        (["▁", "▁食", "▁", "▁"], [("食", 0, 2)]),
        (["▁食", "▁飲", "む"], [("食", 0, 1), ("飲む", 1, 3)]),
        ([], []),
    ],
)
def test_marks_begin_units(tokens: list[str], units: list[tuple[str, int, int]]) -> None:
    assert list(joined(tokens)) == units


def test_rare_characters_get_no_token() -> None:
    for kind in PIECES:
        plain = Tokenizers.of("char", "words", target_tokenizer=kind, target_vocab=60)
        if kind == "subword":
            pytest.importorskip("tokenizers")
        pairs = [SentencePair("x", ("食べる", "食べる", "食む"))]
        target = plain.learn(pairs, min_count=2).target
        assert target.has("食べる") and not target.has("食む") and target.tags == ("食べる",)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("kind", PIECES)
def test_further_tags_keep_all_ids(kind: str, units: str) -> None:
    before = learnt(kind, units)
    after = before.extended("", ["食む", "龍"])
    assert after.target.tags == (*before.target.tags, "食む", "龍")
    assert after.target.has("龍") and not before.target.has("龍")
    for tags in SENTENCES:
        assert after.target.ids_of(tags) == before.target.ids_of(tags)
    assert before.extended("", ["食べる"]).hash == before.hash


def test_characters_that_both_sides_have() -> None:
    pairs = [SentencePair("本を食べた", ("本", "食べる"))]
    found = Tokenizers.of("char", "tags", target_tokenizer="char").learn(pairs)
    source, target = found.source.vocabulary, found.target.vocabulary
    assert [source.token_of(one) for one, _ in found.alike] == [
        target.token_of(one) for _, one in found.alike
    ]
    assert {target.token_of(one) for _, one in found.alike} == set("本食べ")
    assert Tokenizers.of("char", "tags").learn([SentencePair("本", ("本",))]).alike == []
    assert Tokenizers.of("word", "words", target_tokenizer="char").learn(pairs).alike == []


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("kind", SEGMENTATIONS)
def test_json_comes_back(kind: str, units: str) -> None:
    tokenizers = learnt(kind, units)
    values = json.loads(json.dumps(tokenizers.to_json()))
    assert ("pieces" in values) == (kind != "word")
    again = Tokenizers.from_json(values)
    assert (again.hash, again.settings, again.target.tags) == (
        tokenizers.hash,
        tokenizers.settings,
        tokenizers.target.tags,
    )
    assert again.target.ids_of(SENTENCES[0]) == tokenizers.target.ids_of(SENTENCES[0])
    assert again.settings["target_tokenizer"] == kind


def test_the_same_data_give_the_same_subwords() -> None:
    assert learnt("subword", "tags").hash == learnt("subword", "tags").hash


def test_the_library_is_needed_for_learning_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values = learnt("subword", "tags").to_json()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    target = Tokenizers.from_json(values).target
    assert target.decode(target.ids_of(["食べる"])) == ("食べる",)
    with refused(LibraryError, "pip install 'jsl-seq2seq[subword]'"):
        Tokenizers.of("char", "tags", target_tokenizer="subword").learn([SentencePair("x", ("食",))])


def test_too_few_subwords_for_all_characters() -> None:
    with refused(UserError, "target_vocab（5）", code="subword-vocab-too-small"):
        learnt("subword", "tags", target_vocab=5)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (None, "pieces.kind"),
        ({}, "pieces"),
        ({"kind": "char"}, "pieces"),
        ({"kind": "word", "tags": []}, "pieces.kind"),
        ({"kind": ["char"], "tags": []}, "pieces"),
        ({"kind": "char", "tags": ["食", "食"]}, "pieces.tags"),
        ({"kind": "char", "tags": [""]}, "pieces.tags"),
        ({"kind": "char", "tags": 3}, "pieces.tags"),
        ({"kind": "char", "tags": [], "merges": []}, "pieces"),
        ({"kind": "subword", "tags": []}, "pieces"),
        ({"kind": "subword", "tags": [], "size": True, "merges": []}, "pieces.size"),
        ({"kind": "subword", "tags": [], "size": 9, "merges": [["a"]]}, "pieces.merges"),
        ({"kind": "subword", "tags": [], "size": 9, "merges": [["a", ""]]}, "pieces.merges"),
        ({"kind": "subword", "tags": [], "size": 9, "merges": 3}, "pieces.merges"),
        ([], "pieces.kind"),
        ("char", "pieces.kind"),
    ],
)
def test_damaged_pieces_are_refused(change: Any, key: str) -> None:
    values = {**learnt("char", "tags", SENTENCES[2:]).to_json(), "pieces": change}
    with refused(UserError, code="vocabulary-malformed", key=key):
        Tokenizers.from_json(values)


def test_evidence_needs_whole_tags() -> None:
    values = {**learnt("char", "open-tags").to_json(), "evidence": {"▁食": ["食"]}}
    with refused(UserError, code="vocabulary-malformed", key="evidence"):
        Tokenizers.from_json(values)
