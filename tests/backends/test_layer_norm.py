"""layer_norm."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given

from jsl_seq2seq.backends.interface import Array

from ..backend_cases import Backend, Ops, normal
from .oracle import agree, leading, row_sizes, seeds


def compute(ops: Ops, x: Array, weight: Array, bias: Array) -> Array:
    return ops.layer_norm(x, weight, bias)


def formula(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.layer_norm(x, weight.shape, weight, bias, 1e-5)


@given(lead=leading, width=row_sizes, seed=seeds)
def test_layer_norm(backend: Backend, lead: tuple[int, ...], width: int, seed: int) -> None:
    x = normal(seed, *lead, width)
    # two almost equal numbers have a variance near 0, which magnifies rounding up to 1/sqrt(epsilon) times
    spread = np.sqrt(x.var(axis=-1).min() + 1e-5)
    slack = max(1, 1 / spread)
    agree(backend, compute, formula, x, normal(seed + 1, width), normal(seed + 2, width), slack=slack)


def test_layer_norm_of_many_rows(backend: Backend) -> None:
    """The gradients of weight and bias sum over every row of the batch."""
    agree(backend, compute, formula, normal(1, 3, 150, 6), normal(2, 6), normal(3, 6), slack=3)


def test_constant_rows_become_the_bias(backend: Backend) -> None:
    x, bias = np.full((2, 4), 3.0), np.array([1.0, 2.0, 3.0, 4.0])
    output, gradients = backend.differentiate(compute, [x, np.ones(4), bias], np.ones((2, 4)))
    assert output.tolist() == [bias.tolist()] * 2
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


def test_far_from_zero(backend: Backend) -> None:
    """The variance is not computed as E[x²] - E[x]², which loses everything here."""
    x = backend.rounded(1000 + normal(1, 5, 32))
    output = backend.run(compute, x, np.ones(32), np.zeros(32))
    wanted = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(output, wanted, rtol=0, atol=1e-3)


@pytest.mark.parametrize("epsilon", [1e-5, 1.0])
def test_epsilon_is_an_argument(backend: Backend, epsilon: float) -> None:
    agree(
        backend,
        lambda ops, x, w, b: ops.layer_norm(x, w, b, epsilon),
        lambda x, w, b: torch.nn.functional.layer_norm(x, w.shape, w, b, epsilon),
        normal(1, 3, 8),
        normal(2, 8),
        normal(3, 8),
    )
