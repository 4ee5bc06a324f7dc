"""Greedy decoding against the plain definition of it, at its limits, and side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.search import Hypothesis, beam_search, decoding, greedy
from jsl_seq2seq.settings import EOS, PAD, SOS
from jsl_seq2seq.store import SavedModel

from ..small_models import eight_sentences, trained_small
from .networks import SOURCES, assert_same, by_definition, network

OPS = NumpyOps()


@given(SOURCES, st.integers(0, 50), st.integers(1, 6))
def test_side_by_side_is_the_definition_one_by_one(
    sources: list[list[int]], seed: int, max_length: int
) -> None:
    model = network(seed, EOS=1.0)
    for found, source in zip(greedy(OPS, model, sources, max_length), sources, strict=True):
        assert_same(found, by_definition(OPS, model, source, max_length))


def test_the_examples_above_end_in_both_ways() -> None:
    """Otherwise the test above would show little."""
    found = [h for seed in range(20) for h in greedy(OPS, network(seed, EOS=1.0), [[3, 4], [5]], 4)]
    assert {hypothesis.finished for hypothesis in found} == {True, False}
    assert len({hypothesis.ids for hypothesis in found}) > 10


def test_no_end_before_the_limit() -> None:
    [found] = greedy(OPS, network(EOS=-1e3), [[3, 4, 5]], 6)
    assert not found.finished
    assert len(found.ids) == len(found.log_probs) == 6
    assert EOS not in found.ids


def test_an_end_at_once() -> None:
    [found] = greedy(OPS, network(EOS=1e3), [[3, 4, 5]], 6)
    assert found == Hypothesis((), found.log_probs, True)
    assert found.log_probs == pytest.approx((0.0,))


@given(SOURCES)
def test_padding_and_start_are_never_written(sources: list[list[int]]) -> None:
    for found in greedy(OPS, network(PAD=1e2, SOS=1e2), sources, 6):
        assert not {PAD, SOS} & set(found.ids)
        assert all(np.isfinite(found.log_probs))


def sentence(tags: int) -> tuple[SavedModel, Transformer, list[int], list[int]]:
    """A trained model and a sentence with so many tags: source ids, target ids."""
    model = trained_small()
    pair = next(pair for pair in eight_sentences().pairs if len(pair.tags) == tags)
    source = list(model.tokenizers.source.encode(pair.source).ids)
    return (
        model,
        Transformer(OPS, model.parameters, model.config),
        source,
        list(model.tokenizers.target.vocabulary.ids_of(pair.tags)),
    )


def test_an_end_exactly_at_the_limit_is_an_end() -> None:
    _, model, source, target = sentence(3)
    [found] = greedy(OPS, model, [source], 3)
    assert (list(found.ids), found.finished, len(found.log_probs)) == (target, True, 4)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_limit_in_the_middle_cuts(limit: int) -> None:
    _, model, source, target = sentence(3)
    [found] = greedy(OPS, model, [source], limit)
    assert (list(found.ids), found.finished, len(found.log_probs)) == (target[:limit], False, limit)


def test_short_and_long_sentences_do_not_disturb_each_other() -> None:
    _, model, short, _ = sentence(1)
    _, _, long, _ = sentence(3)
    alone = [greedy(OPS, model, [source], 3)[0] for source in (short, long)]
    together = greedy(OPS, model, [short, long, short], 3)
    for found, expected in zip(together, [*alone, alone[0]], strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize("room", [1, 3])
@pytest.mark.parametrize("end", [-10.0, 0.5])
def test_a_cache_that_becomes_too_small_grows(monkeypatch: pytest.MonkeyPatch, room: int, end: float) -> None:
    model, sources = network(3, EOS=end), [[5, 6, 7], [8], [9, 10, 11, 12]]
    wanted = greedy(OPS, model, sources, 12)
    monkeypatch.setattr(decoding, "_CAPACITY", room)
    assert max(len(one.ids) for one in wanted) > room
    for one, other in zip(greedy(OPS, model, sources, 12), wanted, strict=True):
        assert_same(one, other)
    for one, other in zip(beam_search(OPS, model, sources, 12, 1), wanted, strict=True):
        assert_same(one[0], other)


def test_the_model_is_left_as_it_was() -> None:
    model = trained_small()
    before = {name: array.copy() for name, array in model.parameters.items()}
    greedy(OPS, Transformer(OPS, model.parameters, replace(model.config)), [[3, 4]], 5)
    assert all((before[name] == model.parameters[name]).all() for name in before)
