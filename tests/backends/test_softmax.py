"""softmax, and the masks it takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import Array

from ..backend_cases import Backend, Compute, Ops, normal
from .oracle import agree, leading, row_sizes, seeds, sizes

PAD = 0
id_rows = st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=1, max_size=4)
"""Padding anywhere, also nowhere and everywhere."""


def padded_softmax(ids: np.ndarray) -> Compute:
    def compute(ops: Ops, scores: Array) -> Array:
        return ops.softmax(scores, ops.padding_mask(ops.array(ids), PAD))

    return compute


def masked_softmax(scores: torch.Tensor, mask: np.ndarray) -> torch.Tensor:
    """A row without a single key becomes zeros instead of NaN."""
    visible = torch.from_numpy(mask)
    weights = torch.softmax(scores.masked_fill(~visible, -1e300), dim=-1)
    return weights * visible.any(dim=-1, keepdim=True)


@given(lead=leading, keys=row_sizes, seed=seeds)
def test_softmax(backend: Backend, lead: tuple[int, ...], keys: int, seed: int) -> None:
    scores = 3 * normal(seed, *lead, keys)
    agree(backend, lambda ops, x: ops.softmax(x), lambda x: torch.softmax(x, dim=-1), scores)


@given(batch=sizes, heads=sizes, queries=sizes, length=row_sizes, seed=seeds)
def test_softmax_under_a_padding_mask(
    backend: Backend, batch: int, heads: int, queries: int, length: int, seed: int
) -> None:
    ids = np.random.default_rng(seed).integers(0, 3, (batch, length))
    ids[0] = PAD  # at least one row sees nothing at all
    scores = 3 * normal(seed, batch, heads, queries, length)
    mask = (ids != PAD)[:, None, None, :]
    agree(backend, padded_softmax(ids), lambda x: masked_softmax(x, mask), scores)


@given(batch=sizes, heads=sizes, length=row_sizes.filter(lambda n: n < 100), seed=seeds)
def test_softmax_under_a_causal_mask(
    backend: Backend, batch: int, heads: int, length: int, seed: int
) -> None:
    scores = 3 * normal(seed, batch, heads, length, length)
    agree(
        backend,
        lambda ops, x: ops.softmax(x, ops.causal_mask(length)),
        lambda x: masked_softmax(x, np.tri(length, dtype=bool)),
        scores,
    )


@given(ids=id_rows, seed=seeds, size=st.sampled_from([1.0, 30.0, 1e4]))
def test_rows_sum_to_one_and_masked_keys_are_exactly_zero(
    backend: Backend, ids: list[list[int]], seed: int, size: float
) -> None:
    tokens = np.array(ids)
    scores = size * normal(seed, len(ids), 2, 3, 6)
    weights = backend.run(padded_softmax(tokens), scores)
    visible = np.broadcast_to((tokens != PAD)[:, None, None, :], weights.shape)
    assert np.all(np.isfinite(weights))
    assert np.all(weights >= 0)
    assert np.all(weights[~visible] == 0)
    sums = weights.sum(axis=-1, dtype=np.float64)
    np.testing.assert_allclose(sums, visible.any(axis=-1), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("scores", "ids", "wanted"),
    [
        ([1e30, 1e30, 0], None, [0.5, 0.5, 0]),
        ([1e30, -1e30, -1e30], None, [1, 0, 0]),
        ([-1e30, -1e30], None, [0.5, 0.5]),
        ([1e30, 1e30, 1e30], [1, 0, 1], [0.5, 0, 0.5]),
        ([-1e38, 1e38, 0], [1, 1, 1], [0, 1, 0]),
        ([0, 1e30], [1, 0], [1, 0]),
        ([1e30, -1e30], [0, 0], [0, 0]),
        ([-1e8, -1e8, 5], [1, 1, 0], [0.5, 0.5, 0]),
        ([-1e30, -1e30, 5], [1, 1, 0], [0.5, 0.5, 0]),
        ([-1e30, 5, 7], [1, 0, 0], [1, 0, 0]),
    ],
)
def test_huge_scores(
    backend: Backend,
    scores: list[float],
    ids: list[int] | None,
    wanted: list[float],
) -> None:
    """Never NaN, and what is masked stays masked however large the others are."""
    rows = np.array([[[scores]]], float)  # [B, H, T, S]
    compute = padded_softmax(np.array([ids])) if ids else lambda ops, x: ops.softmax(x)
    output, (gradient,) = backend.differentiate(compute, [rows], np.ones_like(rows))
    assert output.ravel().tolist() == wanted
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("masked", [False, True])
def test_rows_far_apart(backend: Backend, masked: bool) -> None:
    """Each row is shifted by its own maximum: next to a row of thousands, small numbers still count."""
    scores = np.array([[[[0.0, 1.0, 2.0], [5000.0, 5001.0, 5002.0], [-7000.0, -6999.0, -6998.0]]]])
    compute = padded_softmax(np.array([[1, 1, 1]])) if masked else lambda ops, x: ops.softmax(x)
    weights = backend.run(compute, scores)
    np.testing.assert_allclose(weights[0, 0], [[0.09003057, 0.24472847, 0.66524096]] * 3, rtol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 7])
def test_causal_mask_shows_the_past(backend: Backend, length: int) -> None:
    weights = backend.run(
        lambda ops, x: ops.softmax(x, ops.causal_mask(length)), np.zeros((1, 1, length, length))
    )
    wanted = np.tri(length) / np.arange(1, length + 1)[:, None]
    np.testing.assert_allclose(weights[0, 0], wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize("pad", [0, 2])
def test_padding_mask_hides_the_id_it_is_told(backend: Backend, pad: int) -> None:
    ids = np.array([[0, 1, 2, 2], [2, 2, 2, 0]])
    weights = backend.run(
        lambda ops, x: ops.softmax(x, ops.padding_mask(ops.array(ids), pad)), np.zeros((2, 1, 1, 4))
    )
    np.testing.assert_array_equal(weights[:, 0, 0] > 0, ids != pad)
