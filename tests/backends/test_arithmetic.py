"""add, scale, matmul, linear, relu."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import Array

from ..backend_cases import Backend, Ops, normal
from .oracle import agree, leading, row_sizes, seeds, shapes, sizes


@given(data=st.data(), shape=shapes, seed=seeds)
def test_add(backend: Backend, data: st.DataObject, shape: tuple[int, ...], seed: int) -> None:
    """``b`` may lack leading axes or have size 1 anywhere."""
    kept = shape[data.draw(st.integers(0, len(shape) - 1)) :]
    smaller = tuple(data.draw(st.sampled_from([1, size])) for size in kept)
    a, b = normal(seed, *shape), normal(seed + 1, *smaller)
    agree(backend, lambda ops, a, b: ops.add(a, b), lambda a, b: a + b, a, b)


def test_add_to_itself(backend: Backend) -> None:
    """An array used several times gets the sum of its gradients."""
    agree(
        backend,
        lambda ops, x: ops.add(ops.add(x, x), ops.add(ops.relu(x), x)),
        lambda x: 3 * x + torch.relu(x),
        normal(3, 4, 5),
    )


@given(shape=shapes, factor=st.sampled_from([0.0, 1.0, -2.5, 0.25, 1 / 3]), seed=seeds)
def test_scale(backend: Backend, shape: tuple[int, ...], factor: float, seed: int) -> None:
    agree(backend, lambda ops, x: ops.scale(x, factor), lambda x: x * factor, normal(seed, *shape))


def test_scale_of_many_elements(backend: Backend) -> None:
    agree(backend, lambda ops, x: ops.scale(x, 3), lambda x: x * 3, normal(5, 70_001))


@given(lead=leading, m=row_sizes, k=row_sizes, n=sizes, transposed=st.booleans(), seed=seeds)
def test_matmul(
    backend: Backend, lead: tuple[int, ...], m: int, k: int, n: int, transposed: bool, seed: int
) -> None:
    a, b = normal(seed, *lead, m, k), normal(seed + 1, *lead, *((n, k) if transposed else (k, n)))
    agree(
        backend,
        lambda ops, a, b: ops.matmul(a, b, transpose_b=transposed),
        lambda a, b: a @ (b.mT if transposed else b),
        a,
        b,
        slack=3,  # sums of up to 300 products
    )


@given(lead=leading, i=row_sizes, o=row_sizes, seed=seeds)
def test_linear(backend: Backend, lead: tuple[int, ...], i: int, o: int, seed: int) -> None:
    x, weight, bias = normal(seed, *lead, i), normal(seed + 1, i, o), normal(seed + 2, o)
    agree(
        backend,
        lambda ops, x, weight, bias: ops.linear(x, weight, bias),
        lambda x, weight, bias: torch.nn.functional.linear(x, weight.T, bias),
        x,
        weight,
        bias,
        slack=3,
    )


@given(lead=leading, i=sizes, widths=st.lists(sizes, min_size=1, max_size=3), seed=seeds)
def test_linears(backend: Backend, lead: tuple[int, ...], i: int, widths: list[int], seed: int) -> None:
    """Several at once, of one input: its gradient is the sum of theirs."""
    n = len(widths)

    def compute(ops: Ops, x: Array, *parameters: Array) -> Array:
        outputs = ops.linears(x, parameters[:n], parameters[n : 2 * n])
        assert len(outputs) == n
        total = outputs[0]
        for output, mix in zip(outputs[1:], parameters[2 * n :], strict=True):
            total = ops.add(total, ops.matmul(output, mix))
        return total

    def formula(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        outputs = [x @ w + b for w, b in zip(parameters[:n], parameters[n : 2 * n], strict=True)]
        mixed = [output @ mix for output, mix in zip(outputs[1:], parameters[2 * n :], strict=True)]
        return outputs[0] + sum(mixed)

    weights = [normal(seed + j, i, width) for j, width in enumerate(widths)]
    biases = [normal(seed + 10 + j, width) for j, width in enumerate(widths)]
    mixers = [normal(seed + 20 + j, *lead, width, widths[0]) for j, width in enumerate(widths[1:])]
    x = normal(seed + 30, *lead, 3, i)
    agree(backend, compute, formula, x, *weights, *biases, *mixers, slack=3)


def test_linear_of_many_rows(backend: Backend) -> None:
    """The weight's gradient sums over every row of the batch."""
    agree(
        backend,
        lambda ops, x, weight, bias: ops.linear(x, weight, bias),
        lambda x, weight, bias: x @ weight + bias,
        normal(1, 3, 200, 7),
        normal(2, 7, 9),
        normal(3, 9),
        slack=3,
    )


@given(shape=shapes, seed=seeds)
def test_relu(backend: Backend, shape: tuple[int, ...], seed: int) -> None:
    agree(backend, lambda ops, x: ops.relu(x), torch.relu, normal(seed, *shape))


def test_relu_has_gradient_zero_at_zero(backend: Backend) -> None:
    x, g = backend.rounded([-1, 0, -0.0, 2]), backend.rounded([5, 6, 7, 8])
    output, (gradient,) = backend.differentiate(lambda ops, x: ops.relu(x), [x], g)
    assert output.tolist() == [0, 0, 0, 2]
    assert gradient.tolist() == [0, 0, 0, 8]
