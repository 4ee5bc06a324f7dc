"""The compiled operations against their formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import Mask
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.model.attention import attention

from ...backend_cases import make_ops, normal, require

NUMPY = NumpyOps()


@pytest.fixture(scope="module")
def ops() -> Any:
    require("int8")
    return make_ops("int8")


def floats(seed: int, *shape: int) -> np.ndarray:
    return normal(seed, *shape).astype(np.float32)


def rounded(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers and the step that they are multiples of, along ``axis``."""
    step = np.abs(x).max(axis, keepdims=True) / np.float32(127)
    whole = np.rint(x * (1 / np.where(step > 0, step, np.inf)).astype(np.float32))
    return whole, step.astype(np.float64)


def in_bytes(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x W + b by the definition in :mod:`jsl_seq2seq.backends.int8.weights`, in float64."""
    inputs, step = rounded(x, -1)
    largest = np.abs(weight).max(axis=0)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return inputs @ np.rint(weight / scale).astype(np.float64) * step * scale + bias


@given(rows=st.integers(1, 9), inner=st.integers(1, 70), outer=st.integers(1, 140), seed=st.integers(0, 99))
def test_linear_is_exact_in_whole_numbers(ops: Any, rows: int, inner: int, outer: int, seed: int) -> None:
    x, weight, bias = (floats(seed, *shape) for shape in ((rows, inner), (inner, outer), (outer,)))
    np.testing.assert_allclose(ops.linear(x, weight, bias), in_bytes(x, weight, bias), rtol=1e-5, atol=1e-5)


@given(rows=st.integers(1, 9), inner=st.integers(1, 70), seed=st.integers(0, 99))
def test_linear_is_as_near_as_rounding_allows(ops: Any, rows: int, inner: int, seed: int) -> None:
    """Each factor is off by half a step at most: |x w - x̂ ŵ| <= |x| w₁/2 + |w| x₁/2 + x₁ w₁/4."""
    x, weight = (floats(seed, *shape) for shape in ((rows, inner), (inner, 33)))
    x_step, w_step = np.abs(x).max(-1, keepdims=True) / 127, np.abs(weight).max(0, keepdims=True) / 127
    most = np.abs(x).sum(-1, keepdims=True) * w_step / 2 + np.abs(weight).sum(0) * x_step / 2
    most += inner * x_step * w_step / 4
    found = ops.linear(x, weight, np.zeros(33, np.float32))
    assert np.all(np.abs(found - x @ weight) <= most * 1.001 + 1e-5)


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30, -3.0])
def test_linear_of_rows_and_columns_of_one_value(ops: Any, value: float) -> None:
    x = np.full((3, 10), value, np.float32)
    weight = np.concatenate([np.full((10, 1), each, np.float32) for each in (0, 1e-5, 2, -7)], axis=1)
    bias = np.array([1, 2, 3, 4], np.float32)
    np.testing.assert_allclose(ops.linear(x, weight, bias), x @ weight + bias, rtol=1e-5)


def test_the_largest_sums_fit(ops: Any) -> None:
    """Every product as large as it can be, more of them than any preset has."""
    x, weight = np.ones((5, 8192), np.float32), -np.ones((8192, 3), np.float32)
    np.testing.assert_allclose(ops.linear(x, weight, np.zeros(3, np.float32)), -8192, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_stays_none(ops: Any, value: float) -> None:
    x, one = np.ones((2, 8), np.float32), np.ones(8, np.float32)
    x[0, 3] = value
    found = ops.linear(x, np.ones((8, 2), np.float32), np.zeros(2, np.float32))
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], 8, rtol=1e-6)
    assert np.isnan(ops.layer_norm(x, one, one)[0]).all()
    assert np.isnan(ops.log_softmax(x)[0]).any()


def test_linears_side_by_side(ops: Any) -> None:
    x = floats(0, 2, 3, 10)
    weights = [floats(seed, 10, outer) for seed, outer in enumerate((5, 64, 1))]
    biases = [floats(seed, weight.shape[1]) for seed, weight in enumerate(weights)]
    for found, weight, bias in zip(ops.linears(x, weights, biases), weights, biases, strict=True):
        assert found.shape == (2, 3, len(bias))
        np.testing.assert_array_equal(found, ops.linear(x, weight, bias))


def test_an_embedding_as_weights(ops: Any) -> None:
    x, rows = floats(0, 4, 10), floats(1, 70, 10)
    found = ops.matmul(x, rows, transpose_b=True)
    np.testing.assert_array_equal(
        found, ops.linear(x, np.ascontiguousarray(rows.T), np.zeros(70, np.float32))
    )


def test_arrays_that_are_gone_are_not_confused(ops: Any) -> None:
    """Weights are remembered by their id, which Python gives again."""
    x, bias = np.ones((1, 4), np.float32), np.zeros(2, np.float32)
    for value in range(1, 50):
        found = ops.linear(x, np.full((4, 2), value, np.float32), bias)
        np.testing.assert_allclose(found, 4 * value, rtol=1e-6)


def test_weights_that_serve_twice(ops: Any) -> None:
    x, weight = floats(0, 3, 4), floats(1, 4, 4)
    for bias in (floats(2, 4), floats(3, 4)):
        np.testing.assert_allclose(
            ops.linear(x, weight, bias), in_bytes(x, weight, bias), rtol=1e-5, atol=1e-5
        )
    found = ops.matmul(x, weight, transpose_b=True)
    np.testing.assert_allclose(found, in_bytes(x, weight.T, np.zeros(4)), rtol=1e-5, atol=1e-5)


def test_arrays_as_numpy_has_them(ops: Any) -> None:
    """Read-only, not dense, in float64."""
    x, weight, bias = normal(0, 6, 8)[::2], floats(1, 8, 5), floats(2, 5)
    weight.setflags(write=False)
    found = ops.linear(x, weight, bias)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, in_bytes(x.astype(np.float32), weight, bias), rtol=1e-5, atol=1e-5)
    heads = floats(3, 1, 2, 3, 4)
    heads.setflags(write=False)
    assert ops.fused_attention(heads, heads, heads, None) is not None


def test_inputs_for_other_weights(ops: Any) -> None:
    with pytest.raises(AssertionError):
        ops.linear(floats(0, 1, 12), floats(1, 8, 3), floats(2, 3))


def test_a_mask_for_each_head_goes_the_explicit_way(ops: Any) -> None:
    heads = floats(0, 1, 2, 3, 4)
    assert ops.fused_attention(heads, heads, heads, Mask("padding", np.ones((1, 2, 3, 3), bool))) is None
    assert ops.fused_attention(heads, heads, heads, Mask("padding", np.ones((1, 1, 1, 2), bool))) is None


@pytest.mark.parametrize("head", [1, 7, 8, 16, 30, 32, 40, 72])
@pytest.mark.parametrize("masked", ["nothing", "padding", "holes", "causal", "everything of one"])
def test_attention(ops: Any, head: int, masked: str) -> None:
    lengths = (6, 6) if masked == "causal" else (3, 6)
    query, key, value = (
        floats(seed, 3, 2, length, head) for seed, length in enumerate((*lengths, lengths[1]))
    )
    ids = np.array([[1, 1, 0, 0, 0, 0], [1] * 6, [0] * 6 if masked.startswith("everything") else [1] * 6])
    holes = Mask("padding", (np.arange(18).reshape(3, 1, 1, 6) % 5) % 2 == 0)
    mask = {"nothing": None, "causal": ops.causal_mask(6), "holes": holes}.get(
        masked, ops.padding_mask(ids, 0)
    )
    wanted: Any = attention(NUMPY, query, key, value, mask)[0]
    found = ops.fused_attention(query, key, value, mask)
    assert found is not None
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("head", [5, 13, 16])
def test_attention_to_part_of_a_cache(ops: Any, head: int) -> None:
    room = floats(0, 2, 3, 9, head)
    query = floats(1, 2, 1, 3 * head).reshape(2, 1, 3, head).transpose(0, 2, 1, 3)
    key, value = room[:, :, :4], room[:, :, 2:6]
    found = ops.fused_attention(query, key, value, None)
    assert found is not None
    wanted: Any = attention(NUMPY, query, key, value)[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_padding_changes_no_bit(ops: Any) -> None:
    query, key = floats(0, 1, 2, 5, 16), floats(1, 1, 2, 7, 16)
    padded = np.concatenate([key, np.full((1, 2, 20, 16), 1e9, np.float32)], axis=2)
    mask = Mask("padding", (np.arange(27) < 7)[None, None, None])
    one = ops.fused_attention(query, key, key, None)
    np.testing.assert_array_equal(ops.fused_attention(query, padded, padded, mask), one)


@pytest.mark.parametrize("width", [1, 5, 16, 100])
def test_rows(ops: Any, width: int) -> None:
    x, weight, bias = (floats(seed, *shape) for seed, shape in enumerate(((2, 3, width), (width,), (width,))))
    x *= 10
    np.testing.assert_allclose(
        ops.layer_norm(x, weight, bias), NUMPY.layer_norm(x, weight, bias), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(ops.relu(x), NUMPY.relu(x))
    np.testing.assert_allclose(ops.log_softmax(x), NUMPY.log_softmax(x), rtol=1e-5, atol=1e-5)
    # a view whose rows are not dense, as side by side layers give them
    wide = floats(9, 6, 2 * width)
    np.testing.assert_array_equal(ops.relu(wide[:, :width]), NUMPY.relu(wide[:, :width]))


def test_log_softmax_is_as_exact_as_float32(ops: Any) -> None:
    x = np.zeros((400, 2), np.float32)
    x[:, 1] = np.linspace(-6, 0, 400)
    np.testing.assert_allclose(ops.log_softmax(x), NUMPY.log_softmax(x.astype(np.float64)), rtol=0, atol=4e-7)


def test_log_softmax_of_far_apart_numbers(ops: Any) -> None:
    x = np.array([[0, -5, -80, -1e4, -1e38], [1e30, 0, 0, 0, 0]], np.float32)
    wanted = NUMPY.log_softmax(x.astype(np.float64))
    np.testing.assert_allclose(ops.log_softmax(x), wanted, rtol=1e-6, atol=1e-6)
