"""Heat maps as self-contained SVG: attention weights and model weights, with Japanese labels.

A picture needs no font, script or style sheet: labels are outlines (``glyphs.py``). Every cell has its row, column
and value as a tooltip, and the picture a description in words. This module computes colours and places, in pixels;
``templates/heatmap.svg`` writes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from .glyphs import MIDDLE, Lettering, Line, shorten, text_width, visible, wrap
from .pages import render

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = Sequence[Sequence[float]] | npt.NDArray[Any]

MAX_CELLS = 200
"""Rows and columns drawn at most; a larger matrix is averaged in blocks."""
MAX_PRINTED = 20
"""Rows and columns up to which each cell shows its value as a number."""

RGB = tuple[int, int, int]

TITLE, LABEL, AXIS_TITLE, SMALL = 16, 13, 12, 11
"""Font sizes."""

_MARGIN = 16
_TITLE_PITCH, _NOTE_PITCH = 23, 17  # from one line of text to the next
_SUBTITLE_LIMIT = 1200  # length of the subtitle before it is shortened
_LABEL_LIMIT = 170  # length of a label before it is shortened
_BAR = 14  # width of the colour bar
_BESIDE_BAR = _BAR + 8  # where the numbers beside the bar begin
_QUIET, _LINE = "#595959", "#8c8c8c"  # greys: axis titles and notes, contrast 7:1 on white; ticks
_HATCHED = "url(#jsl-hatch)"  # a pattern of heatmap.svg


def heatmap_svg(
    values: Values,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    title: str,
    subtitle: str = "",
    row_title: str,
    column_title: str,
    value_range: tuple[float, float] | None = None,
    zero_is_masked: bool = False,
) -> str:
    """Draw a matrix as an SVG picture.

    Args:
        values: rows of numbers, at least 1 x 1. NaN and infinities are hatched.
        row_labels, column_labels: one per row and column; shortened in the picture if long.
        title, subtitle: what is shown, and of what.
        row_title, column_title: what rows and columns are.
        value_range: values at the two ends of the colours; with a negative end the colours diverge
            around 0. Default: 0 to the largest value, or -m to m where any value is negative.
        zero_is_masked: hatch the values that are exactly 0, as a mask leaves them.

    Returns:
        An SVG document, the same for the same arguments. More than MAX_CELLS rows or columns are
        averaged in blocks, and the picture says so.

    Raises:
        ValueError: if `values` is not two-dimensional or empty, if there are not as many labels as
            rows or columns, or if `value_range` is not two finite numbers in ascending order.
    """
    table = _checked(values, row_labels, column_labels)
    down, across = (math.ceil(len(labels) / MAX_CELLS) for labels in (row_labels, column_labels))
    averaged = down * across > 1
    grid = _averaged(table, down, across) if averaged else table
    finite = finite_values(grid)
    scale = fit_scale(finite, value_range)
    write = number_writer(max(map(abs, (scale.low, scale.high, *finite))))

    printed = max(len(grid), len(grid[0])) <= MAX_PRINTED
    number_width = max(text_width(write(v), SMALL) for row in grid for v in row) if printed else 0
    rows, columns = fit_axes(row_labels, column_labels, down, across, number_width)
    picture = Picture(grid, scale, write, rows, columns, printed, zero_is_masked)

    notes = []
    if averaged:
        notes.append(
            f"{len(table)} × {len(table[0])} の値を {down} × {across} 個ごとに平均し、"
            f"{len(grid)} × {len(grid[0])} のマスに縮めて表示しています。"
        )
    if rows.hides_labels() or columns.hides_labels():
        notes.append("省いたラベルは、ブラウザでマスにポインターを重ねると読めます。")
    shape = f"{row_title} ({len(table)})、{column_title} ({len(table[0])})。"
    description = "".join([shape, _summary(table, row_labels, column_labels, scale), *notes])
    return picture.svg(title, subtitle, row_title, column_title, notes, visible(description))


def _checked(values: Values, row_labels: Sequence[str], column_labels: Sequence[str]) -> list[list[float]]:
    try:
        table = [[float(value) for value in row] for row in values]
    except TypeError as error:
        raise ValueError(f"values must be rows of numbers: {error}") from error
    if not table or not table[0]:
        raise ValueError("values must have at least one row and one column")
    height, width = len(table), len(table[0])
    for side, labels, count in (("row", row_labels, height), ("column", column_labels, width)):
        if len(labels) != count:
            raise ValueError(f"{side}_labels: {len(labels)} labels for {count} {side}s of values")
    for i, row in enumerate(table):
        if len(row) != width:
            raise ValueError(f"row {i} has {len(row)} values, row 0 has {width}")
    return table


def _averaged(table: list[list[float]], down: int, across: int) -> list[list[float]]:
    """Means over blocks of down x across values, NaN and infinities left out."""

    def mean(top: int, left: int) -> float:
        kept = finite_values(row[left : left + across] for row in table[top : top + down])
        # Divided first: the sum of large values may leave the floats.
        return sum(value / len(kept) for value in kept) if kept else math.nan

    columns = range(0, len(table[0]), across)
    return [[mean(top, left) for left in columns] for top in range(0, len(table), down)]


def _summary(
    table: list[list[float]],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    scale: ColourScale,
) -> str:
    """What the picture shows, in words, for people who listen to it."""
    finite = finite_values(table)
    if not finite:
        return "数値はありません。"
    text = f"値は {min(finite):.4g} から {max(finite):.4g}。"
    if scale.low < 0 or len(table) > 40:
        return text
    tops = []
    for label, row in zip(row_labels, table, strict=True):
        best = max(range(len(row)), key=lambda i: row[i] if math.isfinite(row[i]) else -math.inf)
        if math.isfinite(row[best]):
            tops.append(f"{visible(label)} → {visible(column_labels[best])} ({row[best]:.4g})")
    return f"{text}行ごとの最大: {'、'.join(tops)}。"


def _stops(text: str) -> list[bytes]:
    return [bytes.fromhex(colour) for colour in text.split()]


# 17 of the 256 colours of viridis (S. van der Walt and N. Smith, matplotlib, CC0): its lightness
# grows evenly and it reads the same with colour-blind eyes. Linear in between, off by 6/255.
_VIRIDIS = _stops(
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1f9f88 27ad81 3dbc74 5cc863"
    " 81d34d aadc32 d5e21a fde725"
)
# RdBu with 11 classes, reversed (C. Brewer, ColorBrewer 2.0): blue below zero, red above. Red and
# blue stay apart for the common forms of colour blindness, as red and green would not.
_BLUE_RED = _stops("053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f")


@dataclass(frozen=True)
class ColourScale:
    """Maps values to colours; diverging around 0 if `low` is negative, otherwise sequential."""

    low: float
    high: float

    @property
    def _unit(self) -> float:
        return max(abs(self.low), abs(self.high))

    def share(self, value: float) -> float:
        """Where a value lies between low (0) and high (1)."""
        # As shares of the larger end first: neither huge nor tiny ranges leave the floats.
        low, high = self.low / self._unit, self.high / self._unit
        return (value / self._unit - low) / (high - low)

    def rgb(self, value: float) -> RGB:
        """The colour of a finite value; a value outside low..high gets the colour of the limit."""
        value = min(max(value, self.low), self.high)
        if self.low < 0:
            # One unit is the same step of colour on either side, and 0 is always the neutral grey.
            stops, share = _BLUE_RED, (1 + value / self._unit) / 2
        else:
            stops, share = _VIRIDIS, self.share(value)
        position = share * (len(stops) - 1)
        index = min(int(position), len(stops) - 2)
        part = position - index
        red, green, blue = (
            round(near + (far - near) * part)
            for near, far in zip(stops[index], stops[index + 1], strict=True)
        )
        return red, green, blue

    def bands(self, count: int) -> list[RGB]:
        """Evenly spaced colours from high down to low."""
        shares = (1 - i / (count - 1) for i in range(count))
        return [self.rgb(self.low * (1 - share) + self.high * share) for share in shares]

    def marks(self, values: Sequence[float], write: Callable[[float], str], room: float) -> dict[float, str]:
        """Numbers to write beside the colours: both limits and, where there is room, round numbers.

        Args:
            values: all finite values of the picture; a limit that some exceed is marked ≤ or ≥.
            room: the share of low..high that one number takes.
        """
        low, high = self.low, self.high
        texts = {low: write(low), high: write(high)}
        if min(values, default=low) < low:
            texts[low] = "≤ " + texts[low]
        if max(values, default=high) > high:
            texts[high] = "≥ " + texts[high]
        between = (tick for tick in self._ticks() if room <= self.share(tick) <= 1 - room)
        return texts | {tick: write(tick) for tick in between}

    def _ticks(self) -> list[float]:
        """Round numbers from low to high, at most five steps apart; none if floats are too coarse."""
        rough = (self.high - self.low) / 5
        if not math.isfinite(rough) or rough < 1e-300:
            return []
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
        return [k * step for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def fit_scale(values: Sequence[float], value_range: tuple[float, float] | None) -> ColourScale:
    """The scale for finite values: `value_range` if given, else 0 to the largest, or -m to m.

    Raises:
        ValueError: if `value_range` is not two finite numbers in ascending order.
    """
    if value_range is not None:
        low, high = map(float, value_range)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"value_range must be two finite numbers, low < high: {value_range}")
        return ColourScale(low, high)
    if min(values, default=0) < 0:
        limit = max(map(abs, values))
        return ColourScale(-limit, limit)
    return ColourScale(0, max(values, default=0) or 1)


def finite_values(rows: Iterable[Iterable[float]]) -> list[float]:
    """All values of a matrix but NaN and infinities."""
    return [value for row in rows for value in row if math.isfinite(value)]


def hex_code(rgb: RGB) -> str:
    """The colour as SVG writes it."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def ink(rgb: RGB) -> str:
    """Black or white, whichever has the higher contrast (WCAG 2.2) on `rgb`."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"


def plain_number(value: float, form: str = "z.4g") -> str:
    """A number that can be copied and read by a program; four digits unless `form` differs."""
    return format(value, form).replace("nan", "NaN").replace("inf", "∞")


def number_writer(largest: float) -> Callable[[float], str]:
    """Return a function that writes numbers of up to this magnitude, all with the same decimals."""
    exponent = math.floor(math.log10(largest)) if largest else 0
    decimals = max(0, (2 if exponent >= 0 else 1) - exponent)
    form = f"z.{decimals}f" if -4 < exponent < 4 else ".1e"
    return lambda value: plain_number(value, form).replace("-", "−")


@dataclass(frozen=True)
class Axis:
    """One side of the grid.

    Attributes:
        labels: one per row or column of the matrix.
        block: how many of them share one cell.
        cell: length of one cell.
        size: font size of the labels.
        step: a label is shown at every step-th cell.
        angle: degrees by which the labels are turned.
    """

    labels: Sequence[str]
    block: int
    cell: int
    size: int
    step: int
    angle: int = 0

    @property
    def length(self) -> int:
        return math.ceil(len(self.labels) / self.block) * self.cell

    @cached_property
    def shown(self) -> list[tuple[float, str]]:
        """(middle of the cell, label as drawn) of each label that is shown."""
        wanted = self.labels[:: self.block * self.step]
        return [
            ((i * self.step + 0.5) * self.cell, _fitted(text, self.size)) for i, text in enumerate(wanted)
        ]

    def hides_labels(self) -> bool:
        """Whether a label is left out or shortened."""
        widths = (text_width(visible(text), self.size) for text in self.labels)
        return self.block * self.step > 1 or any(width > _LABEL_LIMIT for width in widths)

    def names(self) -> list[str]:
        """What a tooltip calls each cell."""
        named = [visible(label) or "(空)" for label in self.labels]
        groups = [named[i : i + self.block] for i in range(0, len(named), self.block)]
        return [g[0] if len(g) == 1 else f"{g[0]} – {g[-1]}" for g in groups]


def _fitted(label: str, size: int) -> str:
    return shorten(visible(label), size, _LABEL_LIMIT)


def fit_axes(
    row_labels: Sequence[str], column_labels: Sequence[str], down: int, across: int, number: float
) -> tuple[Axis, Axis]:
    """Choose cell sizes and labels so that nothing overlaps.

    Args:
        down, across: how many rows and columns share one cell.
        number: width of the numbers to print in the cells; 0 for none.
    """
    size = LABEL if number else SMALL
    row_count, column_count = math.ceil(len(row_labels) / down), math.ceil(len(column_labels) / across)
    widest = max(text_width(_fitted(text, size), size) for text in column_labels)
    if number:
        height = 36 if row_count <= 10 else 30
        width = math.ceil(max(44, number + 12))
        if column_count <= 10 and widest + 10 <= 90:
            width = math.ceil(max(width, widest + 10))
    else:
        width, height = (min(max(900 // n, 4), 24) for n in (column_count, row_count))
        # Not too far from squares, unless that leaves no room for a label beside each cell.
        width, height = min(width, max(2 * height, 15)), min(height, max(2 * width, 15))
    pitch = size + 4
    level, upright = _round_up((widest + 8) / width), _round_up(pitch / width)
    if level == 1 or (upright > 1 and level <= 2 * upright):
        step, angle = level, 0
    elif width * math.sqrt(0.5) >= pitch:
        step, angle = 1, -45
    else:
        step, angle = upright, -90
    rows = Axis(row_labels, down, height, size, _round_up(pitch / height))
    return rows, Axis(column_labels, across, width, size, step, angle)


def _round_up(number: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that is not below `number`."""
    return next(m * 10**k for k in range(9) for m in (1, 2, 5) if m * 10**k >= number)


