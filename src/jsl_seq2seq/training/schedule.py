"""The learning rate of every update, and the updates over which a run spreads it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ..data.batching import epoch_order
from ..data.encoding import EncodedPair
from ..settings import TrainingConfig
from ..store import Progress

_FLOOR = 0.01
"""Share of the peak that ``cosine`` ends at, and stays at if training goes on."""

_COUNTED_PAIRS = 5_000_000
"""Pairs that :func:`remaining_updates` puts into batches before it extrapolates."""


def learning_rate(training: TrainingConfig, step: int) -> float:
    """The learning rate of update number ``step`` (from 1): a linear rise over the warm-up, then

    - ``constant``: the peak;
    - ``inverse-sqrt``: falling with 1/√step (Vaswani et al. 2017, §5.3);
    - ``cosine``: half a cosine wave from the peak down to 1 % of it at update ``decay_steps``. The wave begins
      after the warm-up; in a run that continues a trained model, after update ``restart_step``
      (Loshchilov & Hutter 2017, warm restarts). Without ``decay_steps`` it stays at the peak.

    It is a function of the settings and the step alone, so N + M epochs of one run equal N, saving, and M more.
    """
    warmup = max(training.warmup_steps, 1)
    if step <= warmup:
        return training.learning_rate * step / warmup
    if training.schedule == "inverse-sqrt":
        return training.learning_rate * math.sqrt(warmup / step)
    if training.schedule == "cosine" and training.decay_steps:
        start = max(warmup, training.restart_step)
        way = min(1.0, (step - start) / max(training.decay_steps - start, 1))
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


def scheduled(
    training: TrainingConfig, pairs: Sequence[EncodedPair], progress: Progress, restart_step: int
) -> TrainingConfig:
    """The settings with a ``cosine`` from ``restart_step`` to the last update of epoch ``progress.until``."""
    end = progress.step + remaining_updates(pairs, training, progress)
    return replace(training, restart_step=restart_step, decay_steps=end)


def remaining_updates(pairs: Sequence[EncodedPair], training: TrainingConfig, progress: Progress) -> int:
    """Updates from ``progress`` to the end of epoch ``progress.until``.

    Epochs have as many batches as each other, unless ``batch_tokens`` sets their sizes. Then every epoch is
    counted; of data so large that this takes seconds, the first ones, and the rest by their mean.
    """
    epochs = max(0, progress.until - progress.epoch)
    if not epochs:
        return 0

    def updates(epoch: int, done: int = 0) -> int:
        order = epoch_order(pairs, training.batch_size, training.seed, epoch, training.batch_tokens)
        return math.ceil((len(order) - done) / training.accumulate)

    first, rest = updates(progress.epoch, progress.batch), epochs - 1
    if not rest:
        return first
    sample = min(rest, max(1, _COUNTED_PAIRS // len(pairs))) if training.batch_tokens else 1
    counted = sum(updates(progress.epoch + 1 + number) for number in range(sample))
    return first + (counted if sample == rest else round(counted * rest / sample))
