"""Corpora as ids, in memory and on disk, with and without what a vocabulary lacks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import Corpus, corpus, encoding, parse_corpus, read_corpus
from jsl_seq2seq.data.batching import epoch_order
from jsl_seq2seq.data.encoding import EncodedPair, EncodedPairs, encode_corpus, encode_pairs, learn
from jsl_seq2seq.settings import UNK
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.tokenize.tokenizer import SLOTS

from ..small_models import EIGHT_LINES

IDS = st.lists(st.integers(3, 2**31 - 1), max_size=9).map(tuple)
PAIRS = st.lists(st.tuples(IDS, IDS), max_size=20)
WORDS = "a b\t<x> <y>\nb c d\t<y>\nc\t<z> <y> <z>\nb c d\t<y>\n"
KINDS = ["char", "word", "subword"]


@given(PAIRS)
def test_a_sequence_like_any_other(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    found, expected = EncodedPairs.of(pairs), tuple(EncodedPair(*pair) for pair in pairs)
    assert tuple(found) == found[:] == expected
    assert found[1:-1] == expected[1:-1] and found[::-2] == expected[::-2]
    assert tuple(found[index] for index in reversed(range(len(pairs)))) == expected[::-1]
    assert bool(found) == bool(pairs)
    for index in (len(pairs), -len(pairs) - 1):
        with pytest.raises(IndexError):
            found[index]


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=300), st.integers(1, 9), st.sampled_from([0, 20]))
def test_the_order_is_that_of_plain_pairs(pairs: list, size: int, tokens: int) -> None:
    plain = epoch_order([EncodedPair(*pair) for pair in pairs], size, 3, 4, tokens)
    assert epoch_order(EncodedPairs.of(pairs), size, 3, 4, tokens) == plain


def read(folder: Path, text: str, tokenizers: Tokenizers) -> Corpus:
    (folder / "a.tsv").write_text(text, encoding="utf-8")
    return read_corpus(folder / "a.tsv", tokenizers)


@pytest.fixture(params=[0, 1 << 20], ids=["on disk", "in memory"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "IN_MEMORY", request.param)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [EIGHT_LINES, WORDS])
def test_learnt_and_encoded_as_sentence_by_sentence(tmp_path: Path, text: str, kind: str) -> None:
    if kind == "subword":
        pytest.importorskip("tokenizers")
    plain = Tokenizers.of(kind, subword_vocab=80 if kind == "subword" else None)
    found = read(tmp_path, text, plain)
    learnt = learn(found, plain)
    assert learnt.to_json() == plain.learn(found.pairs).to_json()
    encoded = encode_corpus(found, learnt)
    assert list(encoded.pairs) == list(encode_pairs(found.pairs, learnt))
    assert encoded.pairs.source_lengths.tolist() == [len(pair.source) for pair in encoded.pairs]
    assert encoded.notes() == [] and encoded.rows.tolist() == list(range(len(found.pairs)))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_vocabulary_lacks(tmp_path: Path, kind: str) -> None:
    if kind == "subword":
        pytest.importorskip("tokenizers")
    plain = Tokenizers.of(kind, subword_vocab=20 if kind == "subword" else None)
    tokenizers = plain.learn(parse_corpus("a b\t<x>\nd b\t<y>\n", "x", plain).pairs)
    encoded = encode_corpus(read(tmp_path, WORDS + "c e\t<x>\nd\t<w> <z>\n", plain), tokenizers)
    x, y = tokenizers.target.vocabulary.ids_of("xy")
    blank = kind == "char"  # the blank is a character, so that something of "c e" is known
    assert encoded.rows.tolist() == [0, 1] + [3] * blank
    assert [pair.target for pair in encoded.pairs] == [(x, y), (y,)] + [(x,)] * blank
    assert encoded.unknown_source == ("c", "e") and encoded.unknown_target == ("z", "w")
    assert encoded.sentences == 2
    assert [tokenizers.source.join(tokenizers.source.decode(pair.source)) for pair in encoded.pairs] == (
        ["a b", "b  d", " "] if blank else ["a b", "b d"]
    )
    assert encoded.pairs.source_lengths.tolist() == [len(pair.source) for pair in encoded.pairs]
    first, second, third = encoded.notes()
    assert "2 種類" in first and "c、e" in first
    assert "2 種類" in second and "<z>、<w>、2 文" in second
    assert f"{len(encoded.left_out)} 文は" in third and "cなど" in third
    short = encode_corpus(parse_corpus("a\t<x> <z> <y>\nb\t<z> <z>\n", "v", plain), tokenizers)
    assert [pair.target for pair in short.pairs] == [(x, UNK, y)] and short.sentences == 2


def test_kana_of_the_other_kind_are_known_and_silence_is_kept() -> None:
    tokenizers = Tokenizers().learn(parse_corpus("たべ\t<x>\n", "x").pairs)
    encoded = encode_corpus(parse_corpus("タベ。龍\t<x>\n", "y"), tokenizers)
    assert encoded.pairs[0].source == tokenizers.source.encode("タベ。龍").ids
    assert encoded.unknown_source == ("龍",) and encoded.pairs.source_lengths.tolist() == [2]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kind", KINDS)
def test_rare_units_stay_unknown(tmp_path: Path, kind: str) -> None:
    if kind == "subword":
        pytest.importorskip("tokenizers")
    plain = Tokenizers.of(kind, subword_vocab=20 if kind == "subword" else None)
    found = read(tmp_path, WORDS, plain)  # the last line repeats the second and is not counted
    tokenizers = learn(found, plain, min_count=2)
    counts = Counter(unit for pair in found.pairs for unit in plain.source.units(pair.source))
    assert {one for one, count in counts.items() if count >= 2} - {" "} == {"b", "c"}
    assert {token.strip("▁ ") for token in tokenizers.source.vocabulary.tokens} - {""} == {"b", "c"}
    assert tokenizers.target.vocabulary.tokens == ("y", "z")
    assert tokenizers.to_json() == plain.learn(found.pairs, 2).to_json()


def test_many_rows_in_several_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jsl_seq2seq.data.ragged._BLOCK", 7)
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    random = np.random.default_rng(0)
    lines = [
        "".join(random.choice(list("あいうえお"), random.integers(1, 12)))
        + "\t"
        + " ".join(f"<{tag}>" for tag in random.integers(0, 9, random.integers(1, 5)))
        for _ in range(300)
    ]
    text = "\n".join([*lines, *lines[::7]])
    found, expected = read(tmp_path, text, Tokenizers()), parse_corpus(text, "x")
    assert tuple(found.pairs) == expected.pairs and len(expected.pairs) <= 300
    tokenizers = learn(found, Tokenizers(), min_count=82)
    assert tokenizers.to_json() == learn(expected, Tokenizers(), 82).to_json()
    one, other = encode_corpus(found, tokenizers), encode_corpus(expected, tokenizers)
    assert list(one.pairs) == list(other.pairs) and 0 < len(one.left_out) < one.sentences < len(
        one.corpus.pairs
    )
    assert [note.removeprefix(found.name) for note in one.notes()] == [
        note.removeprefix("x") for note in other.notes()
    ]


@pytest.mark.usefixtures("place")
def test_subwords_are_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tokenizers")
    plain = Tokenizers.of("subword", subword_vocab=80)
    found = read(tmp_path, EIGHT_LINES, plain)
    tokenizers = learn(found, plain)
    first = list(encode_corpus(found, tokenizers).pairs)
    if isinstance(found.pairs, tuple):
        return
    monkeypatch.setattr(type(tokenizers.source), "encode", lambda *_: pytest.fail("encoded again"))
    assert list(encoding.encode_corpus(found, tokenizers).pairs) == first


@pytest.mark.usefixtures("place")
def test_open_words_and_slots_depend_on_their_neighbours(tmp_path: Path) -> None:
    plain = Tokenizers.of("char", "open-tags")
    taught = parse_corpus(f"犬が{SLOTS[0]}\t<犬> <+{SLOTS[0]}>\n猫\t<+猫>\n", "x", plain)
    tokenizers = learn(taught, plain)
    text = f"犬が龍虎猫\t<犬> <+猫>\n猫が{SLOTS[0]}\t<+猫{SLOTS[0]}>\n龍・犬\t<+龍> <犬> <牛>\n"
    found = read(tmp_path, text, plain)
    for _ in range(2):  # from the data, and on disk from the cache
        encoded = encode_corpus(found, tokenizers)
        pairs = [
            (tokenizers.source.encode(pair.source).ids, pair.tags)
            for pair in parse_corpus(text, "x", plain).pairs
        ]
        target = tokenizers.target
        assert list(encoded.pairs) == [
            EncodedPair(
                ids, tuple(i for tag in tags for i in (target.ids_of([tag]) if target.has(tag) else [UNK]))
            )
            for ids, tags in pairs
        ]
        assert encoded.pairs[2].target[0] == encoded.pairs[2].target[2] == UNK
        assert encoded.unknown_source == ("・",) and encoded.unknown_target == ("+龍", "牛")
        assert encoded.sentences == 1
        assert (
            [len(pair.target) for pair in encoded.pairs] == encoded.pairs.target_lengths.tolist() == [4, 4, 3]
        )
