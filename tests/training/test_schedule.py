"""How fast to learn at each step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data.batching import epoch_order
from jsl_seq2seq.data.encoding import EncodedPair
from jsl_seq2seq.settings import TrainingConfig
from jsl_seq2seq.store import Progress
from jsl_seq2seq.training import schedule
from jsl_seq2seq.training.schedule import adam_rates, learning_rate, remaining_updates, scheduled

PAIRS = [EncodedPair((3,) * (1 + number * 7 % 23), (3,) * (1 + number % 5)) for number in range(50)]


@pytest.mark.parametrize(
    ("warmup", "step", "share"),
    [(100, 1, 0.01), (100, 50, 0.5), (100, 100, 1), (100, 101, 1), (100, 10**9, 1), (1, 1, 1), (0, 1, 1)],
)
def test_a_linear_rise_then_constant(warmup: int, step: int, share: float) -> None:
    training = TrainingConfig(learning_rate=0.004, warmup_steps=warmup, schedule="constant")
    assert learning_rate(training, step) == pytest.approx(0.004 * share)


@pytest.mark.parametrize(
    ("restart", "step", "share"),
    [
        (0, 10, 1),
        (0, 60, (1 + 0.01) / 2),
        (0, 110, 0.01),
        (0, 10**9, 0.01),
        (50, 50, 1),
        (50, 80, (1 + 0.01) / 2),
        (50, 110, 0.01),
        (5, 7, 0.7),  # a run that was continued in its warm-up
        (5, 60, (1 + 0.01) / 2),
    ],
)
def test_half_a_cosine_from_the_warm_up_or_the_restart_to_the_end(
    restart: int, step: int, share: float
) -> None:
    training = TrainingConfig(learning_rate=0.004, warmup_steps=10, decay_steps=110, restart_step=restart)
    assert training.schedule == "cosine"
    assert learning_rate(training, step) == pytest.approx(0.004 * share)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_a_cosine_only_falls(warmup: int, restart: int, length: int) -> None:
    training = TrainingConfig(warmup_steps=warmup, restart_step=restart, decay_steps=restart + length + 1)
    start = max(1, warmup, restart)
    rates = [learning_rate(training, step) for step in range(start, start + 400)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.01 * training.learning_rate)


def test_a_cosine_that_ends_nowhere_is_constant() -> None:
    assert learning_rate(TrainingConfig(warmup_steps=1), 1000) == TrainingConfig.learning_rate


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_size": 7}, {"accumulate": 4}, {"batch_tokens": 60}, {"batch_tokens": 60, "accumulate": 3}],
    ids=str,
)
@pytest.mark.parametrize(
    "progress", [Progress(until=6), Progress(40, 4, 2, until=9), Progress(9, 3, until=3)]
)
def test_updates_are_counted_as_they_will_be_made(options: dict[str, int], progress: Progress) -> None:
    training = TrainingConfig(**options)  # type: ignore[arg-type]
    made = 0
    for epoch in range(progress.epoch, progress.until):
        order = epoch_order(PAIRS, training.batch_size, training.seed, epoch, training.batch_tokens)
        first = progress.batch if epoch == progress.epoch else 0
        made += len(range(first, len(order), training.accumulate))
    assert remaining_updates(PAIRS, training, progress) == made
    planned = scheduled(training, PAIRS, progress, restart_step=5)
    assert (planned.restart_step, planned.decay_steps) == (5, progress.step + made)


def test_of_large_data_a_few_epochs_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    training, progress = TrainingConfig(batch_tokens=60), Progress(until=200)
    counted = remaining_updates(PAIRS, training, progress)
    monkeypatch.setattr(schedule, "_COUNTED_PAIRS", 500)
    assert remaining_updates(PAIRS, training, progress) == pytest.approx(counted, rel=0.02)


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
