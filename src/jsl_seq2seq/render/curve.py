"""Training curves as SVG: the losses and the figures of validation data over the epochs, of one run or of several.

The picture has colours for light and dark (``prefers-color-scheme``), and its text is drawn from outlines.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..io.files import open_regular, require_own_file, write_utf8
from ..store import EpochMetrics, best_epoch
from ..training import Reporter, Run
from .glyphs import Lettering, Line, shorten, text_width
from .pages import render

CURVE = "curve.svg"
MARK = "jsl-seq2seq:curve"
"""Stands at the beginning of the file; a later run replaces what has it, and nothing else."""

COLOURS = 8
"""Lines that have a colour each; more of them are dashed and begin again."""

FIGURES = {"exact": "検証の完全一致", "bleu": "検証の BLEU", "chrf": "検証の chrF"}

_WIDTH, _LEFT, _RIGHT, _HEIGHT = 760, 64, 16, 190
_SMALL, _TITLE = 12, 15
_POINTS = 800
"""Points of a line at most: more than the picture is wide in pixels."""
_SECONDS = 10
"""Between two drawings while training goes on."""


class Series(NamedTuple):
    """A line: its name, its points (epoch, value), and its number, which decides the colour."""

    name: str
    points: Sequence[tuple[int, float]]
    number: int


@dataclass(frozen=True)
class Panel:
    """Lines over the same epochs.

    Attributes:
        percent: whether values are shares, written in %.
        best: an epoch to mark; ``None`` for none.
        falls: whether values fall, so that there is room above the lines, and not below.
    """

    title: str
    series: Sequence[Series]
    percent: bool = False
    best: int | None = None
    falls: bool = False


def curve_of_run(history: Sequence[EpochMetrics], metric: str, name: str = "") -> str:
    """The curve of one run.

    Args:
        metric: of ``TrainingConfig``; the best epoch by it is marked.
        name: of the model.

    Raises:
        ValueError: no epoch is finished.
    """
    best = best_epoch(history, metric)
    at = None if best is None else best.epoch
    losses = [
        Series("学習", [(point.epoch, point.loss) for point in history], 0),
        Series("検証", _measured(history, "loss"), 1),
    ]
    panels = [
        Panel("損失（正解のタグ 1 個あたり）", [one for one in losses if one.points], best=at, falls=True)
    ]
    for figure in FIGURES:
        points = _measured(history, figure)
        if points and (figure == metric or (figure == "exact" and metric == "loss")):
            panels.append(Panel(FIGURES[figure], [Series("検証", points, 1)], figure == "exact", at))
    return draw("学習曲線" + (f": {name}" if name else ""), panels)


def curve_of_runs(runs: Sequence[tuple[str, Sequence[EpochMetrics]]]) -> str:
    """The curves of several runs, each a name and its epochs, in one picture."""
    panels = []
    for title, percent, metric in (
        ("学習の損失", False, ""),
        ("検証の損失", False, "loss"),
        *((FIGURES[figure], figure == "exact", figure) for figure in FIGURES),
    ):
        series = [
            Series(
                name,
                _measured(history, metric) if metric else [(one.epoch, one.loss) for one in history],
                number,
            )
            for number, (name, history) in enumerate(runs)
        ]
        series = [one for one in series if one.points]
        if series:
            panels.append(Panel(title, series, percent))
    return draw("学習曲線の比較", panels)


def _measured(history: Iterable[EpochMetrics], metric: str) -> list[tuple[int, float]]:
    return [(point.epoch, value) for point in history if (value := point.valid(metric)) is not None]


class CurveFile(Reporter):
    """Draws ``curve.svg`` in a directory that exists, now and then while training goes on.

    Args:
        inform: called once, with a message in Japanese, if it cannot be written; training goes on.

    Raises:
        UserError: a file of that name is there that this program did not write.
    """

    def __init__(self, directory: Path, inform: Callable[[str], None] = lambda _: None) -> None:
        self._path, self._inform = directory / CURVE, inform
        self._history: list[EpochMetrics] = []
        self._metric, self._drawn, self._said = "loss", 0.0, False
        require_own_file(self._path, _is_own)

    def start(self, run: Run) -> None:
        self._history, self._metric, self._drawn = list(run.history), run.metric, time.monotonic()

    def epoch(self, metrics: EpochMetrics) -> None:
        self._history.append(metrics)
        if time.monotonic() - self._drawn > _SECONDS:
            self.finish()

    def finish(self) -> None:
        """Draw all epochs so far, if there are any."""
        if not self._history:
            return
        try:
            write_utf8(
                self._path, curve_of_run(self._history, self._metric, self._path.parent.name), sync=False
            )
        except OSError as error:
            if not self._said:
                self._inform(f"{self._path} に書けません（{error.strerror}）。学習は続けます。")
            self._said = True
        self._drawn = time.monotonic()


def write_curve(path: Path, picture: str) -> None:
    """Write a picture of this module to a file, in place of an earlier one.

    Raises:
        UserError: a file is there that this program did not draw, or it cannot be written.
    """
    require_own_file(path, _is_own)
    try:
        write_utf8(path, picture)
    except OSError as error:
        raise UserError(
            f"学習曲線を書けません: {path}（{error.strerror}）",
            "書き込めるフォルダーのファイルを指定してください。",
            code="curve-not-written",
            path=path,
            reason=error.strerror,
        ) from None


def _is_own(path: Path) -> bool:
    with open_regular(path, links=False) as file:
        return MARK.encode("ascii") in file.read(1_000)


def draw(title: str, panels: Sequence[Panel]) -> str:
    """Panels below each other, as an SVG picture.

    Raises:
        ValueError: there is no panel, or one without a point.
    """
    if not panels or any(not series.points for panel in panels for series in panel.series):
        raise ValueError("nothing to draw")
    letters = Lettering()
    epochs = [epoch for panel in panels for series in panel.series for epoch, _ in series.points]
    first, last = min(epochs), max(epochs)
    top, drawn = 34.0, []
    texts = [letters.place(shorten(title, _TITLE, _WIDTH - 2 * _RIGHT), _RIGHT, 22, _TITLE, colour=_INK)]
    for panel in panels:
        part = _panel(panel, letters, top, first, last)
        drawn.append(part)
        top = part.bottom
    texts.append(letters.place("エポック", _WIDTH - _RIGHT, top + 4, _SMALL, anchor="end", colour=_INK))
    summary = "。".join(_described(panel) for panel in panels)
    return render(
        "curve.svg",
        mark=MARK,
        title=title,
        description=f"{first} から {last} エポックまで。{summary}。",
        width=_WIDTH,
        height=math.ceil(top + 14),
        panels=drawn,
        texts=texts,
        outlines=letters.outlines(),
        colours=range(COLOURS),
    )


_INK, _SOFT = "#1b1b1f", "#565a63"
"""Colours of text, which the picture's style exchanges where the reader's look is dark."""


class _Drawn(NamedTuple):
    """A panel's parts in pixels: texts, grid lines (x1, y1, x2, y2), the marked epoch's line, and lines with samples
    for the legend, each with the number of its colour and whether it is dashed."""

    texts: list[Line]
    grid: list[tuple[float, float, float, float]]
    mark: tuple[float, float, float] | None
    lines: list[tuple[str, int, bool]]
    samples: list[tuple[float, float, int, bool]]
    bottom: float


def _panel(panel: Panel, letters: Lettering, top: float, first: int, last: int) -> _Drawn:
    right, y = _WIDTH - _RIGHT, top + 16
    texts = [letters.place(panel.title, _RIGHT, y, _SMALL, colour=_INK)]
    samples: list[tuple[float, float, int, bool]] = []
    x = _RIGHT + text_width(panel.title, _SMALL) + 24
    for series in panel.series if len(panel.series) > 1 else ():
        name = shorten(series.name, _SMALL, 220)
        width = text_width(name, _SMALL) + 46
        if x + width > right:
            x, y = _RIGHT, y + 18
        samples.append((x, y - 4, series.number % COLOURS, series.number >= COLOURS))
        texts.append(letters.place(name, x + 28, y, _SMALL, colour=_INK))
        x += width
    head = y + 12
    values = [value for series in panel.series for _, value in series.points]
    ticks = _ticks(min(*values, 0.0), max(values), 4)
    low, high = ticks[0], ticks[-1]

    def across(epoch: float) -> float:
        return _LEFT + (epoch - first) / max(last - first, 1) * (right - _LEFT)

    def down(value: float) -> float:
        return head + (high - value) / (high - low) * _HEIGHT

    grid = []
    for tick in ticks:
        grid.append((_LEFT, down(tick), right, down(tick)))
        written = f"{100 * tick:.4g} %" if panel.percent else f"{tick:.4g}"
        texts.append(letters.place(written, _LEFT - 8, down(tick) + 4, _SMALL, anchor="end", colour=_SOFT))
    foot = head + _HEIGHT
    for epoch in sorted({round(one) for one in _ticks(first, last, 8) if first <= one <= last} or {first}):
        texts.append(
            letters.place(str(epoch), across(epoch), foot + 18, _SMALL, anchor="middle", colour=_SOFT)
        )
    mark = None
    if panel.best is not None:
        mark = (across(panel.best), head, foot)
        end = across(panel.best) > right - 90
        texts.append(
            letters.place(
                f"最良 {panel.best}",
                across(panel.best) + (-6 if end else 6),
                head + 12 if panel.falls else foot - 6,
                _SMALL,
                anchor="end" if end else "start",
                colour=_SOFT,
            )
        )
    lines = [
        (
            " ".join(f"{across(epoch):.1f},{down(value):.1f}" for epoch, value in _thinned(series.points)),
            series.number % COLOURS,
            series.number >= COLOURS,
        )
        for series in sorted(panel.series, key=lambda one: -one.points[-1][0])  # a shorter one on a longer
    ]
    return _Drawn(texts, grid, mark, lines, samples, foot + 28)


def _thinned(points: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """At most about :data:`_POINTS` points, the last one included; one alone twice, so that it is a line."""
    if len(points) == 1:
        epoch, value = points[0]
        return [(epoch, value), (epoch, value)]
    step = math.ceil(len(points) / _POINTS)
    return [*points[:-1:step], points[-1]]


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers, about so many, from one that is not above ``low`` to one that is not below ``high``."""
    span = max(high - low, 1e-9 * max(abs(high), 1), 1e-12)
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * about >= span * 0.999)
    start = math.floor(low / step + 1e-9)
    count = math.ceil(high / step - 1e-9) - start
    return [(start + number) * step for number in range(max(count, 1) + 1)]


def _described(panel: Panel) -> str:
    def written(value: float) -> str:
        return f"{100 * value:.1f} %" if panel.percent else f"{value:.4g}"

    ends = "、".join(f"{series.name} {written(series.points[-1][1])}" for series in panel.series)
    best = "" if panel.best is None else f"（最良は {panel.best} エポック）"
    return f"{panel.title}: 最後は {ends}{best}"
