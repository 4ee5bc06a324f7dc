"""Ensembles: the mean of the members' distributions at every place, whatever the search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jsl_seq2seq.backends.interface import DecodingOps
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.search import Ensemble, beam_search, forced_log_probs, greedy, score
from jsl_seq2seq.search.decoding import mean_log_probs
from jsl_seq2seq.settings import EOS, PAD, SOS, ModelConfig

from ..backend_cases import KNOWN, make_ops, require
from ..refusals import refused
from .networks import CONFIG, assert_same, network_on, parameters

OPS = NumpyOps()
SOURCES = [[3, 4, 5, 6, 7, 8, 9], [10], [11, 12, 13], [14, 15, 16]]
LIMIT = 12
WIDER = replace(CONFIG, d_model=12, n_heads=3, n_layers=1)
UNMASKED = replace(CONFIG, attention_masks=False)


@pytest.fixture(params=KNOWN)
def ops(request: pytest.FixtureRequest) -> DecodingOps:
    require(request.param)
    return make_ops(request.param)


def pair(ops: DecodingOps, seed: int, config: ModelConfig = CONFIG) -> tuple[Transformer, Transformer]:
    """Two different models, the second of another size if ``config`` is the usual one."""
    other = WIDER if config is CONFIG else config
    return network_on(ops, seed, config, EOS=0.5), network_on(ops, seed + 100, other, EOS=0.5)


def test_the_mean_is_of_probabilities_and_is_a_distribution() -> None:
    rng = np.random.default_rng(0)
    members = rng.dirichlet(np.ones(5), size=(3, 4))
    with np.errstate(under="raise", over="raise"):
        found = mean_log_probs([np.log(one).astype(np.float32) for one in members])
    np.testing.assert_allclose(np.exp(found), members.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.exp(found).sum(axis=-1), 1, rtol=1e-5)


def test_the_mean_of_hopeless_tags_is_still_a_number() -> None:
    assert mean_log_probs([np.array([-1e9, 0.0]), np.array([-2e9, 0.0])]) == pytest.approx([-1e9, 0.0])


@pytest.mark.parametrize("config", [CONFIG, UNMASKED], ids=["masked", "unmasked"])
def test_of_one_model_twice_it_is_that_model(ops: DecodingOps, config: ModelConfig) -> None:
    model = network_on(ops, 1, config, EOS=0.5)
    twice = Ensemble((model, model))
    for one, two in zip(greedy(ops, model, SOURCES, LIMIT), greedy(ops, twice, SOURCES, LIMIT), strict=True):
        assert_same(two, one, 1e-6)
    for one, two in zip(
        beam_search(ops, model, SOURCES, LIMIT, 3, 3),
        beam_search(ops, twice, SOURCES, LIMIT, 3, 3),
        strict=True,
    ):
        for a, b in zip(one, two, strict=True):
            assert_same(b, a, 1e-6)
    targets = [[3, 4], [5], [], [6, 7, 8]]
    for one, two in zip(
        score(ops, model, SOURCES, targets), score(ops, twice, SOURCES, targets), strict=True
    ):
        assert_same(two, one, 1e-6)


def by_definition(
    ops: DecodingOps, members: tuple[Transformer, ...], source: list[int]
) -> list[tuple[int, float]]:
    """Greedy decoding of one sentence by the mean of probabilities, each prefix computed again as a whole."""
    ids: list[int] = []
    found = []
    while len(found) <= LIMIT:
        shares = []
        for model in members:
            logits = ops.to_host(model(ops.array(np.array([source])), ops.array(np.array([[SOS, *ids]]))))
            last = np.exp(logits[0, -1].astype(np.float64) - logits[0, -1].max())
            shares.append(last / last.sum())
        mean = np.mean(shares, axis=0)
        mean[[PAD, SOS]] = 0
        best = int(mean.argmax())
        found.append((best, float(np.log(mean[best]))))
        if best == EOS:
            break
        ids.append(best)
    return found


def test_of_two_models_every_tag_has_their_mean_probability(ops: DecodingOps) -> None:
    members = pair(ops, 0)
    for found, source in zip(greedy(ops, Ensemble(members), SOURCES, LIMIT), SOURCES, strict=True):
        wanted = by_definition(ops, members, source)
        tags = [tag for tag, _ in wanted if tag != EOS][:LIMIT]
        assert list(found.ids) == tags
        np.testing.assert_allclose(
            found.log_probs, [value for _, value in wanted[: len(found.log_probs)]], atol=1e-4
        )


def test_two_models_together_say_what_neither_says_alone() -> None:
    """Otherwise the test above would show little."""
    alone, together = set(), set()
    for seed in range(20):
        members = pair(OPS, seed)
        both = greedy(OPS, Ensemble(members), SOURCES, LIMIT)
        each = [greedy(OPS, one, SOURCES, LIMIT) for one in members]
        for index, found in enumerate(both):
            same = any(found.ids == own[index].ids for own in each)
            (alone if same else together).add((seed, index))
    assert alone and together


@pytest.mark.parametrize(("width", "config"), [(3, CONFIG), (1, UNMASKED)], ids=["masked", "unmasked"])
def test_batch_is_single_and_beam_one_is_greedy(ops: DecodingOps, width: int, config: ModelConfig) -> None:
    model = Ensemble(pair(ops, 7, config))
    together = beam_search(ops, model, SOURCES, LIMIT, width, width)
    for found, source in zip(together, SOURCES, strict=True):
        for one, other in zip(found, beam_search(ops, model, [source], LIMIT, width, width)[0], strict=True):
            assert_same(one, other, 1e-4)
    if width == 1:
        for [one], other in zip(together, greedy(ops, model, SOURCES, LIMIT), strict=True):
            assert_same(one, other, 1e-4)


def test_what_is_scored_is_the_mean_at_every_place(ops: DecodingOps) -> None:
    members = pair(ops, 3)
    sources, targets = [[3, 4], [5, 6, 7]], [[3, 4, 5], []]
    found = forced_log_probs(ops, Ensemble(members), sources, targets)
    each = [forced_log_probs(ops, one, sources, targets) for one in members]
    for rows, *own in zip(found, *each, strict=True):
        np.testing.assert_allclose(np.exp(rows), np.mean(np.exp(own), axis=0), atol=1e-5)
    for one, rows, target in zip(
        score(ops, Ensemble(members), sources, targets), found, targets, strict=True
    ):
        np.testing.assert_allclose(one.log_probs, rows[np.arange(len(target) + 1), [*target, EOS]], atol=1e-6)


def test_a_member_that_has_diverged_is_found() -> None:
    values = parameters(100, WIDER)
    values["decoder.output_projection.bias"][5] = np.nan
    sound, broken = network_on(OPS, 0), Transformer(OPS, values, WIDER)
    for width in (1, 2):
        with refused(Failure, code="scores-not-finite"), np.errstate(all="ignore"):
            beam_search(OPS, Ensemble((sound, broken)), SOURCES, LIMIT, width)
    with refused(Failure, code="scores-not-finite"), np.errstate(all="ignore"):
        greedy(OPS, Ensemble((sound, broken)), SOURCES, LIMIT)
