"""The progress display of training and evaluation: a bar on a terminal, lines or nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..settings.environment import draws_lines_anew, require_terminal_size
from ..store import EpochMetrics, best_epoch
from ..training import Reporter, Run
from .console import note

# ruff: noqa: PLC0415  rich is slow to import

_SECONDS_BETWEEN_LOSSES = 0.2  # asking for a loss makes a GPU wait
_LINES = 10

METRIC_NAMES = {"loss": "損失", "exact": "完全一致", "bleu": "BLEU", "chrf": "chrF"}
"""What the values of ``TrainingConfig.metric`` are called."""


def named_figure(metric: str, value: float | None) -> str:
    """A figure with its name: ``完全一致 87.5 %``, ``損失 0.1234``, ``BLEU 20.6``; ``-`` for one that is missing."""
    name = METRIC_NAMES[metric]
    if value is None:
        return f"{name} -"
    if metric == "exact":
        return f"{name} {value:.1%}".replace("%", " %")
    return f"{name} {value:.{4 if metric == 'loss' else 1}f}"


def translated(metric: str) -> str:
    """The figure of translations that is shown beside the validation loss."""
    return "exact" if metric == "loss" else metric


def duration(seconds: float) -> str:
    """``3 時間 12 分``, ``12 分 5 秒``, ``5 秒``: two units at most."""
    seconds = max(0, round(seconds))
    if seconds >= 24 * 3600:
        return f"{seconds // 86400} 日 {seconds % 86400 // 3600} 時間"
    if seconds >= 3600:
        return f"{seconds // 3600} 時間 {seconds % 3600 // 60} 分"
    return f"{seconds // 60} 分 {seconds % 60} 秒" if seconds >= 60 else f"{seconds} 秒"


def is_terminal() -> bool:
    """Whether standard error is a terminal on which lines can be drawn anew."""
    return sys.stderr.isatty() and draws_lines_anew()


def _console() -> Any:
    """Standard error, as rich has it."""
    from rich.console import Console

    require_terminal_size()
    return Console(file=sys.stderr)


def _bar(label: str, *columns: Any) -> Any:
    """A rich progress bar on standard error: label, bar, the columns, remaining time."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (TextColumn(label), BarColumn(), *columns, TextColumn("残り"), TimeRemainingColumn())
    # what is printed as a result must not go where the bar is drawn
    return Progress(*shown, console=_console(), refresh_per_second=5, redirect_stdout=False)


@contextmanager
def counted(
    label: str, unit: str, total: int | Callable[[], int], quiet: bool
) -> Iterator[Callable[[int], object]]:
    """A bar that counts to ``total``; a function that advances it. Without a terminal nothing is shown.

    Args:
        total: or what counts it, which is called where the bar is shown.
    """
    if quiet or not is_terminal():
        yield lambda count: None
        return
    from rich.progress import MofNCompleteColumn, TextColumn

    with _bar(label, MofNCompleteColumn(), TextColumn(unit)) as progress:
        task = progress.add_task("", total=total if isinstance(total, int) else total())
        yield lambda count: progress.advance(task, count)


