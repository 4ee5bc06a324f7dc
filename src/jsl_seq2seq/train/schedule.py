"""How fast to learn at each step."""

from __future__ import annotations

import math

from ..config import TrainingConfig


def learning_rate(training: TrainingConfig, step: int) -> float:
    """The learning rate of update number ``step`` (from 1): a linear rise, then constant.

    It depends on nothing but the step, so training N + M epochs equals training N, saving, and M more.
    """
    return training.learning_rate * min(1.0, step / max(training.warmup_steps, 1))


def adam_rates(training: TrainingConfig, step: int) -> tuple[float, float]:
    """α and ε of update number ``step`` (from 1), with Adam's bias corrections folded in.

    α_t = α √(1 - β₂ᵗ) / (1 - β₁ᵗ) and ε̂ = ε √(1 - β₂ᵗ)     (Kingma & Ba 2015, end of §2)
    """
    correction = math.sqrt(1 - training.beta2**step)
    return (
        learning_rate(training, step) * correction / (1 - training.beta1**step),
        training.epsilon * correction,
    )
