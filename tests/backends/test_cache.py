"""cache_write, gather_rows, cache_reorder: what decoding keeps between tags."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..backend_cases import Backend, normal
from .oracle import seeds, sizes


@given(
    batch=sizes,
    heads=sizes,
    width=sizes,
    pieces=st.lists(sizes, min_size=1, max_size=4),
    spare=st.integers(0, 3),
    seed=seeds,
)
def test_cache_write(
    backend: Backend, batch: int, heads: int, width: int, pieces: list[int], spare: int, seed: int
) -> None:
    """Piece after piece; what comes back is all of them so far, and later pieces do not disturb earlier ones."""
    ops = backend.ops()
    capacity = sum(pieces) + spare
    buffer = ops.zeros((batch, heads, capacity, width))
    values = normal(seed, batch, heads, sum(pieces), width).astype(backend.dtype)
    start = 0
    for piece in pieces:
        end = start + piece
        so_far = ops.cache_write(buffer, ops.array(values[:, :, start:end]), start)
        assert tuple(so_far.shape) == (batch, heads, end, width)
        np.testing.assert_array_equal(ops.to_host(so_far), values[:, :, :end])
        start = end
    whole = ops.to_host(buffer)
    np.testing.assert_array_equal(whole[:, :, :start], values)
    np.testing.assert_array_equal(whole[:, :, start:], 0)


def test_cache_write_where_only_the_device_knows(backend: Backend) -> None:
    """What replayed decoding does: the position is an array, and a mask hides the places after it."""
    ops = backend.ops()
    position = ops.array([2])
    try:
        mask = ops.seen_mask(position, 5)
    except NotImplementedError:
        pytest.skip(f"{backend.name} does not replay decoding")
    weights = ops.to_host(ops.softmax(ops.zeros((1, 2, 1, 5)), mask))
    np.testing.assert_allclose(weights, np.broadcast_to([1 / 3, 1 / 3, 1 / 3, 0, 0], (1, 2, 1, 5)), rtol=1e-6)
    buffer = ops.zeros((1, 2, 5, 1))
    whole = ops.cache_write(buffer, ops.array([[[[7.0]], [[8.0]]]]), position)
    for array in (whole, buffer):
        assert ops.to_host(array)[0, :, :, 0].tolist() == [[0, 0, 7, 0, 0], [0, 0, 8, 0, 0]]


def test_cache_write_again_at_the_same_place(backend: Backend) -> None:
    ops = backend.ops()
    buffer = ops.zeros((1, 1, 3, 1))
    ops.cache_write(buffer, ops.array([[[[1.0], [2.0], [3.0]]]]), 0)
    so_far = ops.cache_write(buffer, ops.array([[[[9.0]]]]), 1)
    assert ops.to_host(so_far).ravel().tolist() == [1, 9]
    assert ops.to_host(buffer).ravel().tolist() == [1, 9, 3]


@given(
    batch=sizes, heads=sizes, queries=sizes, filled=sizes, width=sizes, transposed=st.booleans(), seed=seeds
)
def test_the_written_part_can_be_multiplied(
    backend: Backend,
    batch: int,
    heads: int,
    queries: int,
    filled: int,
    width: int,
    transposed: bool,
    seed: int,
) -> None:
    """It may be a window into a longer buffer; attention multiplies with it as with any array."""
    ops = backend.ops()
    values = backend.rounded(normal(seed, batch, heads, filled, width))
    window = ops.cache_write(ops.zeros((batch, heads, filled + 2, width)), ops.array(values), 0)
    a = backend.rounded(normal(seed + 1, batch, heads, queries, width if transposed else filled))
    found = ops.to_host(ops.matmul(ops.array(a), window, transpose_b=transposed))
    np.testing.assert_allclose(
        found, a @ (values.swapaxes(2, 3) if transposed else values), rtol=1e-5, atol=1e-6
    )


@given(rows=sizes, chosen=st.lists(st.integers(0, 4), min_size=1, max_size=7), seed=seeds)
def test_gather_rows(backend: Backend, rows: int, chosen: list[int], seed: int) -> None:
    """Any rows in any order, of an array, a transposed view and a window; a copy, not a view."""
    ops = backend.ops()
    values = backend.rounded(normal(seed, rows, 2, 3, 4)).astype(backend.dtype)
    places = np.array(chosen) % rows
    for x, host in (
        (ops.array(values), values),
        (ops.transpose(ops.array(values), (0, 2, 1, 3)), values.transpose(0, 2, 1, 3)),
    ):
        taken = ops.gather_rows(x, ops.array(places))
        np.testing.assert_array_equal(ops.to_host(taken), host[places])
    buffer = ops.zeros((rows, 2, 5, 4))
    ops.cache_write(buffer, ops.array(values), 0)
    taken = ops.gather_rows(buffer, ops.array(places))
    ops.cache_write(taken, ops.array(np.ones((len(chosen), 2, 1, 4), backend.dtype)), 3)
    np.testing.assert_array_equal(ops.to_host(buffer)[:, :, 3:], 0)
    np.testing.assert_array_equal(ops.to_host(taken)[:, :, :3], values[places])


@given(data=st.data(), rows=sizes, seed=seeds)
def test_cache_reorder(backend: Backend, data: st.DataObject, rows: int, seed: int) -> None:
    """Between rows, in the places named, and all from what stood there before."""
    ops = backend.ops()
    chosen = data.draw(st.lists(st.integers(0, rows - 1), min_size=rows, max_size=rows))
    start = data.draw(st.integers(0, 4))
    end = data.draw(st.integers(start + 1, 5))
    values = normal(seed, rows, 2, 5, 3).astype(backend.dtype)
    buffer = ops.zeros((rows, 2, 6, 3))
    ops.cache_write(buffer, ops.array(values), 0)
    ops.cache_reorder(buffer, ops.array(np.array(chosen)), start, end)
    wanted = np.concatenate([values, np.zeros((rows, 2, 1, 3))], axis=2)
    wanted[:, :, start:end] = values[chosen, :, start:end]
    np.testing.assert_array_equal(ops.to_host(buffer), wanted)
