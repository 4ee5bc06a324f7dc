"""Epoch after epoch, until they are done or someone asks to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..backends.interface import Array
from ..backends.process_group import ProcessGroup
from ..data.batching import BatchOrder, EncodedPair, epoch_order, make_batch
from ..errors import Failure
from ..store import EpochMetrics, Progress
from .checkpoint_selector import Keeper
from .trainer import Trainer

_AGREE_EVERY = 8
"""Batches between two times that processes ask each other whether to stop."""

_VALID_BATCH = 64
"""Sentences that are validated side by side."""


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
        kept: the parameters to save, if not those of the last step.
    """

    progress: Progress
    history: tuple[EpochMetrics, ...]
    interrupted: bool
    kept: dict[str, np.ndarray] | None = None


def fit(
    trainer: Trainer,
    pairs: Sequence[EncodedPair],
    valid: Sequence[EncodedPair],
    epochs: int,
    progress: Progress,
    reporter: Reporter,
    should_stop: Callable[[], bool],
    after_epoch: Callable[[Progress, tuple[EpochMetrics, ...]], None] = lambda *_: None,
) -> Outcome:
    """Train until ``progress.epoch + epochs``, going on in the middle of an epoch if that is where it stands.

    Args:
        valid: pairs to measure the loss on after each epoch, or none.
        should_stop: asked after each batch; the batch is always finished.
        after_epoch: called after each epoch but the last, with what :class:`Outcome` would say now.

    Raises:
        Failure: the loss is no longer a number.
    """
    training = trainer.training
    last_epoch = progress.epoch + epochs
    stopping = _agreed(trainer.processes, should_stop)

    def order_of(epoch: int) -> BatchOrder:
        return epoch_order(pairs, training.batch_size, training.seed, epoch, training.batch_tokens)

    per_epoch = len(order_of(progress.epoch))
    history: list[EpochMetrics] = []
    keeper = Keeper(training)
    reporter.start(progress.batch, epochs * per_epoch)
    while progress.epoch < last_epoch:
        order = order_of(progress.epoch)
        losses: list[tuple[Array, int]] = []
        started = time.perf_counter()
        for number in range(progress.batch, len(order), training.accumulate):
            group = order[number : number + training.accumulate]
            batches = [trainer.batch([pairs[index] for index in indices]) for indices in group]
            found = trainer.update_together(batches)
            losses += found
            progress = replace(progress, step=trainer.step, batch=number + len(group))
            for batch, (loss, _) in zip(batches, found, strict=True):
                reporter.batch(batch.tokens, lambda loss=loss: float(trainer.ops.to_host(loss)))
            if stopping() and progress.batch < len(order):
                return Outcome(progress, tuple(history), interrupted=True, kept=keeper.kept())
        progress = replace(progress, step=trainer.step, epoch=progress.epoch + 1, batch=0)
        history.append(_metrics(trainer, losses, progress.epoch, time.perf_counter() - started, valid))
        reporter.epoch(history[-1])
        keeper.see(history[-1], trainer.parameters)
        if progress.epoch == last_epoch or keeper.exhausted:
            break
        if stopping():
            return Outcome(progress, tuple(history), interrupted=True, kept=keeper.kept())
        after_epoch(progress, tuple(history))
    return Outcome(progress, tuple(history), interrupted=False, kept=keeper.kept())


def _agreed(processes: ProcessGroup, should_stop: Callable[[], bool]) -> Callable[[], bool]:
    """``should_stop`` of all processes: they stop after the same batch, or wait for each other for ever."""
    if processes.world_size == 1:
        return should_stop
    asked = 0

    def anyone() -> bool:
        nonlocal asked
        asked += 1
        return asked % _AGREE_EVERY == 0 and processes.all_reduce(float(should_stop()))[0] > 0

    return anyone


def _metrics(
    trainer: Trainer, losses: list, epoch: int, seconds: float, valid: Sequence[EncodedPair]
) -> EpochMetrics:
    loss, tokens = trainer.processes.all_reduce(
        sum(float(trainer.ops.to_host(loss)) * count for loss, count in losses),
        sum(count for _, count in losses),
    )
    loss /= tokens
    if not math.isfinite(loss):
        raise Failure(
            f"学習が発散しました（{epoch} エポック目の損失が数ではなくなりました）。",
            "--learning-rate を小さくしてください（たとえば半分に）。",
        )
    valid_loss = _valid_loss(trainer, valid) if valid else None
    return EpochMetrics(epoch, loss, seconds, tokens / seconds, valid_loss)


def _valid_loss(trainer: Trainer, valid: Sequence[EncodedPair]) -> float:
    """The mean over all tokens. Batches are made as they are needed: validation data may be large too."""
    processes = trainer.processes
    total = tokens = 0.0
    for start in range(0, len(valid), _VALID_BATCH):
        if (start // _VALID_BATCH) % processes.world_size == processes.rank:
            batch = make_batch(valid[start : start + _VALID_BATCH], trainer.source_length)
            total += trainer.loss(batch) * batch.tokens
            tokens += batch.tokens
    total, tokens = processes.all_reduce(total, tokens)
    return total / tokens
