"""Forced scoring against decoding and against the definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.search import forced_log_probs, greedy, score
from jsl_seq2seq.settings import EOS, SOS

from ..backend_cases import Backend
from .networks import CONFIG, SOURCES, network, network_on

OPS = NumpyOps()
TARGETS = st.lists(st.integers(3, 8), max_size=5)


@given(SOURCES, st.integers(0, 50))
def test_what_decoding_wrote_scores_what_decoding_said(sources: list[list[int]], seed: int) -> None:
    model = network(seed, EOS=1.0)
    found = greedy(OPS, model, sources, 6)
    forced = score(OPS, model, sources, [h.ids for h in found])
    for one, other in zip(found, forced, strict=True):
        assert (other.ids, other.finished) == (one.ids, True)
        np.testing.assert_allclose(other.log_probs[: len(one.log_probs)], one.log_probs, atol=1e-5)


@given(
    st.lists(st.tuples(st.lists(st.integers(3, 19), min_size=1, max_size=8), TARGETS), min_size=1, max_size=5)
)
def test_side_by_side_is_the_definition_one_by_one(pairs: list[tuple[list[int], list[int]]]) -> None:
    model = network(4)
    found = score(OPS, model, [source for source, _ in pairs], [target for _, target in pairs])
    for one, (source, target) in zip(found, pairs, strict=True):
        logits = OPS.to_host(model(np.array([source]), np.array([[SOS, *target]])))[0].astype(np.float64)
        wanted = [
            row[tag] - np.log(np.exp(row).sum()) for row, tag in zip(logits, [*target, EOS], strict=True)
        ]
        np.testing.assert_allclose(one.log_probs, wanted, atol=1e-5)


def test_every_place_is_a_distribution(backend: Backend) -> None:
    ops = backend.ops()
    sources, targets = [[3, 4], [5, 6, 7]], [[3, 4, 5], []]
    found = forced_log_probs(ops, network_on(ops, 1), sources, targets)
    assert [rows.shape for rows in found] == [(4, CONFIG.vocab_size.target), (1, CONFIG.vocab_size.target)]
    for rows, wanted in zip(found, forced_log_probs(OPS, network(1), sources, targets), strict=True):
        np.testing.assert_allclose(np.exp(rows).sum(axis=-1), 1, rtol=1e-5)
        np.testing.assert_allclose(rows, wanted, atol=1e-4)
