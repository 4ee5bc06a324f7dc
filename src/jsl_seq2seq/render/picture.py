"""The parts of a heat map and their places: labels, cells, legend, titles and notes.

All lengths are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape

from .colours import ColourScale, finite_values, hex_code, ink, plain_number
from .glyphs import MIDDLE, Lettering, shorten, text_width, visible, wrap

TITLE, LABEL, AXIS_TITLE, SMALL = 16, 13, 12, 11
"""Font sizes."""

_MARGIN = 16
_TITLE_PITCH, _NOTE_PITCH = 23, 17  # from one line of text to the next
_SUBTITLE_LIMIT = 1200  # length of the subtitle before it is shortened
_LABEL_LIMIT = 170  # length of a label before it is shortened
_BAR = 14  # width of the colour bar
_BESIDE_BAR = _BAR + 8  # where the numbers beside the bar begin
_QUIET, _LINE = "#595959", "#8c8c8c"  # greys: axis titles and notes, contrast 7:1 on white; ticks
_HATCHED = "url(#jsl-hatch)"
_HATCH = (
    '<defs><pattern id="jsl-hatch" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="6" fill="#f4f4f4"/>'
    '<path d="M-1 1l2-2M0 6l6-6M5 7l2-2" stroke="#b8b8b8"/></pattern></defs>'
)


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


@dataclass(frozen=True)
class Picture:
    """One heat map.

    Attributes:
        grid: the value of each cell, as many as the axes have.
        write: writes the numbers in the cells and beside the colour bar.
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
        """Place the parts, each drawn around its own origin, and return the SVG document."""
        draw, title, subtitle = self._letters.draw, visible(title), visible(subtitle)
        row_title = _fitted(row_title, AXIS_TITLE)
        legend, legend_width, legend_height = self._legend()

        # From left to right: row labels, grid, legend. The title and the notes adapt to these.
        row_widths = [text_width(text, self.rows.size) for _, text in self.rows.shown]
        left = math.ceil(_MARGIN + max(*row_widths, text_width(row_title, AXIS_TITLE)) + 10)
        legend_left = left + self.columns.length + 24
        header, reach = self._column_label_extent()
        title_reach = text_width(visible(column_title), AXIS_TITLE)
        right = max(legend_left + legend_width, left + reach, left + title_reach)
        title_lines, right = _wrapped([title.replace("⏎", " ")], TITLE, right)
        shown = shorten(subtitle, AXIS_TITLE, _SUBTITLE_LIMIT)
        subtitle_lines, right = _wrapped([shown] if shown else [], AXIS_TITLE, right)
        note_lines, right = _wrapped(notes, SMALL, right)
        width = math.ceil(right) + _MARGIN

        # From top to bottom: title, axis titles, column labels, grid beside legend, notes.
        subtitle_top = _MARGIN + _TITLE_PITCH * len(title_lines)
        title_end = subtitle_top + _NOTE_PITCH * len(subtitle_lines)
        top = math.ceil(title_end + 26 + header + 10)
        bottom = top + max(self.rows.length, legend_height) + _MARGIN
        height = bottom + _NOTE_PITCH * len(note_lines)
        corner = top - (8 if self.printed else 13)  # clear of the first row's label

        body = [
            *(draw(t, _MARGIN, _MARGIN + 15 + _TITLE_PITCH * i, TITLE) for i, t in enumerate(title_lines)),
            *(
                draw(text, _MARGIN, subtitle_top + 13 + _NOTE_PITCH * i, AXIS_TITLE)
                for i, text in enumerate(subtitle_lines)
            ),
            draw(column_title, left, title_end + 16, AXIS_TITLE, colour=_QUIET),
            draw(row_title, left - 8, corner, AXIS_TITLE, anchor="end", colour=_QUIET),
            f'<g transform="translate({left} {top})">',
            *self._axis_labels(),
            *self._cells(),
            "</g>",
            f'<g transform="translate({legend_left} {top})">{legend}</g>',
            *(
                draw(text, _MARGIN, bottom + 6 + _NOTE_PITCH * i, SMALL, colour=_QUIET)
                for i, text in enumerate(note_lines)
            ),
        ]
        name = f"{title}　{subtitle}" if subtitle else title
        lines = [
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
            f' width="{width}" height="{height}" viewBox="0 0 {width} {height}" xml:lang="ja"'
            f' role="img" aria-label="{escape(name)}">',
            f"<title>{escape(name)}</title>",
            f"<desc>{escape(description)}</desc>",
            self._letters.definitions(),  # of what the body has drawn
            # White on purpose: viewers in dark mode would leave dark labels on black.
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *body,
            "</svg>\n",
        ]
        return "\n".join(lines)

    def _column_label_extent(self) -> tuple[float, float]:
        """How far the column labels reach above the grid, and to the right of its left edge."""
        size, turn = self.columns.size, math.radians(self.columns.angle)
        along = math.cos(turn) if turn else 0.5  # level labels are centred over their cells
        widths = [(middle, text_width(text, size)) for middle, text in self.columns.shown]
        header = max(size * math.cos(turn) - width * math.sin(turn) for _, width in widths)
        return header, max(middle + width * along for middle, width in widths)

    def _axis_labels(self) -> Iterator[str]:
        """Labels and, unless the cells are wide apart, ticks; the grid's corner is 0, 0."""
        draw, size, angle = self._letters.draw, self.columns.size, self.columns.angle
        lower = size * MIDDLE  # from the middle of a line of text down to its baseline
        for y, text in self.rows.shown:
            yield draw(text, -8, y + lower, size, anchor="end")
        turn = math.radians(angle)
        for x, text in self.columns.shown:
            if angle:
                yield draw(text, x - lower * math.sin(turn), lower * math.cos(turn) - 8, size, angle=angle)
            else:
                yield draw(text, x, -9, size, anchor="middle")
        if not self.printed:
            ticks = [f"M-5 {y:g}h4" for y, _ in self.rows.shown]
            ticks += [f"M{x:g}-5v4" for x, _ in self.columns.shown]
            yield f'<path d="{"".join(ticks)}" stroke="{_LINE}" fill="none"/>'

    def _cells(self) -> Iterator[str]:
        """One group per row; the grid's corner is 0, 0."""
        kind = "平均" if self.rows.block * self.columns.block > 1 else "値"
        column_names = self.columns.names()
        crisp = "" if self.printed else ' shape-rendering="crispEdges"'
        for y, (row_name, row) in enumerate(zip(self.rows.names(), self.grid, strict=True)):
            cells = [
                self._cell(x, value, f"行 {row_name}\n列 {name}\n{kind} {plain_number(value)}")
                for x, (name, value) in enumerate(zip(column_names, row, strict=True))
            ]
            yield f'<g transform="translate(0 {y * self.rows.cell})"{crisp}>{"".join(cells)}</g>'

    def _cell(self, x: int, value: float, tip: str) -> str:
        """The x-th cell of a row, with its tooltip."""
        width, height = self.columns.cell, self.rows.cell
        hatched = self._is_hatched(value)
        rgb = (255, 255, 255) if hatched else self.scale.rgb(value)
        fill = _HATCHED if hatched else hex_code(rgb)
        tip = f"<title>{escape(tip)}</title>"
        if not self.printed:
            return f'<rect x="{x * width}" width="{width}" height="{height}" fill="{fill}">{tip}</rect>'
        number = ""
        if not (self.zero_is_masked and value == 0):
            middle = ((x + 0.5) * width, height / 2 + SMALL * MIDDLE)
            number = self._letters.draw(self.write(value), *middle, SMALL, anchor="middle", colour=ink(rgb))
        # The tooltip belongs to the group: the pointer may be on the number.
        return (
            f'<g>{tip}<rect x="{x * width + 1}" y="1" width="{width - 2}" height="{height - 2}" rx="3"'
            f' fill="{fill}"/>{number}</g>'
        )

    def _is_hatched(self, value: float) -> bool:
        return not math.isfinite(value) or (self.zero_is_masked and value == 0)

    def _legend(self) -> tuple[str, float, int]:
        """(the colour bar with its numbers, width, height); its upper left corner is 0, 0."""
        height = min(max(self.rows.length, 120), 260)
        parts = ['<g shape-rendering="crispEdges">']
        for i, rgb in enumerate(self.scale.bands(64)):
            start, end = height * i // 64, height * (i + 1) // 64
            parts.append(f'<rect y="{start}" width="{_BAR}" height="{end - start}" fill="{hex_code(rgb)}"/>')
        parts.append("</g>")
        marks = self.scale.marks(finite_values(self.grid), self.write, room=18 / height)
        width = max(text_width(text, SMALL) for text in marks.values())
        for value, text in sorted(marks.items()):
            y = height * (1 - self.scale.share(value))
            parts.append(f'<path d="M{_BAR} {y:.6g}h4" stroke="{_LINE}"/>')
            parts.append(self._letters.draw(text, _BESIDE_BAR, y + SMALL * MIDDLE, SMALL))
        hatched = [value for row in self.grid for value in row if self._is_hatched(value)]
        if hatched:
            kinds = ["マスク (0)"] if 0 in hatched else []
            kinds += ["NaN・∞"] if any(hatched) else []  # NaN is true, too
            words = "・".join(kinds)
            parts.append(
                f'{_HATCH}<rect y="{height + 16}" width="{_BAR}" height="{_BAR}" fill="{_HATCHED}"/>'
            )
            parts.append(self._letters.draw(words, _BESIDE_BAR, height + 27, SMALL))
            width, height = max(width, text_width(words, SMALL)), height + 34
        return "".join(parts), _BESIDE_BAR + width, height


def _wrapped(texts: list[str], size: int, right: float) -> tuple[list[str], float]:
    """Wrap texts where the picture ends so far, but not below 400; return lines and the new end."""
    lines = [line for text in texts for line in wrap(text, size, max(right, 400) - _MARGIN)]
    return lines, max([right, *(_MARGIN + text_width(line, size) for line in lines)])
