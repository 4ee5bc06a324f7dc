"""Characters, words, pieces of words; tags and plain words."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import SentencePair
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.extras import LibraryError
from jsl_seq2seq.settings import SPECIALS
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.tokenize.normalize import NFC

from ..refusals import refused

WEATHER = [
    SentencePair("Morgen regnet es im Norden und im Süden scheint die Sonne", ("MORGEN", "REGEN", "NORD")),
    SentencePair("Heute regnet es im Süden", ("HEUTE", "REGEN", "SUED")),
    SentencePair("PAD und EOS", ("X",)),
]
KINDS = ["char", "word", "subword"]


def learnt(source: str, target: str = "words", size: int = 60) -> Tokenizers:
    if source == "subword":
        pytest.importorskip("tokenizers")
    return Tokenizers.of(source, target, size).learn(WEATHER)


@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_comes_back(kind: str) -> None:
    tokenizers = learnt(kind)
    joined = {
        "char": "".join,
        "word": " ".join,
        "subword": lambda units: "".join(units).replace("▁", " ")[1:],
    }
    for pair in WEATHER:
        encoded = tokenizers.source.encode(pair.source)
        assert encoded.unknown_texts == ()
        assert joined[kind](encoded.tokens) == pair.source
        assert [tokenizers.source.vocabulary.token_of(index) for index in encoded.ids] == list(encoded.tokens)
        assert min(encoded.ids) >= len(SPECIALS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["tags", "words"])
def test_json_comes_back(kind: str, target: str) -> None:
    tokenizers = learnt(kind, target)
    again = Tokenizers.from_json(json.loads(json.dumps(tokenizers.to_json())))
    assert again.hash == tokenizers.hash and again.settings == tokenizers.settings
    text = "Morgen scheint die Sonne im Nordsüden"
    assert again.source.encode(text) == tokenizers.source.encode(text)


def test_the_units_are_part_of_the_hash() -> None:
    pairs = [SentencePair("a b", ("x",))]
    found = {
        Tokenizers.of(source, target).learn(pairs).hash
        for source in ("char", "word")
        for target in ("tags", "words")
    }
    assert len(found) == 4


def test_characters_and_tags_are_written_as_ever() -> None:
    assert set(learnt("char", "tags").to_json()) == {"specials", "source", "target"}


def test_unknown_words_are_named_once_and_left_out() -> None:
    encoded = learnt("word").source.encode("Morgen schneit  es\nund schneit morgen")
    assert encoded.tokens == ("Morgen", "es", "und")
    assert encoded.unknown_texts == ("schneit", "morgen")


def test_unknown_characters_of_subwords_are_named_and_left_out() -> None:
    encoded = learnt("subword").source.encode("龍Mor龍gen ß 龍 es")
    assert encoded.unknown_texts == ("龍", "ß")
    assert "".join(encoded.tokens) == "▁Morgen▁es"
    assert learnt("subword").source.encode("龍 龍").ids == ()


def test_words_that_look_like_specials_are_words() -> None:
    for kind in ("word", "subword"):
        tokenizers = learnt(kind)
        again = Tokenizers.from_json(tokenizers.to_json())
        assert min(again.source.encode("PAD EOS").ids) >= len(SPECIALS)


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(st.characters(codec=None, categories=None)))
def test_any_text_can_be_encoded(kind: str, text: str) -> None:
    encoded = learnt(kind).source.encode(text)
    assert len(encoded.ids) == len(encoded.tokens)


@given(st.text(st.characters(codec=None, categories=None)))
def test_tidying_twice_is_tidying_once(text: str) -> None:
    assert NFC(NFC(text)) == NFC(text)


@pytest.mark.parametrize(
    "text",
    ["Straße, ½ km!", "ﬁn", "می‌خواهم", "क्‍ष", "今天，天气。", "ｶﾞ", "I‘m", "e\u0301"],
)
def test_other_languages_are_left_alone(text: str) -> None:
    assert NFC(f" {text}\t\n{text}\x00") == f"{NFC(text)} {NFC(text)}"
    assert NFC(text) == text.replace("e\u0301", "é")


def test_as_one_writes_them() -> None:
    assert learnt("word", "tags").target.join(("A", "B")) == "<A> <B>"
    assert learnt("word", "words").target.join(("A", "B")) == "A B"


def test_the_same_data_give_the_same_subwords() -> None:
    first, second = learnt("subword"), learnt("subword")
    assert first.to_json() == second.to_json()
    assert len(first.source.vocabulary.tokens) == 60
    assert {len(unit) for unit in first.source.vocabulary.tokens} >= {1, 2, 3}


def test_too_few_subwords_for_all_characters() -> None:
    pytest.importorskip("tokenizers")
    with refused(UserError, "subword_vocab（5）", "文字の種類"):
        learnt("subword", size=5)


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    values = {
        "specials": list(SPECIALS),
        "source": ["▁", "a", "▁a"],
        "target": ["x"],
        "units": {"source": "subword", "target": "tags"},
        "merges": [["▁", "a"]],
    }
    tokenizers = Tokenizers.from_json(values)  # a model can be looked at without it
    with refused(LibraryError, "pip install 'jsl-seq2seq[subword]'"):
        tokenizers.source.encode("a")
    with refused(LibraryError, "pip install 'jsl-seq2seq[subword]'"):
        Tokenizers.of("subword").learn(WEATHER)
    assert Tokenizers.of("word").learn(WEATHER).source.encode("Morgen").ids


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"units": None}, "units"),
        ({"units": {"source": "word"}}, "units"),
        ({"units": {"source": "byte", "target": "tags"}}, "byte"),
        ({"units": {"source": ["word"], "target": "tags"}}, "source_units"),
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
        Tokenizers.from_json(values | change)


OFFSET_TEXTS = [
    "  Heute  regnet es im Süden ",
    "Mor\u200bgen ßchnee e\u0301s",
    "龍Mor龍gen ß 龍 es",
    "PAD",
    "",
    " 龍 ",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", OFFSET_TEXTS)
def test_offsets_point_at_what_was_written(kind: str, text: str) -> None:
    tokenizer = learnt(kind).source
    encoding = tokenizer.encode(text)
    assert len(encoding.offsets) == len(encoding.tokens)
    for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True):
        piece = token.strip("▁ ") if kind == "subword" else token.strip()
        assert tokenizer.normalize(text[start:end]).replace("龍", "").replace("ß", "") == piece
    starts = [start for start, _ in encoding.offsets]
    assert starts == sorted(starts)
    for unknown in encoding.unknown:
        assert tokenizer.normalize(text[unknown.start : unknown.end]) == unknown.text
    assert tuple(dict.fromkeys(one.text for one in encoding.unknown)) == encoding.unknown_texts


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(st.one_of(st.sampled_from("MorgenSüd eu\u0308▁龍 "), st.characters(codec=None))))
def test_offsets_of_any_text(kind: str, text: str) -> None:
    encoding = learnt(kind).source.encode(text)
    assert len(encoding.offsets) == len(encoding.ids)
    for start, end in encoding.offsets:
        assert 0 <= start <= end <= len(text)


@pytest.mark.parametrize(
    ("target", "text", "tokens", "offsets"),
    [
        ("tags", "<私>　<食か\u3099>", ("私", "食が"), ((0, 3), (4, 9))),
        ("tags", "<私><私>", ("私", "私"), ((0, 3), (3, 6))),
        ("words", " ICH  食か\u3099", ("ICH", "食が"), ((1, 4), (6, 9))),
    ],
)
def test_targets_have_both_ways(
    target: str, text: str, tokens: tuple[str, ...], offsets: tuple[tuple[int, int], ...]
) -> None:
    tokenizer = Tokenizers.of("char", target).learn([SentencePair("x", ("私", "食が", "ICH"))]).target
    encoding = tokenizer.encode(text + (" <新>" if target == "tags" else " 新"))
    assert (encoding.tokens, encoding.offsets) == (tokens, offsets)
    assert encoding.unknown_texts == ("新",)
    assert tokenizer.decode(encoding.ids) == tokens
    assert tokenizer.encode(tokenizer.join(tokens)).ids == encoding.ids
    assert tokenizer.units(text) == tokenizer.parse(text) or list(tokenizer.parse(text)) == [
        NFC(unit) for unit in tokenizer.units(text)
    ]


def test_what_is_no_tag_is_named() -> None:
    with pytest.raises(ValueError, match="食べる"):
        Tokenizers().target.encode("<私> 食べる")


def test_a_token_can_be_left_out() -> None:
    encoding = learnt("word").source.encode("Heute schneit es im")
    shorter = encoding.without(1)
    assert shorter.tokens == ("Heute", "im") and shorter.offsets == ((0, 5), (17, 19))
    assert shorter.ids == (encoding.ids[0], encoding.ids[2]) and shorter.unknown == encoding.unknown


def test_further_special_tokens_and_normalizers_of_later_models() -> None:
    values = {"specials": list(SPECIALS), "source": ["た", "か"], "target": ["私"]}
    later = values | {
        "special_tokens": {"target": ["BEGIN", "END"]},
        "normalizers": {"source": "nfc"},
    }
    tokenizers = Tokenizers.from_json(later)
    assert tokenizers.to_json() == later and tokenizers.hash != Tokenizers.from_json(values).hash
    target = tokenizers.target.vocabulary
    assert target.specials == (*SPECIALS, "BEGIN", "END") and target.id_of("私") == 5
    assert [target.token_of(index) for index in range(6)] == [*target.specials, "私"]
    assert tokenizers.size.target == 6 and tokenizers.target.labels()[3:] == ["<BEGIN>", "<END>", "<私>"]
    assert tokenizers.source.normalize("ﾀ！!") == "ﾀ！!" and tokenizers.source.encode("ﾀた").tokens == ("た",)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"special_tokens": ["BEGIN"]}, "special_tokens"),
        ({"special_tokens": {"target": "BEGIN"}}, "special_tokens"),
        ({"special_tokens": {"middle": ["BEGIN"]}}, "special_tokens"),
        ({"special_tokens": {"target": ["PAD"]}}, "2 回"),
        ({"special_tokens": {"target": ["x"]}}, "予約語"),
        ({"normalizers": {"source": "klingon"}}, "normalizers"),
        ({"normalizers": {"source": ["nfc"]}}, "normalizers"),
        ({"normalizers": "nfc"}, "normalizers"),
    ],
)
def test_damaged_declarations_of_later_models_are_refused(change: dict[str, Any], named: str) -> None:
    values = {"specials": list(SPECIALS), "source": ["a"], "target": ["x"]}
    with refused(UserError, named):
        Tokenizers.from_json(values | change)


def test_what_occurs_too_seldom_stays_unknown() -> None:
    tokenizers = Tokenizers.of("word", "words").learn(WEATHER, min_count=2)
    assert tokenizers.source.vocabulary.tokens == ("Süden", "es", "im", "regnet", "und")
    assert tokenizers.target.vocabulary.tokens == ("REGEN",)
