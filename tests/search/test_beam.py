"""Beam search against every sequence there is, its limits, and side by side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.search import Hypothesis, beam_search, forced_log_probs, greedy, penalized, score
from jsl_seq2seq.search.beam import _largest
from jsl_seq2seq.settings import EOS, PAD, SOS, ModelConfig, VocabSize

from ..backend_cases import Backend, Ops
from .networks import CONFIG, SOURCES, network, network_on

OPS = NumpyOps()
TINY = ModelConfig(VocabSize(8, 6), d_model=8, n_heads=2, n_layers=1, d_ff=16, max_seq_len=4)


def assert_same(one: Sequence[Hypothesis], other: Sequence[Hypothesis], tolerance: float = 1e-5) -> None:
    assert [(h.ids, h.finished) for h in one] == [(h.ids, h.finished) for h in other]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.log_probs, b.log_probs, atol=tolerance)


def every_ended(model: Transformer, source: list[int], max_length: int, alpha: float) -> list[Hypothesis]:
    """All translations that can be written, best first."""
    targets = [
        ids
        for length in range(max_length + 1)
        for ids in itertools.product(range(EOS + 1, TINY.vocab_size.target), repeat=length)
    ]
    places = forced_log_probs(OPS, model, [source] * len(targets), targets)
    # at the limit only a model that wants to end there has ended
    wanted = [
        len(ids) < max_length or rows[-1, EOS:].argmax() == 0
        for ids, rows in zip(targets, places, strict=True)
    ]
    scored = score(OPS, model, [source] * len(targets), targets)
    kept = [one for one, wants in zip(scored, wanted, strict=True) if wants]
    return sorted(kept, key=lambda h: -penalized(h.log_prob, len(h.log_probs), alpha))


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_of_all(seed: int, alpha: float) -> None:
    model = network(seed, TINY, EOS=0.5)
    # nothing is ever crowded out: 3 tags, at most 3 of them
    found = beam_search(OPS, model, [[3, 4, 5]], 3, 200, n_best=5, length_penalty=alpha)[0]
    assert_same(found, every_ended(model, [3, 4, 5], 3, alpha)[:5])


@given(SOURCES, st.integers(0, 50), st.integers(1, 6), st.floats(0, 2))
def test_width_one_is_greedy(sources: list[list[int]], seed: int, max_length: int, alpha: float) -> None:
    model = network(seed, EOS=1.0)
    wanted = greedy(OPS, model, sources, max_length)
    found = beam_search(OPS, model, sources, max_length, 1, length_penalty=alpha)
    assert_same([best for [best] in found], wanted)


@given(SOURCES, st.integers(0, 50), st.integers(2, 5), st.integers(1, 3))
def test_batch_equals_single(sources: list[list[int]], seed: int, width: int, n_best: int) -> None:
    model = network(seed, EOS=1.0)
    n_best = min(n_best, width)
    together = beam_search(OPS, model, sources, 6, width, n_best)
    for found, source in zip(together, sources, strict=True):
        assert_same(found, beam_search(OPS, model, [source], 6, width, n_best)[0])


@given(SOURCES, st.integers(0, 50), st.integers(1, 5), st.integers(1, 5), st.floats(0, 2))
def test_stopping_early_changes_nothing(
    sources: list[list[int]], seed: int, width: int, n_best: int, alpha: float
) -> None:
    model = network(seed, EOS=1.0)
    n_best = min(n_best, width)
    early = beam_search(OPS, model, sources, 6, width, n_best, alpha)
    late = beam_search(OPS, model, sources, 6, width, n_best, alpha, stop_early=False)
    for one, other in zip(early, late, strict=True):
        assert_same(one, other)


def test_it_stops_early_at_all() -> None:
    model, steps = network(3, EOS=3.0), []
    step = model.decoder.step
    model.decoder.step = lambda *arguments: steps.append(1) or step(*arguments)  # type: ignore[method-assign]
    beam_search(OPS, model, [[3, 4]], 6, 4)
    early = len(steps)
    beam_search(OPS, model, [[3, 4]], 6, 4, stop_early=False)
    assert early < len(steps) - early


@given(SOURCES, st.integers(0, 20), st.integers(1, 5))
def test_every_hypothesis_is_scored_as_forced(sources: list[list[int]], seed: int, width: int) -> None:
    """The cache followed the beams when they changed places."""
    model = network(seed, EOS=1.0)
    for source, found in zip(sources, beam_search(OPS, model, sources, 6, width, width), strict=True):
        assert len({h.ids for h in found}) == len(found)
        for hypothesis in found:
            [forced] = score(OPS, model, [source], [hypothesis.ids])
            length = len(hypothesis.log_probs)
            np.testing.assert_allclose(hypothesis.log_probs, forced.log_probs[:length], atol=1e-5)


@given(SOURCES)
def test_padding_and_start_are_never_written(sources: list[list[int]]) -> None:
    for found in beam_search(OPS, network(PAD=1e2, SOS=1e2), sources, 6, 3, 3):
        assert all(not {PAD, SOS} & set(h.ids) and np.isfinite(h.log_prob) for h in found)


def test_wider_than_there_are_tags() -> None:
    found = beam_search(OPS, network(0, TINY), [[3, 4]], 1, 50, 50)[0]
    assert sorted(h.ids for h in found if h.finished)[0] == ()
    assert len(found) == len({h.ids for h in found}) == 4  # nothing, and each of three tags


def test_no_end_before_the_limit() -> None:
    found = beam_search(OPS, network(EOS=-1e3), [[3, 4, 5]], 4, 3, 3)[0]
    assert len(found) == 3
    assert all(not h.finished and len(h.ids) == len(h.log_probs) == 4 for h in found)
    assert [h.log_prob for h in found] == sorted((h.log_prob for h in found), reverse=True)


def test_the_penalty_favours_length() -> None:
    lengths = [
        [
            len(beam_search(OPS, network(seed, EOS=1.0), [[3, 4]], 6, 6, 1, alpha)[0][0].ids)
            for seed in range(20)
        ]
        for alpha in (0.0, 3.0)
    ]
    assert sum(lengths[1]) > sum(lengths[0])


@pytest.mark.parametrize(("width", "n_best", "alpha"), [(0, 1, 0.6), (2, 3, 0.6), (2, 0, 0.6), (2, 1, -0.1)])
def test_impossible_searches(width: int, n_best: int, alpha: float) -> None:
    with pytest.raises(ValueError, match="beam_search"):
        beam_search(OPS, network(), [[3]], 3, width, n_best, alpha)


def test_ties_go_to_the_first() -> None:
    """All tags alike: the lowest numbers win, in every run and every batch."""
    model = network()
    projection = {"weight": np.zeros((8, 9), np.float32), "bias": np.zeros(9, np.float32)}
    projection["bias"][EOS] = -5
    model.decoder._output_projection.weight = projection["weight"]  # type: ignore[union-attr]
    model.decoder._output_projection.bias = projection["bias"]  # type: ignore[union-attr]
    found = beam_search(OPS, model, [[3, 4], [5]], 2, 3, 3)
    assert [[h.ids for h in one] for one in found] == [[(3, 3), (3, 4), (3, 5)]] * 2


@given(
    values=st.lists(st.sampled_from([-np.inf, -2.0, -1.0, 0.0]), min_size=1, max_size=12),
    count=st.integers(1, 15),
)
def test_the_largest_in_order(values: list[float], count: int) -> None:
    wanted = sorted((i for i, v in enumerate(values) if np.isfinite(v)), key=lambda i: -values[i])[:count]
    assert _largest(np.array(values), count).tolist() == wanted


@pytest.mark.parametrize("width", [1, 4])
def test_every_backend_finds_the_same(backend: Backend, width: int) -> None:
    ops: Ops = backend.ops()
    generator = np.random.default_rng(5)
    sources = [generator.integers(3, 20, length).tolist() for length in (7, 1, 4, 4)]
    for seed in range(3):
        wanted = beam_search(OPS, network(seed, EOS=1.0), sources, 8, width, width)
        model = network_on(ops, seed, EOS=1.0)
        for one, other in zip(beam_search(ops, model, sources, 8, width, width), wanted, strict=True):
            assert_same(one, other, 1e-4)


def test_a_model_without_masks(backend: Backend) -> None:
    """Every tag changes what stands before it: no cache, and the beams still follow their own beginnings."""
    from dataclasses import replace  # noqa: PLC0415

    config = replace(CONFIG, attention_masks=False, source_length=5)
    ops = backend.ops()
    model, reference = network_on(ops, 2, config, EOS=1.0), network(2, config, EOS=1.0)
    sources = [[3, 4, 5], [6], [7, 8, 9, 10, 11, 12], [4, 4]]
    wanted = beam_search(OPS, reference, sources, 5, 3, 3)
    for one, other, source in zip(beam_search(ops, model, sources, 5, 3, 3), wanted, sources, strict=True):
        assert_same(one, other, 1e-4)
        assert_same(one, beam_search(ops, model, [source], 5, 3, 3)[0], 1e-4)
        forced = score(ops, model, [source] * len(one), [h.ids for h in one])
        for hypothesis, again in zip(one, forced, strict=True):
            length = len(hypothesis.log_probs)
            np.testing.assert_allclose(hypothesis.log_probs, again.log_probs[:length], atol=1e-4)
