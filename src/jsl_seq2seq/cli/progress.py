"""The progress bar of training; plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn
from rich.progress import Task as BarTask
from rich.text import Text

from ..store import EpochMetrics
from .console import note

_SECONDS_BETWEEN_LOSSES = 0.2  # asking for a loss makes a GPU wait
_LINES = 10


class BarReporter:
    """A bar with loss, tokens per second and remaining time, on standard error. Use as a context manager."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("学習中"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("損失 {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} トークン/秒"),
            _Remaining(),
            console=Console(file=sys.stderr),
            refresh_per_second=5,
        )
        self._task = self._progress.add_task("学習", total=None, loss="-", speed="-")
        self._tokens, self._asked, self._started = 0, 0.0, time.monotonic()

    def __enter__(self) -> BarReporter:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start(self, done: int, total: int) -> None:
        self._started = time.monotonic()
        self._progress.update(self._task, completed=done, total=total)

    def batch(self, tokens: int, loss: Callable[[], float]) -> None:
        self._tokens += tokens
        self._progress.advance(self._task)
        now = time.monotonic()
        if now - self._asked > _SECONDS_BETWEEN_LOSSES:
            self._asked = now
            speed = self._tokens / max(now - self._started, 1e-9)
            self._progress.update(self._task, loss=f"{loss():.4f}", speed=f"{speed:,.0f}")

    def epoch(self, metrics: EpochMetrics) -> None:
        self._progress.update(self._task, loss=f"{metrics.loss:.4f}")


class LineReporter:
    """About ten lines in all, for logs and pipes. A context manager like :class:`BarReporter`."""

    def __init__(self) -> None:
        self._done, self._total, self._next = 0, 0, 0.0

    def __enter__(self) -> LineReporter:
        return self

    def __exit__(self, *_: object) -> None: ...

    def start(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        self._next = done + (total - done) / _LINES

    def batch(self, tokens: int, loss: Callable[[], float]) -> None:
        self._done += 1

    def epoch(self, metrics: EpochMetrics) -> None:
        if self._done < self._next - 0.5:
            return
        self._next += self._total / _LINES
        valid = "" if metrics.valid_loss is None else f"、検証の損失 {metrics.valid_loss:.4f}"
        note(
            f"  {metrics.epoch} エポック（{self._done / max(self._total, 1):.0%}）: 損失 {metrics.loss:.4f}{valid}、"
            f"{metrics.tokens_per_second:,.0f} トークン/秒"
        )


class _Remaining(ProgressColumn):
    def render(self, task: BarTask) -> Text:
        seconds = task.time_remaining
        if seconds is None:
            return Text("残り -")
        minutes, seconds = divmod(int(seconds), 60)
        return Text(f"残り {minutes} 分 {seconds} 秒" if minutes else f"残り {seconds} 秒")
