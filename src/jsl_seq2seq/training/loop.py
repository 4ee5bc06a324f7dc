"""Epoch after epoch: batches in order, the training curve, and which parameters to save in the end."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..backends.interface import Array
from ..backends.process_group import ProcessGroup
from ..data.batching import BatchOrder, EncodedPair, epoch_order, make_batch
from ..errors import Failure
from ..settings import TrainingConfig
from ..store import EpochMetrics, Progress
from .trainer import Trainer
from .validation import Figures, Stopped

_STOP_INTERVAL = 8
"""Batches between two all-reduces in which processes agree whether to stop."""

_VALID_BATCH = 64
"""Pairs in a validation batch."""

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Run:
    """A run as it begins, or begins again.

    Attributes:
        total: batches from the epoch at which it begins to its last. done: of these, finished before.
        start, epoch, until: epochs that were finished when the run first began, that are finished now, and its last.
        metric: of ``TrainingConfig``: what the best epoch is the best by.
        history: all epochs so far, those of earlier runs included.
        translated: validation sentences that are translated after each epoch; 0 without validation data.
    """

    done: int = 0
    total: int = 0
    start: int = 0
    epoch: int = 0
    until: int = 0
    metric: str = "loss"
    history: tuple[EpochMetrics, ...] = ()
    translated: int = 0


class Reporter:
    """Receives a run's progress. This class ignores it; a subclass overrides the methods that it needs."""

    def start(self, run: Run) -> None:
        """The run begins."""

    def batch(self, tokens: int, loss: Callable[[], float]) -> None:
        """A batch of ``tokens`` target tokens is finished. ``loss()`` waits for the device."""

    def validating(self) -> None:
        """An epoch's batches are finished, and the validation data are about to be measured."""

    def epoch(self, metrics: EpochMetrics) -> None:
        """An epoch is finished."""


