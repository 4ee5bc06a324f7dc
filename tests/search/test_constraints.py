"""Whatever a model prefers, an open word is bracketed, copied from the source, and ends as a dictionary form."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.search import Hypothesis, beam_search, forced_log_probs, greedy
from jsl_seq2seq.search.constraints import OUTSIDE, ConstrainedRows, OpenWordConstraint, OpenWordIds
from jsl_seq2seq.search.decoding import decoding_step
from jsl_seq2seq.settings import SOS, ModelConfig, VocabSize

from .networks import network

EOS, TAG, BEGIN, END = 2, 3, 4, 5
LETTERS = "受け取りたい書てるくす愛"
IDS = {letter: index for index, letter in enumerate(LETTERS, start=6)}
VOCABULARY = 6 + len(LETTERS)
WORDS = OpenWordIds(BEGIN, END, ((IDS["る"],), (IDS["く"],), (IDS["す"], IDS["る"])))


def constraint(text: str) -> OpenWordConstraint:
    outside = np.zeros(VOCABULARY, bool)
    outside[[EOS, TAG, BEGIN]] = True
    return OpenWordConstraint(WORDS, [IDS.get(letter, -1) for letter in text], outside)


def allowed(text: str, word: str) -> str:
    """What may follow a word that has been begun, as letters, ``]`` for its end."""
    found = constraint(text)
    state = reduce(found.after, [BEGIN, *(IDS[letter] for letter in word)], OUTSIDE)
    letters = {index: letter for letter, index in IDS.items()} | {END: "]"}
    return "".join(sorted(letters[index] for index in found.allowed(state) or ()))


@pytest.mark.parametrize(
    ("text", "word", "follow"),
    [
        ("受け取りたい", "", "受け取りたい"),
        ("受け取りたい", "受け取", "]りくする"),
        ("受け取りたい", "受け取る", "]"),
        ("書いて", "書", "]いくする"),
        ("書いて", "書く", "]"),
        ("愛して", "愛す", "る"),
        ("愛して", "愛する", "]"),
        ("愛、書", "愛", "]くする"),
    ],
)
def test_what_may_follow(text: str, word: str, follow: str) -> None:
    assert allowed(text, word) == "".join(sorted(set(follow)))


def test_outside_of_words_only_what_is_listed() -> None:
    found = constraint("書いて")
    assert found.allowed(OUTSIDE) is None
    assert np.flatnonzero(found.outside).tolist() == [EOS, TAG, BEGIN]


def test_a_sentence_without_letters_has_no_words() -> None:
    assert not constraint("。").outside[BEGIN]


def masked(found: OpenWordConstraint, ids: list[int], values: dict[int, float]) -> list[int]:
    """What is left of a row's ids after a prefix; ``values`` are added to log-probabilities of 0."""
    rows = ConstrainedRows([found])
    for index in ids:
        rows.advance([index])
    row = np.array([[values.get(int(index), 0.0) for index in rows.ids]])
    rows.mask(row)
    return rows.ids[np.isfinite(row[0])].tolist()


def test_required_ids_hold_the_end_back() -> None:
    outside = np.zeros(VOCABULARY, bool)
    outside[[EOS, TAG, BEGIN]] = True
    found = OpenWordConstraint(WORDS, [IDS["書"], IDS["い"]], outside, required=[IDS["書"]])
    assert masked(found, [], {EOS: 1}) == [BEGIN], "the end is wanted, so a word must come"
    assert masked(found, [], {TAG: 1}) == [TAG, BEGIN]
    assert masked(found, [BEGIN, IDS["書"], END], {}) == [EOS, TAG, BEGIN]


