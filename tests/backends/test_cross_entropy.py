"""cross_entropy and log_softmax."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import Array
from jsl_seq2seq.backends.tape import Tape

from ..backend_cases import Backend, Ops, assert_close, leaves, normal
from .oracle import agree, leading, row_sizes, seeds

smoothing = st.sampled_from([0.0, 0.1, 0.9])


def check(backend: Backend, logits: np.ndarray, targets: np.ndarray, ignore: int, epsilon: float) -> None:
    def formula(logits: torch.Tensor) -> torch.Tensor:
        flat = torch.from_numpy(targets).reshape(-1)
        summed = torch.nn.functional.cross_entropy(
            logits.reshape(len(flat), -1),
            flat,
            ignore_index=ignore,
            label_smoothing=epsilon,
            reduction="sum",
        )
        return summed / max(int((flat != ignore).sum()), 1)

    agree(
        backend,
        lambda ops, x: ops.cross_entropy(x, ops.array(targets), ignore, epsilon),
        formula,
        logits,
    )


@given(lead=leading, classes=row_sizes, ignore=st.integers(0, 4), epsilon=smoothing, seed=seeds)
def test_cross_entropy(
    backend: Backend, lead: tuple[int, ...], classes: int, ignore: int, epsilon: float, seed: int
) -> None:
    """Few classes and an ignored one among them: some, all or none of the targets count."""
    targets = np.random.default_rng(seed).integers(0, classes, lead)
    check(backend, 3 * normal(seed, *lead, classes), targets, ignore, epsilon)


@given(rows=st.integers(1, 9), classes=row_sizes, ignore=st.integers(0, 4), seed=seeds)
def test_consistency(backend: Backend, rows: int, classes: int, ignore: int, seed: int) -> None:
    """R-Drop's divergence, of rows whose targets all, partly or never count."""
    half = np.random.default_rng(seed).integers(0, classes, rows)
    targets = np.concatenate([half, half])

    def formula(logits: torch.Tensor) -> torch.Tensor:
        flat = torch.from_numpy(targets)
        summed = torch.nn.functional.cross_entropy(logits, flat, ignore_index=ignore, reduction="sum")
        p, q = logits.log_softmax(-1).chunk(2)
        kl = torch.nn.functional.kl_div
        both = (
            kl(q, p, log_target=True, reduction="none") + kl(p, q, log_target=True, reduction="none")
        ).sum(-1)
        seen = torch.from_numpy(half != ignore)
        count = max(int(seen.sum()), 1)
        return summed / max(2 * int(seen.sum()), 1) + 0.7 * (both[seen].sum() / 2) / count

    agree(
        backend,
        lambda ops, x: ops.cross_entropy(x, ops.array(targets), ignore, consistency=0.7),
        formula,
        3 * normal(seed, 2 * rows, classes),
    )


def test_equal_predictions_have_no_divergence(backend: Backend) -> None:
    half = normal(3, 4, 6)
    logits, targets = np.concatenate([half, half]), np.array([1, 2, 0, 5] * 2)

    def compute(ops: Ops, x: Array, consistency: float) -> Array:
        return ops.cross_entropy(x, ops.array(targets), 0, 0.1, consistency)

    plain, drawn = (
        backend.differentiate(lambda ops, x, c=c: compute(ops, x, c), [logits], np.ones(()))
        for c in (0.0, 5.0)
    )
    assert drawn[0] == pytest.approx(plain[0], rel=1e-6)
    assert_close(drawn[1][0], plain[1][0], backend.dtype)


def test_many_targets(backend: Backend) -> None:
    """More rows than one workgroup sums."""
    targets = np.random.default_rng(1).integers(0, 9, (40, 20))
    check(backend, normal(1, 40, 20, 9), targets, 0, 0.1)


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_all_targets_ignored(backend: Backend, epsilon: float) -> None:
    logits, targets = normal(1, 2, 3, 4), np.zeros((2, 3), int)
    loss, (gradient,) = backend.differentiate(
        lambda ops, x: ops.cross_entropy(x, ops.array(targets), 0, epsilon), [logits], np.ones(())
    )
    assert loss == 0
    np.testing.assert_array_equal(gradient, np.zeros_like(logits))


