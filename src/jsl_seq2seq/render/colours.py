"""Colour scales, and numbers as a picture writes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

RGB = tuple[int, int, int]


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
            values: all finite values of the picture; a limit says so if some lie beyond it.
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
