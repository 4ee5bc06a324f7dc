"""cache_write, gather_rows, cache_reorder: what decoding keeps between tags."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import DecodingOps

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


@pytest.mark.parametrize("static", [False, True])
def test_cache_write_is_in_place(backend: Backend, static: bool) -> None:
    """The buffer has the values although the result is dropped, at a number as at a position on the device."""
    written_in_place(backend.ops(), static)


def written_in_place(ops: DecodingOps, static: bool) -> None:
    buffer = ops.zeros((1, 2, 5, 1))
    for position, value in ((2, 7.0), (4, 9.0), (2, 8.0)):
        start = ops.array([position]) if static else position
        ops.cache_write(buffer, ops.array([[[[value]], [[-value]]]]), start)
    assert ops.to_host(buffer)[0, :, :, 0].tolist() == [[0, 0, 8, 0, 9], [0, 0, -8, 0, -9]]


def test_cache_write_at_a_position_on_the_device(backend: Backend) -> None:
    """One captured step serves every position: the result is the whole buffer, and a mask hides what follows."""
    ops = backend.ops()
    position = ops.array([2])
    mask = ops.causal_row_mask(position, 5)
    weights = ops.to_host(ops.softmax(ops.zeros((1, 2, 1, 5)), mask))
    np.testing.assert_allclose(weights, np.broadcast_to([1 / 3, 1 / 3, 1 / 3, 0, 0], (1, 2, 1, 5)), rtol=1e-6)
    buffer = ops.zeros((1, 2, 5, 1))
    whole = ops.cache_write(buffer, ops.array([[[[7.0]], [[8.0]]]]), position)
    for array in (whole, buffer):
        assert ops.to_host(array)[0, :, :, 0].tolist() == [[0, 0, 7, 0, 0], [0, 0, 8, 0, 0]]


@given(length=sizes, data=st.data())
def test_a_causal_row_is_a_row_of_the_causal_mask(backend: Backend, length: int, data: st.DataObject) -> None:
    ops, position = backend.ops(), data.draw(st.integers(0, length - 1))
    row = ops.causal_row_mask(ops.array([position]), length)
    assert row.kind == "prefix"
    whole = ops.to_host(ops.causal_mask(length).array)
    np.testing.assert_array_equal(ops.to_host(row.array), whole[:, :, position : position + 1])


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