class BarReporter(Reporter):
    """A training on a terminal: a bar with epochs and remaining time, the loss and target tokens per second below it,
    and with validation data a line with their figures and the best epoch. Use as a context manager.

    Every line is cut at the width of the terminal.
    """

    def __init__(self) -> None:
        from rich.console import Group
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.text import Text

        def line(text: str) -> Any:
            return Text(text, no_wrap=True, overflow="ellipsis")

        columns = (
            TextColumn("学習中"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("残り {task.fields[left]}"),
        )
        self._bar = Progress(*columns, expand=True)
        self._task = self._bar.add_task("", total=None, left="-")
        self._run, self._epoch, self._state = Run(), 0, ""
        self._loss, self._speed = "-", "-"
        self._tokens, self._asked, self._pace = 0, 0.0, _Pace()
        self._measured: list[EpochMetrics] = []
        self._live = Live(
            console=_console(),
            refresh_per_second=5,
            get_renderable=lambda: Group(self._bar.get_renderable(), *map(line, self._lines())),
        )

    def __enter__(self) -> BarReporter:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def start(self, run: Run) -> None:
        self._run, self._epoch, self._pace = run, run.epoch, _Pace()
        self._measured = [point for point in run.history if point.epoch > run.start]
        self._bar.update(self._task, completed=run.done, total=run.total, description=self._counted())

    def batch(self, tokens: int, loss: Callable[[], float]) -> None:
        self._tokens += tokens
        self._state = ""
        self._pace.advance()
        self._bar.update(self._task, advance=1, left=self._left(), description=self._counted())
        now = time.monotonic()
        if now - self._asked > _SECONDS_BETWEEN_LOSSES:
            self._asked = now
            speed = self._tokens / max(self._pace.seconds, 1e-9)
            self._loss, self._speed = f"{loss():.4f}", f"{speed:,.0f}"

    def validating(self) -> None:
        self._state = "　検証しています"

    def epoch(self, metrics: EpochMetrics) -> None:
        self._epoch, self._loss, self._state = metrics.epoch, f"{metrics.loss:.4f}", ""
        self._measured.append(metrics)
        self._bar.update(self._task, left=self._left())

    def _counted(self) -> str:
        return f"エポック {min(self._epoch + 1, self._run.until)}/{self._run.until}"

    def _left(self) -> str:
        task = self._bar.tasks[0]
        left = self._pace.remaining((task.total or 0) - task.completed)
        return "-" if left is None else duration(left)

    def _lines(self) -> Iterable[str]:
        yield f"  損失 {self._loss}　{self._speed} トークン/秒{self._state}"
        if self._run.translated:
            yield "  " + validation_line(self._measured, self._run)


def validation_line(history: list[EpochMetrics], run: Run) -> str:
    """The latest figures of the validation data and the best epoch, in Japanese."""
    metric = translated(run.metric)
    latest = history[-1] if history else None
    if latest is None:
        return "検証　このエポックのあとで測ります"
    shown = f"検証　{named_figure('loss', latest.valid_loss)}　{named_figure(metric, latest.valid(metric))}"
    best = best_epoch(history, run.metric)
    if best is None:
        return shown
    return f"{shown}　最良 {best.epoch} エポック（{named_figure(run.metric, best.valid(run.metric))}）"


class _Pace:
    """The time that batches have taken, validation between them included, from the end of the first one on: its own
    time is that of compiling and of first allocations."""

    def __init__(self) -> None:
        self._started, self._first, self._done = time.monotonic(), 0.0, 0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started

    def advance(self) -> None:
        """A batch is finished."""
        self._done += 1
        if self._done == 1:
            self._first = time.monotonic()

    def remaining(self, batches: float) -> float | None:
        """Seconds that ``batches`` more will take; ``None`` before two were finished."""
        if self._done < 2:
            return None
        return (time.monotonic() - self._first) / (self._done - 1) * max(batches, 0)


class LineReporter(Reporter):
    """About ten lines in all, for logs and pipes. A context manager like :class:`BarReporter`."""

    def __init__(self) -> None:
        self._done, self._next, self._run, self._pace = 0, 0.0, Run(), _Pace()

    def __enter__(self) -> LineReporter:
        return self

    def __exit__(self, *_: object) -> None: ...

    def start(self, run: Run) -> None:
        self._run, self._done, self._pace = run, run.done, _Pace()
        self._next = run.done + (run.total - run.done) / _LINES

    def batch(self, tokens: int, loss: Callable[[], float]) -> None:
        self._done += 1
        self._pace.advance()

    def epoch(self, metrics: EpochMetrics) -> None:
        if self._done < self._next - 0.5:
            return
        total = self._run.total
        self._next += total / _LINES
        metric = translated(self._run.metric)
        valid = "" if metrics.valid_loss is None else f"、検証の損失 {metrics.valid_loss:.4f}"
        figures = "" if metrics.valid(metric) is None else f"、{named_figure(metric, metrics.valid(metric))}"
        left = self._pace.remaining(total - self._done)
        remaining = f"、残り {duration(left)}" if left is not None and self._done < total else ""
        note(
            f"  {metrics.epoch} エポック（{self._done / max(total, 1):.0%}）: 損失 {metrics.loss:.4f}{valid}{figures}、"
            f"{metrics.tokens_per_second:,.0f} トークン/秒{remaining}"
        )
