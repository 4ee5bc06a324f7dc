"""The promises of decoding, on every backend that is here: bar 3 of the plan."""

from __future__ import annotations

import numpy as np
import pytest

from jsl_seq2seq.config import EOS, PAD, SOS
from jsl_seq2seq.decode import Hypothesis, beam_search, greedy
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.ops.base import Ops

from ..backends import Backend
from .networks import network_on

SOURCES = [[3, 4, 5, 6, 7, 8, 9], [10], [11, 12, 13], [14, 15, 16]]
LIMIT = 12
SEEDS = range(4)


def uncached(ops: Ops, model: Transformer, source: list[int]) -> Hypothesis:
    """One sentence, the whole prefix again for every tag."""
    ids: list[int] = []
    log_probs: list[float] = []
    while True:
        logits = model(ops.array(np.array([source])), ops.array(np.array([[SOS, *ids]])))
        scores = ops.to_host(ops.log_softmax(logits))[0, -1].copy()
        scores[[PAD, SOS]] = -np.inf
        best = int(scores.argmax())
        if best != EOS and len(ids) == LIMIT:
            return Hypothesis(tuple(ids), tuple(log_probs), False)
        log_probs.append(float(scores[best]))
        if best == EOS:
            return Hypothesis(tuple(ids), tuple(log_probs), True)
        ids.append(best)


def assert_same(one: Hypothesis, other: Hypothesis) -> None:
    assert (one.ids, one.finished) == (other.ids, other.finished)
    np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_cached_is_uncached(backend: Backend, seed: int) -> None:
    ops = backend.ops()
    model = network_on(ops, seed, EOS=0.5)
    for found, source in zip(greedy(ops, model, SOURCES, LIMIT), SOURCES, strict=True):
        assert_same(found, uncached(ops, model, source))


@pytest.mark.parametrize("seed", SEEDS)
def test_beam_one_is_greedy(backend: Backend, seed: int) -> None:
    ops = backend.ops()
    model = network_on(ops, seed, EOS=0.5)
    wanted = greedy(ops, model, SOURCES, LIMIT)
    for [found], one in zip(beam_search(ops, model, SOURCES, LIMIT, 1), wanted, strict=True):
        assert_same(found, one)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_batch_is_single(backend: Backend, seed: int, width: int) -> None:
    ops = backend.ops()
    model = network_on(ops, seed, EOS=0.5)
    together = beam_search(ops, model, SOURCES, LIMIT, width, width)
    for found, source in zip(together, SOURCES, strict=True):
        for one, other in zip(found, beam_search(ops, model, [source], LIMIT, width, width)[0], strict=True):
            assert_same(one, other)
    for found, source in zip(greedy(ops, model, SOURCES, LIMIT), SOURCES, strict=True):
        assert_same(found, greedy(ops, model, [source], LIMIT)[0])