@given(st.text(LETTERS, min_size=1, max_size=8), st.lists(st.integers(0, 10**6), max_size=30))
def test_any_walk_writes_words_of_the_source(text: str, choices: list[int]) -> None:
    """Choose anything that is allowed: every word that closes is a piece of the source and an ending."""
    found = constraint(text)
    state, word, words = OUTSIDE, "", []
    letters = {index: letter for letter, index in IDS.items()}
    for choice in choices:
        inside = found.allowed(state)
        options = list(inside) if inside is not None else [TAG, BEGIN]
        assert options
        index = options[choice % len(options)]
        if index == END:
            words.append(word)
        word = "" if index in (TAG, BEGIN, END) else word + letters[index]
        state = found.after(state, index)
        assert state.inside == (index not in (TAG, END))
    for one in words:
        stems = [one, *(one.removesuffix(ending) for ending in ("る", "く", "する", "す"))]
        assert any(stem and stem in text for stem in stems)


def test_rows_keep_what_is_allowed_and_may_leave() -> None:
    one, other = constraint("書いて"), constraint("愛")
    rows = ConstrainedRows([one, other])
    assert set(rows.ids.tolist()) >= {EOS, TAG, BEGIN, END, IDS["書"], IDS["愛"]}
    assert not rows.possible[1, rows.ids.tolist().index(IDS["書"])]
    rows.advance([BEGIN, TAG])
    values = np.arange(2.0 * len(rows.ids)).reshape(2, -1)
    log_probs = values.copy()
    rows.mask(log_probs)
    kept = [sorted(rows.ids[np.isfinite(row)].tolist()) for row in log_probs]
    assert kept == [sorted(IDS[letter] for letter in "書いて"), [EOS, TAG, BEGIN]]
    assert (log_probs[np.isfinite(log_probs)] == values[np.isfinite(log_probs)]).all()
    rows.keep([1, 1])
    log_probs = values.copy()
    rows.mask(log_probs)
    assert sorted(rows.ids[np.isfinite(log_probs[0])].tolist()) == [EOS, TAG, BEGIN]


def test_a_required_id_comes_first_in_a_forced_word_and_only_once() -> None:
    outside = np.zeros(VOCABULARY, bool)
    outside[[EOS, TAG, BEGIN]] = True
    book, i = IDS["書"], IDS["い"]
    found = OpenWordConstraint(WORDS, [i, book], outside, required=[book])
    rows = ConstrainedRows([found])
    rows.mask(np.array([[float(index == EOS) for index in rows.ids]]))  # the end is wanted too early
    rows.advance([BEGIN])
    row = np.zeros((1, len(rows.ids)))
    rows.mask(row)
    assert rows.ids[np.isfinite(row[0])].tolist() == [book]
    assert masked(found, [BEGIN], {}) == sorted([i, book]), "a word that was not forced begins with anything"
    assert book not in masked(found, [BEGIN, book, END, BEGIN], {})
    assert book not in masked(found, [BEGIN, book, END, BEGIN, i], {})
    alone = OpenWordConstraint(WORDS, [book], outside, required=[book])
    assert masked(alone, [BEGIN, book, END], {}) == [EOS, TAG], "no other word is left"


OPEN = ModelConfig(VocabSize(30, VOCABULARY), d_model=8, n_heads=2, n_layers=2, d_ff=16, max_seq_len=12)
SENTENCES = st.lists(st.text(LETTERS, min_size=1, max_size=7), min_size=1, max_size=5)


def constrained(texts: list[str]) -> tuple[list[list[int]], list[OpenWordConstraint]]:
    """Sentences as ids, and their constraints; the first letter of each must be written."""
    outside = np.zeros(VOCABULARY, bool)
    outside[[EOS, TAG, BEGIN]] = True
    found = [
        OpenWordConstraint(
            WORDS,
            [IDS[letter] for letter in text],
            outside,
            [IDS[text[0]]] if text.count(text[0]) == 1 else [],
        )
        for text in texts
    ]
    return [[3 + LETTERS.index(letter) for letter in text] for text in texts], found


def assert_same(one: Hypothesis, other: Hypothesis) -> None:
    assert (one.ids, one.finished) == (other.ids, other.finished)
    np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-4)


