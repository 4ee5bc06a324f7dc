"""The promises of decoding, on every backend that is here: bar 3 of the plan."""

from __future__ import annotations

import pytest

from jsl_seq2seq.search import beam_search, greedy

from ..backend_cases import Backend
from .networks import assert_same, by_definition, network_on

SOURCES = [[3, 4, 5, 6, 7, 8, 9], [10], [11, 12, 13], [14, 15, 16]]
LIMIT = 12
SEEDS = range(4)
TOLERANCE = 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_cached_is_uncached(backend: Backend, seed: int) -> None:
    ops = backend.ops()
    model = network_on(ops, seed, EOS=0.5)
    for found, source in zip(greedy(ops, model, SOURCES, LIMIT), SOURCES, strict=True):
        assert_same(found, by_definition(ops, model, source, LIMIT), TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_beam_one_is_greedy(backend: Backend, seed: int) -> None:
    ops = backend.ops()
    model = network_on(ops, seed, EOS=0.5)
    wanted = greedy(ops, model, SOURCES, LIMIT)
    for [found], one in zip(beam_search(ops, model, SOURCES, LIMIT, 1), wanted, strict=True):
        assert_same(found, one, TOLERANCE)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_batch_is_single(backend: Backend, seed: int, width: int) -> None:
    ops = backend.ops()
    model = network_on(ops, seed, EOS=0.5)
    together = beam_search(ops, model, SOURCES, LIMIT, width, width)
    for found, source in zip(together, SOURCES, strict=True):
        for one, other in zip(found, beam_search(ops, model, [source], LIMIT, width, width)[0], strict=True):
            assert_same(one, other, TOLERANCE)
    for found, source in zip(greedy(ops, model, SOURCES, LIMIT), SOURCES, strict=True):
        assert_same(found, greedy(ops, model, [source], LIMIT)[0], TOLERANCE)
