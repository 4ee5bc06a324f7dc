"""How fast to learn at each step."""

from __future__ import annotations

import math

from ..settings import TrainingConfig

_FLOOR = 0.01
"""Share of the peak that ``cosine`` ends at, and stays at if training goes on."""


def learning_rate(training: TrainingConfig, step: int) -> float:
    """The learning rate of update number ``step`` (from 1): a linear rise over the warm-up, then

    - ``constant``: the peak;
    - ``inverse-sqrt``: falling with 1/√step (Vaswani et al. 2017, §5.3);
    - ``cosine``: half a cosine wave down to 1 % of the peak at ``decay_steps`` (Loshchilov & Hutter 2017).

    It depends on nothing but the step, so training N + M epochs equals training N, saving, and M more.
    """
    warmup = max(training.warmup_steps, 1)
    if step <= warmup:
        return training.learning_rate * step / warmup
    if training.schedule == "inverse-sqrt":
        return training.learning_rate * math.sqrt(warmup / step)
    if training.schedule == "cosine":
        way = min(1.0, (step - warmup) / max(training.decay_steps - warmup, 1))
        return training.learning_rate * (_FLOOR + (1 - _FLOOR) * (1 + math.cos(math.pi * way)) / 2)
    return training.learning_rate


def adam_rates(training: TrainingConfig, step: int) -> tuple[float, float]:
    """α and ε of update number ``step`` (from 1), with Adam's bias corrections folded in.

    α_t = α √(1 - β₂ᵗ) / (1 - β₁ᵗ) and ε̂ = ε √(1 - β₂ᵗ)     (Kingma & Ba 2015, end of §2)
    """
    correction = math.sqrt(1 - training.beta2**step)
    return (
        learning_rate(training, step) * correction / (1 - training.beta1**step),
        training.epsilon * correction,
    )
