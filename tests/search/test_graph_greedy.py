"""Decoding that the device repeats on its own gives what decoding step by step gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import DecodingOps, GraphDecodingOps
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.search import GraphGreedy, greedy
from jsl_seq2seq.settings import ModelConfig, VocabSize

from ..backend_cases import NAMES, make_ops, missing

CONFIG = ModelConfig(VocabSize(20, 9), d_model=8, n_heads=2, n_layers=2, d_ff=16, max_seq_len=40)
SOURCES = st.lists(st.lists(st.integers(3, 19), min_size=1, max_size=11), min_size=1, max_size=5)


@pytest.fixture(scope="module", params=NAMES)
def captured(request: pytest.FixtureRequest) -> GraphDecodingOps:
    """Every backend, decoding as one that captures graphs."""
    if reason := missing(request.param):
        pytest.skip(reason)
    ops: Any = make_ops(request.param)
    if isinstance(ops, GraphDecodingOps):
        return ops
    # without a graph: the same operations one by one
    kind = type(f"Graph{type(ops).__name__}", (type(ops), GraphDecodingOps), {"pad_multiple": 4, "unroll": 3})
    return kind()


def network(ops: DecodingOps, seed: int) -> Transformer:
    parameters = initial_parameters(CONFIG, seed)
    parameters["decoder.output_projection.weight"] *= 5
    parameters["decoder.output_projection.bias"][2] += 1
    return Transformer(ops, {name: ops.array(value) for name, value in parameters.items()}, CONFIG)


@given(sources=SOURCES, seed=st.integers(0, 50), max_length=st.integers(1, 20))
def test_it_is_decoding_step_by_step(
    captured: GraphDecodingOps, sources: list[list[int]], seed: int, max_length: int
) -> None:
    plain = NumpyOps()
    wanted = greedy(plain, network(plain, seed), sources, max_length)
    found = greedy(captured, network(captured, seed), sources, max_length)
    for one, other in zip(found, wanted, strict=True):
        assert (one.ids, one.finished) == (other.ids, other.finished)
        np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-4)


def test_one_cache_serves_one_batch_after_another(captured: GraphDecodingOps) -> None:
    plain = NumpyOps()
    model, reference = network(captured, 3), network(plain, 3)
    graph = GraphGreedy(captured, model)
    generator = np.random.default_rng(0)
    for number in range(6):
        lengths = generator.integers(1, 12, 1 + number % 3)
        sources = [generator.integers(3, 20, length).tolist() for length in lengths]
        limit = 7 + 10 * (number % 2)
        found = greedy(captured, model, sources, limit, graph)
        wanted = greedy(plain, reference, sources, limit)
        assert [one.ids for one in found] == [one.ids for one in wanted]