@given(SENTENCES, st.integers(0, 20))
def test_one_beam_is_greedy_and_a_batch_is_each_alone(texts: list[str], seed: int) -> None:
    ops, model = NumpyOps(), network(seed, OPEN)
    sources, limits = constrained(texts)
    found = greedy(ops, model, sources, 12, constraints=limits)
    beams = beam_search(ops, model, sources, 12, 1, constraints=limits)
    wide = beam_search(ops, model, sources, 12, 3, 3, constraints=limits)
    for place, (source, limit) in enumerate(zip(sources, limits, strict=True)):
        assert_same(found[place], beams[place][0])
        [alone] = greedy(ops, model, [source], 12, constraints=[limit])
        assert_same(found[place], alone)
        [several] = beam_search(ops, model, [source], 12, 3, 3, constraints=[limit])
        assert len(several) == len(wide[place])
        for one, other in zip(several, wide[place], strict=True):
            assert_same(one, other)


@given(SENTENCES, st.integers(0, 20), st.sampled_from([1, 3]))
def test_every_result_keeps_the_rules(texts: list[str], seed: int, width: int) -> None:
    ops, model = NumpyOps(), network(seed, OPEN)
    sources, limits = constrained(texts)
    for limit, hypotheses in zip(
        limits, beam_search(ops, model, sources, 12, width, width, constraints=limits), strict=True
    ):
        for one in hypotheses:
            state = OUTSIDE
            for index in one.ids:
                inside = limit.allowed(state)
                assert limit.outside[index] if inside is None else index in inside
                state = limit.after(state, index)
            assert np.isfinite(one.log_probs).all()
            assert not one.finished or not (state.inside or limit.missing(state))


def test_probabilities_are_those_of_what_a_sentence_may_hold() -> None:
    """With one row the logits that count are those of the ids in ``possible``."""
    ops, model = NumpyOps(), network(3, OPEN)
    sources, [limit] = constrained(["書いて"])
    step = decoding_step(ops, model, sources, 5, ConstrainedRows([limit]))
    log_probs = step(np.array([SOS], np.int32))[0]
    logits = ops.to_host(model(ops.array(np.array(sources)), ops.array(np.array([[SOS]]))))[0, 0]
    chosen = logits[np.flatnonzero(limit.possible)].astype(np.float64)
    np.testing.assert_allclose(log_probs, chosen - np.log(np.exp(chosen).sum()), atol=1e-5)


@pytest.mark.parametrize("tied", [False, True])
def test_a_shortlist_is_those_columns_of_the_output_layer(tied: bool) -> None:
    config = replace(OPEN, tied_embeddings=tied)
    ops, model = NumpyOps(), network(1, config)
    memory, mask = model.encoder(ops.array(np.array([[4, 5, 6]])))
    cache = model.decoder.start(memory, mask, 4)
    columns = np.array([2, 3, 9, 11], np.int32)
    few, _ = model.decoder.step(
        ops.array(np.array([[SOS]])), model.decoder.shortlisted(cache, ops.array(columns))
    )
    every, _ = model.decoder.step(ops.array(np.array([[SOS]])), cache)
    np.testing.assert_allclose(ops.to_host(few), ops.to_host(every)[:, columns], atol=1e-5)


def test_temperature_divides_the_logits() -> None:
    ops = NumpyOps()
    source, target = [[4, 5, 6]], [[TAG]]
    cold, warm = (
        forced_log_probs(ops, network(2, replace(OPEN, temperature=value)), source, target)[0]
        for value in (1.0, 2.5)
    )
    scaled = cold.astype(np.float64) / 2.5
    expected = scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(warm, expected, atol=1e-5)
    step = decoding_step(ops, network(2, replace(OPEN, temperature=2.5)), source, 3)
    np.testing.assert_allclose(step(np.array([SOS], np.int32))[0], warm[0], atol=1e-5)