class Cell(NamedTuple):
    """One cell of a row.

    Attributes:
        x: left edge.
        tip: row, column and value, for people who point at it.
        number: the value as text in the cell, if the picture prints values and this one is not masked.
    """

    x: int
    fill: str
    tip: str
    number: Line | None


@dataclass(frozen=True)
class Legend:
    """The colour bar with its numbers; the upper left corner is 0, 0.

    Attributes:
        bands: (top, height, colour) of each step of the bar, ``width`` wide.
        marks: path data of the tick beside each number.
        hatch_top: top of the hatched square that explains the hatched cells; ``None`` if there are none.
        texts: the numbers beside the bar, and the words beside the hatched square.
        extent: (width, height) of all of it.
    """

    width: int
    bands: list[tuple[int, int, str]]
    marks: list[str]
    hatch_top: int | None
    texts: list[Line]
    extent: tuple[float, int]


@dataclass(frozen=True)
class Picture:
    """One heat map.

    Attributes:
        grid: the value of each cell, as many as the axes have.
        write: formats the numbers in the cells and beside the colour bar.
        printed: whether each cell shows its value as a number.
        zero_is_masked: whether values that are exactly 0 are hatched, as NaN and infinities are.
    """

    grid: list[list[float]]
    scale: ColourScale
    write: Callable[[float], str]
    rows: Axis
    columns: Axis
    printed: bool
    zero_is_masked: bool
    _letters: Lettering = field(default_factory=Lettering, init=False)

    def svg(
        self, title: str, subtitle: str, row_title: str, column_title: str, notes: list[str], description: str
    ) -> str:
        """Place the parts, each around its own origin, and return the SVG document."""
        place, title, subtitle = self._letters.place, visible(title), visible(subtitle)
        row_title = _fitted(row_title, AXIS_TITLE)
        legend = self._legend()

        # From left to right: row labels, grid, legend. The title and the notes adapt to these.
        row_widths = [text_width(text, self.rows.size) for _, text in self.rows.shown]
        left = math.ceil(_MARGIN + max(*row_widths, text_width(row_title, AXIS_TITLE)) + 10)
        legend_left = left + self.columns.length + 24
        header, reach = self._column_label_extent()
        title_reach = text_width(visible(column_title), AXIS_TITLE)
        right = max(legend_left + legend.extent[0], left + reach, left + title_reach)
        title_lines, right = _wrapped([title.replace("⏎", " ")], TITLE, right)
        shown = shorten(subtitle, AXIS_TITLE, _SUBTITLE_LIMIT)
        subtitle_lines, right = _wrapped([shown] if shown else [], AXIS_TITLE, right)
        note_lines, right = _wrapped(notes, SMALL, right)
        width = math.ceil(right) + _MARGIN

        # From top to bottom: titles, axis titles, column labels, grid beside legend, notes.
        subtitle_top = _MARGIN + _TITLE_PITCH * len(title_lines)
        title_end = subtitle_top + _NOTE_PITCH * len(subtitle_lines)
        top = math.ceil(title_end + 26 + header + 10)
        bottom = top + max(self.rows.length, legend.extent[1]) + _MARGIN
        corner = top - (8 if self.printed else 13)  # clear of the first row's label

        above = [
            *(place(t, _MARGIN, _MARGIN + 15 + _TITLE_PITCH * i, TITLE) for i, t in enumerate(title_lines)),
            *(
                place(text, _MARGIN, subtitle_top + 13 + _NOTE_PITCH * i, AXIS_TITLE)
                for i, text in enumerate(subtitle_lines)
            ),
            place(column_title, left, title_end + 16, AXIS_TITLE, colour=_QUIET),
            place(row_title, left - 8, corner, AXIS_TITLE, anchor="end", colour=_QUIET),
        ]
        below = [
            place(text, _MARGIN, bottom + 6 + _NOTE_PITCH * i, SMALL, colour=_QUIET)
            for i, text in enumerate(note_lines)
        ]
        return render(
            "heatmap.svg",
            name=f"{title}　{subtitle}" if subtitle else title,
            description=description,
            width=width,
            height=bottom + _NOTE_PITCH * len(note_lines),
            above=above,
            below=below,
            left=left,
            top=top,
            labels=self._axis_labels(),
            ticks="" if self.printed else self._ticks(),
            line_colour=_LINE,
            printed=self.printed,
            cell=(self.columns.cell, self.rows.cell),
            rows=[(y * self.rows.cell, cells) for y, cells in enumerate(self._cells())],
            legend_left=legend_left,
            legend=legend,
            hatched=_HATCHED,
            outlines=self._letters.outlines(),  # of everything placed above
        )

    def _column_label_extent(self) -> tuple[float, float]:
        """How far the column labels reach above the grid, and to the right of its left edge."""
        size, turn = self.columns.size, math.radians(self.columns.angle)
        along = math.cos(turn) if turn else 0.5  # level labels are centred over their cells
        widths = [(middle, text_width(text, size)) for middle, text in self.columns.shown]
        header = max(size * math.cos(turn) - width * math.sin(turn) for _, width in widths)
        return header, max(middle + width * along for middle, width in widths)

    def _axis_labels(self) -> list[Line]:
        """The labels of both axes; the grid's corner is 0, 0."""
        place, size, angle = self._letters.place, self.columns.size, self.columns.angle
        lower = size * MIDDLE  # from the middle of a line of text down to its baseline
        labels = [place(text, -8, y + lower, size, anchor="end") for y, text in self.rows.shown]
        turn = math.radians(angle)
        for x, text in self.columns.shown:
            if angle:
                x, y = x - lower * math.sin(turn), lower * math.cos(turn) - 8
                labels.append(place(text, x, y, size, angle=angle))
            else:
                labels.append(place(text, x, -9, size, anchor="middle"))
        return labels

    def _ticks(self) -> str:
        """Path data of a tick at each label."""
        ticks = [f"M-5 {y:g}h4" for y, _ in self.rows.shown]
        return "".join([*ticks, *(f"M{x:g}-5v4" for x, _ in self.columns.shown)])

    def _cells(self) -> Iterable[list[Cell]]:
        """The cells of each row."""
        kind = "平均" if self.rows.block * self.columns.block > 1 else "値"
        column_names = self.columns.names()
        for row_name, row in zip(self.rows.names(), self.grid, strict=True):
            yield [
                self._cell(x, value, f"行 {row_name}\n列 {name}\n{kind} {plain_number(value)}")
                for x, (name, value) in enumerate(zip(column_names, row, strict=True))
            ]

    def _cell(self, x: int, value: float, tip: str) -> Cell:
        """The x-th cell of a row."""
        width, height = self.columns.cell, self.rows.cell
        hatched = self._is_hatched(value)
        rgb = (255, 255, 255) if hatched else self.scale.rgb(value)
        number = None
        if self.printed and not (self.zero_is_masked and value == 0):
            middle = ((x + 0.5) * width, height / 2 + SMALL * MIDDLE)
            number = self._letters.place(self.write(value), *middle, SMALL, anchor="middle", colour=ink(rgb))
        return Cell(x * width, _HATCHED if hatched else hex_code(rgb), tip, number)

    def _is_hatched(self, value: float) -> bool:
        return not math.isfinite(value) or (self.zero_is_masked and value == 0)

    def _legend(self) -> Legend:
        place = self._letters.place
        height = min(max(self.rows.length, 120), 260)
        edges = [height * i // 64 for i in range(65)]
        bands = [
            (start, end - start, hex_code(rgb))
            for start, end, rgb in zip(edges, edges[1:], self.scale.bands(64), strict=False)
        ]
        numbers = self.scale.marks(finite_values(self.grid), self.write, room=18 / height)
        width = max(text_width(text, SMALL) for text in numbers.values())
        marks, texts, hatch_top = [], [], None
        for value, text in sorted(numbers.items()):
            y = height * (1 - self.scale.share(value))
            marks.append(f"M{_BAR} {y:.6g}h4")
            texts.append(place(text, _BESIDE_BAR, y + SMALL * MIDDLE, SMALL))
        hatched = [value for row in self.grid for value in row if self._is_hatched(value)]
        if hatched:
            kinds = ["マスク (0)"] if 0 in hatched else []
            kinds += ["NaN・∞"] if any(hatched) else []  # NaN is true, too
            words = "・".join(kinds)
            hatch_top = height + 16
            texts.append(place(words, _BESIDE_BAR, height + 27, SMALL))
            width, height = max(width, text_width(words, SMALL)), height + 34
        return Legend(_BAR, bands, marks, hatch_top, texts, (_BESIDE_BAR + width, height))


def _wrapped(texts: list[str], size: int, right: float) -> tuple[list[str], float]:
    """Wrap texts where the picture ends so far, but not below 400; return lines and the new end."""
    lines = [line for text in texts for line in wrap(text, size, max(right, 400) - _MARGIN)]
    return lines, max([right, *(_MARGIN + text_width(line, size) for line in lines)])
