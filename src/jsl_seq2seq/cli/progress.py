"""The progress display of training and evaluation: a bar on a terminal, lines or nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..store import EpochMetrics
from .console import note

# ruff: noqa: PLC0415  rich is slow to import

_SECONDS_BETWEEN_LOSSES = 0.2  # asking for a loss makes a GPU wait
_LINES = 10


def _bar(label: str, *columns: Any) -> Any:
    """A rich progress bar on standard error: label, bar, the columns, remaining time."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (TextColumn(label), BarColumn(), *columns, TextColumn("残り"), TimeRemainingColumn())
    return Progress(*shown, console=Console(file=sys.stderr), refresh_per_second=5)


@contextmanager
def counted(label: str, unit: str, total: int, quiet: bool) -> Iterator[Callable[[int], object]]:
    """A bar that counts to ``total``; a function that advances it. Without a terminal nothing is shown."""
    if quiet or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.progress import MofNCompleteColumn, TextColumn

    with _bar(label, MofNCompleteColumn(), TextColumn(unit)) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)


class BarReporter:
    """A training's bar with loss and target tokens per second. Use as a context manager."""

    def __init__(self) -> None:
        from rich.progress import TaskProgressColumn, TextColumn

        self._progress = _bar(
            "学習中",
            TaskProgressColumn(),
            TextColumn("損失 {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} トークン/秒"),
        )
        self._task = self._progress.add_task("", total=None, loss="-", speed="-")
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
