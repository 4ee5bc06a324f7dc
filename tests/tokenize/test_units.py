"""Characters, words, pieces of words; tags and plain words."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import SentencePair
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.settings import SPECIALS
from jsl_seq2seq.tokenize import Units, Vocabularies
from jsl_seq2seq.tokenize.normalize import tidy

from ..refusals import refused

WEATHER = [
    SentencePair("Morgen regnet es im Norden und im Süden scheint die Sonne", ("MORGEN", "REGEN", "NORD")),
    SentencePair("Heute regnet es im Süden", ("HEUTE", "REGEN", "SUED")),
    SentencePair("PAD und EOS", ("X",)),
]
KINDS = ["char", "word", "subword"]


def learnt(source: str, target: str = "words", size: int = 60) -> Vocabularies:
    if source == "subword":
        pytest.importorskip("tokenizers")
    return Vocabularies.from_pairs(WEATHER, Units(source, target), size)


@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_comes_back(kind: str) -> None:
    vocabularies = learnt(kind)
    joined = {
        "char": "".join,
        "word": " ".join,
        "subword": lambda units: "".join(units).replace("▁", " ")[1:],
    }
    for pair in WEATHER:
        encoded = vocabularies.encode_source(pair.source)
        assert encoded.unknown == ()
        assert joined[kind](encoded.units) == pair.source
        assert [vocabularies.source.unit_of(index) for index in encoded.ids] == list(encoded.units)
        assert min(encoded.ids) >= len(SPECIALS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["tags", "words"])
def test_json_comes_back(kind: str, target: str) -> None:
    vocabularies = learnt(kind, target)
    again = Vocabularies.from_json(json.loads(json.dumps(vocabularies.to_json())))
    assert again.hash == vocabularies.hash and again.kinds == Units(kind, target)
    text = "Morgen scheint die Sonne im Nordsüden"
    assert again.encode_source(text) == vocabularies.encode_source(text)


def test_the_units_are_part_of_the_hash() -> None:
    pairs = [SentencePair("a b", ("x",))]
    found = {
        Vocabularies.from_pairs(pairs, Units(source, target)).hash
        for source in ("char", "word")
        for target in ("tags", "words")
    }
    assert len(found) == 4


def test_characters_and_tags_are_written_as_ever() -> None:
    assert set(learnt("char", "tags").to_json()) == {"specials", "source", "target"}


def test_unknown_words_are_named_once_and_left_out() -> None:
    encoded = learnt("word").encode_source("Morgen schneit  es\nund schneit morgen")
    assert encoded.units == ("Morgen", "es", "und")
    assert encoded.unknown == ("schneit", "morgen")


def test_unknown_characters_of_subwords_are_named_and_left_out() -> None:
    encoded = learnt("subword").encode_source("龍Mor龍gen ß 龍 es")
    assert encoded.unknown == ("龍", "ß")
    assert "".join(encoded.units) == "▁Morgen▁es"
    assert learnt("subword").encode_source("龍 龍").ids == ()


def test_words_that_look_like_specials_are_words() -> None:
    for kind in ("word", "subword"):
        vocabularies = learnt(kind)
        again = Vocabularies.from_json(vocabularies.to_json())
        assert min(again.encode_source("PAD EOS").ids) >= len(SPECIALS)


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(st.characters(codec=None, categories=None)))
def test_any_text_can_be_encoded(kind: str, text: str) -> None:
    encoded = learnt(kind).encode_source(text)
    assert len(encoded.ids) == len(encoded.units)


@given(st.text(st.characters(codec=None, categories=None)))
def test_tidying_twice_is_tidying_once(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


@pytest.mark.parametrize(
    "text",
    ["Straße, ½ km!", "ﬁn", "می‌خواهم", "क्‍ष", "今天，天气。", "ｶﾞ", "I‘m", "e\u0301"],
)
def test_other_languages_are_left_alone(text: str) -> None:
    assert tidy(f" {text}\t\n{text}\x00") == f"{tidy(text)} {tidy(text)}"
    assert tidy(text) == text.replace("e\u0301", "é")


def test_as_one_writes_them() -> None:
    assert learnt("word", "tags").format_target(("A", "B")) == "<A> <B>"
    assert learnt("word", "words").format_target(("A", "B")) == "A B"


def test_the_same_data_give_the_same_subwords() -> None:
    first, second = learnt("subword"), learnt("subword")
    assert first.to_json() == second.to_json()
    assert len(first.source.units) == 60
    assert {len(unit) for unit in first.source.units} >= {1, 2, 3}


def test_too_few_subwords_for_all_characters() -> None:
    pytest.importorskip("tokenizers")
    with refused(UserError, "--subword-vocab（5）", "文字の種類"):
        learnt("subword", size=5)


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "tokenizers":
            raise ImportError(name)
        return honest(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    values = {
        "specials": list(SPECIALS),
        "source": ["▁", "a", "▁a"],
        "target": ["x"],
        "units": {"source": "subword", "target": "tags"},
        "merges": [["▁", "a"]],
    }
    vocabularies = Vocabularies.from_json(values)  # a model can be looked at without it
    with refused(UserError, "pip install 'jsl-seq2seq[subword]'"):
        vocabularies.encode_source("a")
    with refused(UserError, "pip install 'jsl-seq2seq[subword]'"):
        Vocabularies.from_pairs(WEATHER, Units("subword"))
    assert Vocabularies.from_pairs(WEATHER, Units("word")).encode_source("Morgen").ids


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"units": None}, "units"),
        ({"units": {"source": "word"}}, "units"),
        ({"units": {"source": "byte", "target": "tags"}}, "byte"),
        ({"units": {"source": ["word"], "target": "tags"}}, "--source-units"),
        ({"merges": []}, "subword"),
        ({"units": {"source": "subword", "target": "tags"}}, "merges"),
        ({"units": {"source": "subword", "target": "tags"}, "merges": [["▁"]]}, "merges"),
        ({"units": {"source": "subword", "target": "tags"}, "merges": [["▁", "b"]]}, "merges"),
        ({"units": {"source": "subword", "target": "tags"}, "merges": [["a", "a"]]}, "merges"),
        ({"units": {"source": "subword", "target": "tags"}, "merges": 3}, "merges"),
    ],
)
def test_damaged_json_is_refused(change: dict, named: str) -> None:
    values = {"specials": list(SPECIALS), "source": ["▁", "a"], "target": ["x"]}
    with refused(UserError, named):
        Vocabularies.from_json(values | change)