def test_ignored_positions_do_not_matter(backend: Backend) -> None:
    targets, logits = np.array([[1, 2, 0, 0]]), normal(1, 1, 4, 5)
    other = logits.copy()
    other[:, 2:] = 50

    def compute(ops: Ops, x: Array) -> Array:
        return ops.cross_entropy(x, ops.array(targets), 0, 0.1)

    loss, (gradient,) = backend.differentiate(compute, [logits], np.ones(()))
    assert backend.run(compute, other) == loss
    assert np.all(gradient[:, 2:] == 0)
    assert np.all(gradient[:, :2] != 0)


def test_uniform_logits_cost_log_of_the_number_of_classes(backend: Backend) -> None:
    for epsilon in (0.0, 0.3):
        loss = backend.run(
            lambda ops, x, e=epsilon: ops.cross_entropy(x, ops.array([[1, 2]]), 0, e), np.zeros((1, 2, 8))
        )
        assert loss == pytest.approx(np.log(8), rel=1e-6)


def test_huge_logits(backend: Backend) -> None:
    logits = np.array([[1e30, -1e30, 0.0], [0.0, 1e4, 0.0]])
    loss, (gradient,) = backend.differentiate(
        lambda ops, x: ops.cross_entropy(x, ops.array([0, 1]), 2), [logits], np.ones(())
    )
    assert loss == 0
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


def test_the_loss_starts_a_tape(backend: Backend) -> None:
    """d loss / d logits without any gradient from outside, as training asks for it."""
    logits, targets = backend.rounded(normal(1, 2, 3, 5)), np.array([[1, 2, 0], [4, 0, 0]])
    ops = backend.ops(Tape())
    [array] = leaves(ops, logits)
    loss = ops.cross_entropy(array, ops.array(targets), 0)
    gradient = ops.to_host(ops.gradients(loss, {"logits": array})).reshape(logits.shape)
    tensor = torch.from_numpy(logits).requires_grad_()
    torch.nn.functional.cross_entropy(
        tensor.reshape(-1, 5), torch.from_numpy(targets).reshape(-1), ignore_index=0
    ).backward()
    assert tensor.grad is not None
    assert_close(gradient, tensor.grad.numpy(), backend.dtype)


@given(lead=leading, classes=row_sizes, seed=seeds)
def test_log_softmax(backend: Backend, lead: tuple[int, ...], classes: int, seed: int) -> None:
    logits = backend.rounded(5 * normal(seed, *lead, classes))
    found = backend.run(lambda ops, x: ops.log_softmax(x), logits)
    wanted = torch.log_softmax(torch.from_numpy(logits), dim=-1).numpy()
    assert_close(found, wanted, backend.dtype)


def test_rows_far_apart(backend: Backend) -> None:
    """Each row is shifted by its own maximum."""
    logits = np.array([[0.0, 1.0, 2.0], [5000.0, 5001.0, 5002.0], [-7000.0, -6999.0, -6998.0]])
    found = backend.run(lambda ops, x: ops.log_softmax(x), logits)
    np.testing.assert_allclose(found, [[-2.40760596, -1.40760596, -0.40760596]] * 3, rtol=1e-5)
    loss = backend.run(lambda ops, x: ops.cross_entropy(x, ops.array([1, 1, 1]), 0), logits)
    assert loss == pytest.approx(1.40760596, rel=1e-5)


def test_log_softmax_of_huge_logits(backend: Backend) -> None:
    found = backend.run(lambda ops, x: ops.log_softmax(x), np.array([[1e30, 1e30, -1e30]]))
    np.testing.assert_allclose(found[0, :2], -np.log(2), rtol=1e-6)
    assert np.isfinite(found).all()
    assert found[0, 2] < -1e29
