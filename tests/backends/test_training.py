"""named_views, gradients, accumulate, reset, clip_norm, adam_update, capture."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import Array
from jsl_seq2seq.backends.tape import Tape

from ..backend_cases import Backend, Ops, assert_close, leaves, normal
from .oracle import seeds, shapes

BETAS = (0.9, 0.98)


def loss_of(ops: Ops, x: Array) -> Array:
    """A number that depends on every element of x [N, V]: the operation that training ends with."""
    return ops.cross_entropy(x, ops.array([1] * x.shape[0]), ignore=0)


@given(pieces=st.lists(shapes, min_size=1, max_size=5), seed=seeds)
def test_named_views_gives_the_pieces_in_order(
    backend: Backend, pieces: list[tuple[int, ...]], seed: int
) -> None:
    named = {f"p{9 - i}": shape for i, shape in enumerate(pieces)}  # an order that sorting would change
    total = sum(math.prod(shape) for shape in pieces)
    values, ops = normal(seed, total).astype(backend.dtype), backend.ops()
    found = ops.named_views(ops.array(values), named)
    assert list(found) == list(named)
    assert [tuple(piece.shape) for piece in found.values()] == pieces
    joined = np.concatenate([ops.to_host(piece).ravel() for piece in found.values()])
    np.testing.assert_array_equal(joined, values)


def test_named_views_shares_memory(backend: Backend) -> None:
    """The optimizer writes the flat array; the model reads the pieces."""
    ops = backend.ops()
    flat = ops.array(np.arange(6.0))
    pieces = ops.named_views(flat, {"a": (2, 2), "b": (2,)})
    ones = ops.array(np.ones(6))
    ops.adam_update(flat, ones, ops.zeros((6,)), ops.zeros((6,)), ops.array([1.0, 1e-9]), BETAS)
    after = ops.to_host(flat)
    assert np.all(after != np.arange(6))
    np.testing.assert_array_equal(ops.to_host(pieces["a"]).ravel(), after[:4])
    np.testing.assert_array_equal(ops.to_host(pieces["b"]), after[4:])


def test_gradients_come_in_the_mappings_order_with_zeros_for_the_unused(backend: Backend) -> None:
    ops = backend.ops(Tape())
    x, unused, bias = leaves(ops, *(normal(i, *shape) for i, shape in enumerate([(2, 3), (4,), (3,)])))

    def flat(*names: str) -> np.ndarray:
        arrays = {"x": x, "unused": unused, "bias": bias}
        loss = loss_of(ops, ops.add(x, bias))
        return ops.to_host(ops.gradients(loss, {name: arrays[name] for name in names}))

    first, second = flat("bias", "unused", "x"), flat("x", "bias")
    assert first.shape == (13,)
    assert first.dtype == backend.dtype
    np.testing.assert_array_equal(first[3:7], np.zeros(4))
    assert np.all(first[:3] != 0)
    np.testing.assert_array_equal(first[7:], second[:6])
    np.testing.assert_array_equal(first[:3], second[6:])
    np.testing.assert_allclose(second[:6].reshape(2, 3).sum(axis=0), first[:3], rtol=1e-5, atol=1e-7)


def test_gradients_can_be_asked_for_again_after_another_loss(backend: Backend) -> None:
    """Nothing of one step is left in the next."""
    ops = backend.ops(Tape())
    [x] = leaves(ops, normal(1, 2, 3))
    runs = [ops.to_host(ops.gradients(loss_of(ops, ops.scale(x, 2)), {"x": x})) for _ in range(3)]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])


@given(size=st.sampled_from([1, 6, 300]), weight=st.sampled_from([0.0, 0.25, 3.0]), seed=seeds)
def test_accumulate(backend: Backend, size: int, weight: float, seed: int) -> None:
    ops = backend.ops()
    total, gradient = (backend.rounded(normal(seed + i, size)) for i in range(2))
    device_total, device_gradient = ops.array(total), ops.array(gradient)
    ops.accumulate(device_total, device_gradient, ops.array([weight]))
    assert_close(ops.to_host(device_total), total + weight * gradient, backend.dtype)
    np.testing.assert_array_equal(ops.to_host(device_gradient), gradient)


@pytest.mark.parametrize("value", [1.5, np.inf, np.nan])
def test_reset_is_zero_whatever_was_there(backend: Backend, value: float) -> None:
    """x + (-1) · x would keep an infinity as NaN for ever."""
    ops = backend.ops()
    total = ops.zeros((5,))
    ops.accumulate(total, ops.array([value] * 5), ops.array([1.0]))
    ops.reset(total)
    np.testing.assert_array_equal(ops.to_host(total), np.zeros(5))
    ops.accumulate(total, ops.array([2.0] * 5), ops.array([0.5]))
    np.testing.assert_array_equal(ops.to_host(total), np.ones(5))


def test_one_process_is_its_own_sum(backend: Backend) -> None:
    found = backend.run(lambda ops, x: ops.all_reduce(x), np.array([1.0, 2.0]))
    assert found.tolist() == [1, 2]


@pytest.mark.parametrize("size", [1, 7, 300, 70_001])
@pytest.mark.parametrize("max_norm", [0.01, 1.0, 1e6])
def test_clip_norm(backend: Backend, size: int, max_norm: float) -> None:
    gradient = backend.rounded(normal(size, size))
    clipped = backend.run(lambda ops, g: ops.clip_norm(g, max_norm), gradient)
    norm = np.linalg.norm(gradient)
    assert_close(clipped, gradient * min(1.0, max_norm / norm), backend.dtype)
    assert np.linalg.norm(clipped.astype(np.float64)) <= max_norm * (1 + 1e-5)
    if norm <= max_norm:
        np.testing.assert_array_equal(clipped, gradient)


def test_clip_norm_of_nothing_is_nothing(backend: Backend) -> None:
    clipped = backend.run(lambda ops, g: ops.clip_norm(g, 1.0), np.zeros(5))
    np.testing.assert_array_equal(clipped, np.zeros(5))


def folded_rates(step: int, learning_rate: float, epsilon: float) -> list[float]:
    """α and ε with the bias corrections of step 1, 2, ... folded in (Kingma & Ba 2015, end of §2)."""
    first, second = 1 - BETAS[0] ** step, math.sqrt(1 - BETAS[1] ** step)
    return [learning_rate * second / first, epsilon * second]


@given(size=st.sampled_from([1, 5, 257]), learning_rate=st.sampled_from([0.1, 1e-3]), seed=seeds)
def test_adam_follows_torch(backend: Backend, size: int, learning_rate: float, seed: int) -> None:
    ops = backend.ops()
    start = backend.rounded(normal(seed, size))
    flat, m, v = ops.array(start), ops.zeros((size,)), ops.zeros((size,))
    reference = torch.from_numpy(start.copy()).requires_grad_()
    optimizer = torch.optim.Adam([reference], lr=learning_rate, betas=BETAS, eps=1e-9)
    for step in range(1, 7):
        gradient = backend.rounded(normal(seed + step, size) * 10.0 ** (step - 4))
        reference.grad = torch.from_numpy(gradient)
        optimizer.step()
        rates = ops.array(np.array(folded_rates(step, learning_rate, 1e-9)))
        ops.adam_update(flat, ops.array(gradient), m, v, rates, BETAS)
    assert_close(ops.to_host(flat), reference.detach().numpy(), backend.dtype, "parameters", slack=2)
    state = optimizer.state[reference]
    assert_close(ops.to_host(m), state["exp_avg"].numpy(), backend.dtype, "m")
    assert_close(ops.to_host(v), state["exp_avg_sq"].numpy(), backend.dtype, "v")


def test_adam_leaves_alone_what_has_no_gradient(backend: Backend) -> None:
    ops = backend.ops()
    flat, zero = ops.array([1.0, 2.0]), ops.zeros((2,))
    ops.adam_update(flat, zero, ops.zeros((2,)), ops.zeros((2,)), ops.array([0.1, 1e-9]), BETAS)
    assert ops.to_host(flat).tolist() == [1, 2]
    assert ops.to_host(zero).tolist() == [0, 0]


def test_a_captured_step_is_the_step(backend: Backend) -> None:
    """Called again and again, with changing arguments of two shapes, on parameters that it changes."""

    def trained(compiled: bool) -> tuple[list[float], np.ndarray]:
        ops = backend.ops(Tape())
        flat, m, v = ops.array(normal(0, 12)), ops.zeros((12,)), ops.zeros((12,))
        parameters = ops.named_views(flat, {"weight": (3, 3), "bias": (3,)})

        def step(x: Array, targets: Array, rates: Array) -> Array:
            logits = ops.linear(x, parameters["weight"], parameters["bias"])
            loss = ops.cross_entropy(logits, targets, 0)
            gradient = ops.clip_norm(ops.gradients(loss, parameters), 0.5)
            ops.adam_update(flat, gradient, m, v, rates, BETAS)
            return loss

        run = ops.capture(step) if compiled else step
        losses = []
        for number in range(1, 7):
            rows = 2 + number % 2
            x, targets = (
                ops.array(normal(number, rows, 3)),
                ops.array([(number + i) % 3 for i in range(rows)]),
            )
            losses.append(float(ops.to_host(run(x, targets, ops.array(folded_rates(number, 0.1, 1e-9))))))
        return losses, ops.to_host(flat)

    losses, parameters = trained(compiled=True)
    plain_losses, plain_parameters = trained(compiled=False)
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-6)
    np.testing.assert_allclose(parameters, plain_parameters, rtol=1e-5, atol=1e-6)
    assert len(set(losses)) == len(losses)
