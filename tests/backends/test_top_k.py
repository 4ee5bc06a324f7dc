"""top_k."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ..backend_cases import Backend
from .oracle import leading, row_sizes, seeds


@given(data=st.data(), lead=leading, classes=row_sizes, distinct=st.sampled_from([2, 1000]), seed=seeds)
def test_top_k(
    backend: Backend, data: st.DataObject, lead: tuple[int, ...], classes: int, distinct: int, seed: int
) -> None:
    """Largest first, and of equals the first: what Python's stable sort gives."""
    k = data.draw(st.integers(1, min(classes, 8)))
    x = np.random.default_rng(seed).integers(-distinct, distinct, (*lead, classes)) / 4
    ops = backend.ops()
    values, indices = (ops.to_host(found) for found in ops.top_k(ops.array(x), k))
    assert values.shape == indices.shape == (*lead, k)
    assert indices.dtype.kind in "iu"
    for row, best, places in zip(
        x.reshape(-1, classes), values.reshape(-1, k), indices.reshape(-1, k), strict=True
    ):
        wanted = sorted(range(classes), key=lambda place: -row[place])[:k]
        assert places.tolist() == wanted
        assert best.tolist() == row[wanted].tolist()


def test_indices_feed_the_next_step(backend: Backend) -> None:
    """Greedy decoding gives them straight back as ids."""
    ops = backend.ops()
    _, best = ops.top_k(ops.array([[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]]), 1)
    vectors = ops.embedding(ops.array([[0.0], [10.0], [20.0]]), best)
    assert ops.to_host(vectors).tolist() == [[[10.0]], [[0.0]]]
