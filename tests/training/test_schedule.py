"""How fast to learn at each step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.settings import TrainingConfig
from jsl_seq2seq.training.schedule import adam_rates, learning_rate


@pytest.mark.parametrize(
    ("warmup", "step", "share"),
    [(100, 1, 0.01), (100, 50, 0.5), (100, 100, 1), (100, 101, 1), (100, 10**9, 1), (1, 1, 1), (0, 1, 1)],
)
def test_a_linear_rise_then_constant(warmup: int, step: int, share: float) -> None:
    training = TrainingConfig(learning_rate=0.004, warmup_steps=warmup)
    assert learning_rate(training, step) == pytest.approx(0.004 * share)


@given(st.integers(1, 10_000), st.floats(-3, 3), st.floats(1e-6, 3))
def test_folded_corrections_are_adams(step: int, m: float, root_v: float) -> None:
    """α m̂ / (√v̂ + ε) with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ): Kingma & Ba 2015, Algorithm 1."""
    training = TrainingConfig()
    m_hat = m / (1 - training.beta1**step)
    v_hat = root_v**2 / (1 - training.beta2**step)
    expected = learning_rate(training, step) * m_hat / (v_hat**0.5 + training.epsilon)
    alpha, epsilon = adam_rates(training, step)
    assert alpha * m / (root_v + epsilon) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("step", [1, 2, 10**6, 10**12])
def test_rates_stay_finite_and_positive(step: int) -> None:
    assert all(0 < rate < 1 for rate in adam_rates(TrainingConfig(), step))