class Reporters(Reporter):
    """Passes a run's progress on to several reporters, in order."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters

    def start(self, run: Run) -> None:
        for reporter in self._reporters:
            reporter.start(run)

    def batch(self, tokens: int, loss: Callable[[], float]) -> None:
        for reporter in self._reporters:
            reporter.batch(tokens, loss)

    def validating(self) -> None:
        for reporter in self._reporters:
            reporter.validating()

    def epoch(self, metrics: EpochMetrics) -> None:
        for reporter in self._reporters:
            reporter.epoch(metrics)


_NO_SCORE = (-math.inf, -math.inf)
"""Lower than what :meth:`.EpochMetrics.score` finds."""


class CheckpointSelector:
    """Selects the parameters that a run saves (``TrainingConfig.keep``) and stops it early (``patience``,
    ``target_loss``).

    Args:
        history: the run's epochs so far; the best ``metric`` and the epochs since then follow from it.
        best: the parameters with the best ``metric`` so far; ``None`` if they were not saved.
        recent: the parameters after the last epochs, oldest first.
    """

    def __init__(
        self,
        training: TrainingConfig,
        history: Sequence[EpochMetrics] = (),
        best: Parameters | None = None,
        recent: Sequence[Parameters] = (),
    ) -> None:
        self._training = training
        self._best_score, self._epochs_since_best = _NO_SCORE, 0
        self._loss = math.inf
        for metrics in history:
            self._improves(metrics)
        self._best = best
        self._selected_score = self._best_score if best is not None else _NO_SCORE
        self._recent: deque[Parameters] = deque(recent, maxlen=training.average)

    def update(self, metrics: EpochMetrics, parameters: Callable[[], Parameters]) -> None:
        """Take an epoch into account; ``parameters()`` copies the parameters after it, and is called if needed."""
        if self._training.keep == "average":
            self._recent.append(parameters())
        self._improves(metrics)
        score = metrics.score(self._training.metric)
        if self._training.keep == "best" and score is not None and score > self._selected_score:
            self._selected_score, self._best = score, parameters()

    def _improves(self, metrics: EpochMetrics) -> None:
        """Count the epochs since the best one."""
        self._loss = metrics.loss
        score = metrics.score(self._training.metric)
        if score is None:
            return
        self._epochs_since_best += 1
        if score > self._best_score:
            self._best_score, self._epochs_since_best = score, 0

    @property
    def exhausted(self) -> bool:
        """Whether ``patience`` epochs have passed without a better ``metric``."""
        return 0 < self._training.patience <= self._epochs_since_best

    @property
    def finished(self) -> bool:
        """Whether the run ends here, before its last epoch."""
        return self.exhausted or self._loss < self._training.target_loss

    @property
    def recent(self) -> tuple[Parameters, ...]:
        """The parameters that ``average`` is the mean of, oldest first."""
        return tuple(self._recent)

    def selected(self) -> Parameters | None:
        """The parameters to save; ``None`` for those of the last update."""
        if self._training.keep == "average" and self._recent:
            return {
                name: np.asarray(np.mean([one[name] for one in self._recent], 0, np.float64), np.float32)
                for name in self._recent[0]
            }
        return self._best


@dataclass(frozen=True)
class Outcome:
    """Where training ended.

    Attributes:
        history: one entry for each epoch that was finished now.
        interrupted: whether ``should_stop``, or ``failure``, ended it early.
        failure: what made it impossible to go on. The parameters are those of the last update. If the validation data
            could not be measured, ``progress.batch`` is the number of the epoch's batches: resumed, it is measured
            again.
    """

    progress: Progress
    history: tuple[EpochMetrics, ...]
    interrupted: bool
    failure: Exception | None = None


def fit(
    trainer: Trainer,
    pairs: Sequence[EncodedPair],
    valid: Sequence[EncodedPair],
    progress: Progress,
    selector: CheckpointSelector,
    reporter: Reporter,
    should_stop: Callable[[], bool],
    after_epoch: Callable[[Progress, tuple[EpochMetrics, ...]], None],
    translate: Callable[[], Figures],
    run: Run,
) -> Outcome:
    """Train until epoch ``progress.until``, from the middle of an epoch if ``progress`` lies there.

    Args:
        valid: pairs to measure the loss on after each epoch, or none.
        should_stop: asked after each batch, of validation too; the batch is always finished. An epoch whose
            validation was cut off is validated anew when the run is resumed.
        after_epoch: called after each epoch but the last, with what :class:`Outcome` would hold now.
        translate: translates ``valid`` and returns the figures, after each epoch.
        run: what the reporter receives, but for its batches, which are counted here.

    Raises:
        Failure: the loss is NaN or infinite; or memory did not suffice for a sentence before anything was updated,
            or in one of several processes.
    """
    first_step = trainer.step
    training = trainer.training
    stopping = _agreed(trainer.processes, should_stop)

    def order_of(epoch: int) -> BatchOrder:
        return epoch_order(pairs, training.batch_size, training.seed, epoch, training.batch_tokens)

    batches = (progress.until - progress.epoch) * len(order_of(progress.epoch))
    history: list[EpochMetrics] = []
    reporter.start(replace(run, done=progress.batch, total=batches))
    while progress.epoch < progress.until and not selector.finished:
        order = order_of(progress.epoch)
        progress, failure = _train_epoch(trainer, pairs, order, progress, reporter, stopping, first_step)
        if progress.batch < len(order):
            return Outcome(progress, tuple(history), interrupted=True, failure=failure)
        valid_loss, figures = None, Figures()
        try:
            if valid:
                reporter.validating()
                valid_loss, figures = _valid_loss(trainer, valid, stopping), translate()
        except Stopped:
            return Outcome(progress, tuple(history), interrupted=True)
        # out of memory on a device has many types, and the epoch's updates are made
        except Exception as error:
            return Outcome(progress, tuple(history), interrupted=True, failure=error)
        history.append(_metrics(progress, valid_loss, figures))
        progress = replace(
            progress,
            step=trainer.step,
            epoch=progress.epoch + 1,
            batch=0,
            loss_sum=0.0,
            tokens=0,
            seconds=0.0,
        )
        reporter.epoch(history[-1])
        selector.update(history[-1], trainer.parameters)
        if progress.epoch == progress.until or selector.finished:
            break
        if stopping():
            return Outcome(progress, tuple(history), interrupted=True)
        after_epoch(progress, tuple(history))
    return Outcome(progress, tuple(history), interrupted=False)


def _train_epoch(
    trainer: Trainer,
    pairs: Sequence[EncodedPair],
    order: BatchOrder,
    begun: Progress,
    reporter: Reporter,
    stopping: Callable[[], bool],
    first_step: int,
) -> tuple[Progress, Failure | None]:
    """Train on an epoch's batches from ``begun.batch`` on, to the last one or until ``stopping()``.

    Args:
        first_step: ``trainer.step`` when the run began.

    Returns:
        The progress with the sums over the epoch's batches so far; and the failure that ended it, if memory did not
        suffice for a sentence.

    Raises:
        Failure: the loss is NaN or infinite; or memory did not suffice, and the run has updated nothing or is one of
            several processes.
    """
    progress, failure = begun, None
    losses: list[tuple[Array, int]] = []
    started = time.perf_counter()
    for number in range(begun.batch, len(order), trainer.training.accumulate):
        group = order[number : number + trainer.training.accumulate]
        batches = [trainer.batch([pairs[index] for index in indices]) for indices in group]
        try:
            found = trainer.update_accumulated(batches)
        except Failure as error:
            # among several processes the others wait for this one's gradient, and for no sum of losses
            alone = trainer.processes.world_size == 1
            if error.code != "training-out-of-memory" or trainer.step == first_step or not alone:
                raise
            failure = error
            break
        losses += found
        progress = replace(progress, step=trainer.step, batch=number + len(group))
        for batch, (loss, _) in zip(batches, found, strict=True):
            reporter.batch(batch.tokens, lambda loss=loss: float(trainer.ops.to_host(loss)))
        if stopping():
            break
    return _summed(trainer, losses, begun, progress, time.perf_counter() - started), failure


def _agreed(processes: ProcessGroup, should_stop: Callable[[], bool]) -> Callable[[], bool]:
    """``should_stop`` of any process, the same in all: they must stop after the same batch."""
    if processes.world_size == 1:
        return should_stop
    asked = 0

    def any_stops() -> bool:
        nonlocal asked
        asked += 1
        return asked % _STOP_INTERVAL == 0 and processes.all_reduce(float(should_stop()))[0] > 0

    return any_stops


def _summed(
    trainer: Trainer, losses: list[tuple[Array, int]], begun: Progress, progress: Progress, seconds: float
) -> Progress:
    """``progress`` with the sums over its epoch's batches: those of ``begun``, and ``losses`` of all processes.

    One addition after the other, so that an interruption between two of them does not change the sum's last bit.

    Raises:
        Failure: a loss is NaN or infinite.
    """
    first = trainer.processes.rank == 0
    loss_sum, tokens = (begun.loss_sum, begun.tokens) if first else (0.0, 0)
    for loss, count in losses:
        loss_sum += float(trainer.ops.to_host(loss)) * count
        tokens += count
    loss_sum, tokens = trainer.processes.all_reduce(loss_sum, tokens)
    if not math.isfinite(loss_sum):
        raise diverged(trainer.training, begun.epoch + 1, "損失が数ではなくなりました")
    return replace(progress, loss_sum=float(loss_sum), tokens=int(tokens), seconds=begun.seconds + seconds)


def diverged(training: TrainingConfig, epoch: int, how: str) -> Failure:
    """The failure of a training whose parameters are of no use after ``epoch``; ``how`` it shows, in Japanese."""
    return Failure(
        f"学習が発散しました（{epoch} エポック目で、{how}）。",
        "前に保存したものは、そのまま残っています。学習率（learning_rate）を小さくしてください（たとえば半分に）。",
        code="training-diverged",
        setting="learning_rate",
        value=training.learning_rate,
        epoch=epoch,
    )


def _metrics(ended: Progress, valid_loss: float | None, figures: Figures) -> EpochMetrics:
    """A point of the training curve, from the sums over a whole epoch. Its speed is 0 where the clock stood still."""
    loss, speed = ended.loss_sum / ended.tokens, ended.tokens / ended.seconds if ended.seconds > 0 else 0.0
    measured = {f"valid_{name}": value for name, value in vars(figures).items()}
    return EpochMetrics(ended.epoch + 1, loss, ended.seconds, speed, valid_loss, **measured)


def _valid_loss(trainer: Trainer, valid: Sequence[EncodedPair], stopping: Callable[[], bool]) -> float | None:
    """The mean over all tokens, nats; ``None`` if it is NaN or infinite. One batch is in memory at a time.

    Raises:
        Stopped: ``stopping()``, which is asked between two batches.
    """
    processes = trainer.processes
    total = tokens = 0.0
    for start in range(0, len(valid), _VALID_BATCH):
        if start and stopping():
            raise Stopped
        if (start // _VALID_BATCH) % processes.world_size == processes.rank:
            batch = make_batch(valid[start : start + _VALID_BATCH], trainer.source_length)
            total += trainer.loss(batch) * batch.tokens
            tokens += batch.tokens
    total, tokens = processes.all_reduce(total, tokens)
    loss = total / tokens
    return loss if math.isfinite(loss) else None
