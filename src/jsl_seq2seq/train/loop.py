"""Epoch after epoch, until they are done or someone asks to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import Failure
from ..ops.base import Array
from ..store import EpochMetrics, Progress
from .batches import EncodedPair, epoch_order, make_batch
from .trainer import Trainer


class Reporter(Protocol):
    """Shows how training goes."""

    def start(self, done: int, total: int) -> None:
        """``total`` batches are ahead and behind together, ``done`` of them behind."""

    def batch(self, tokens: int, loss: Callable[[], float]) -> None:
        """A batch was learnt from. ``loss`` may make the device wait, so call it seldom."""

    def epoch(self, metrics: EpochMetrics) -> None:
        """An epoch is over."""


class Quiet:
    """Reports nothing."""

    def start(self, done: int, total: int) -> None: ...

    def batch(self, tokens: int, loss: Callable[[], float]) -> None: ...

    def epoch(self, metrics: EpochMetrics) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """Where training ended.

    Attributes:
        history: one entry for each epoch that was finished now.
        interrupted: whether ``should_stop`` ended it early.
    """

    progress: Progress
    history: tuple[EpochMetrics, ...]
    interrupted: bool


def fit(
    trainer: Trainer,
    pairs: Sequence[EncodedPair],
    valid: Sequence[EncodedPair],
    epochs: int,
    progress: Progress,
    reporter: Reporter,
    should_stop: Callable[[], bool],
) -> Outcome:
    """Train until ``progress.epoch + epochs``, going on in the middle of an epoch if that is where it stands.

    Args:
        valid: pairs to measure the loss on after each epoch, or none.
        should_stop: asked after each batch; the batch is always finished.

    Raises:
        Failure: the loss is no longer a number.
    """
    training = trainer.training
    last_epoch = progress.epoch + epochs
    per_epoch = math.ceil(len(pairs) / training.batch_size)
    valid_batches = [make_batch(valid[i : i + 64]) for i in range(0, len(valid), 64)]
    history: list[EpochMetrics] = []
    reporter.start(progress.batch, epochs * per_epoch)
    while progress.epoch < last_epoch:
        order = epoch_order(pairs, training.batch_size, training.seed, progress.epoch)
        losses: list[tuple[Array, int]] = []
        started = time.perf_counter()
        for number in range(progress.batch, len(order)):
            batch = make_batch([pairs[index] for index in order[number]])
            loss = trainer.update(batch)
            losses.append((loss, batch.tokens))
            progress = Progress(trainer.step, progress.epoch, number + 1)
            reporter.batch(batch.tokens, lambda loss=loss: float(trainer.ops.to_host(loss)))
            if should_stop() and progress.batch < len(order):
                return Outcome(progress, tuple(history), interrupted=True)
        progress = Progress(trainer.step, progress.epoch + 1, 0)
        history.append(
            _metrics(trainer, losses, progress.epoch, time.perf_counter() - started, valid_batches)
        )
        reporter.epoch(history[-1])
        if should_stop() and progress.epoch < last_epoch:
            return Outcome(progress, tuple(history), interrupted=True)
    return Outcome(progress, tuple(history), interrupted=False)


def _metrics(trainer: Trainer, losses: list, epoch: int, seconds: float, valid_batches: list) -> EpochMetrics:
    tokens = sum(count for _, count in losses)
    loss = sum(float(trainer.ops.to_host(loss)) * count for loss, count in losses) / tokens
    if not math.isfinite(loss):
        raise Failure(
            f"学習が発散しました（{epoch} エポック目の損失が数ではなくなりました）。",
            "--learning-rate を小さくしてください（たとえば半分に）。",
        )
    valid_loss = None
    if valid_batches:
        total = sum(batch.tokens for batch in valid_batches)
        valid_loss = sum(trainer.loss(batch) * batch.tokens for batch in valid_batches) / total
    return EpochMetrics(epoch, loss, seconds, tokens / seconds, valid_loss)
