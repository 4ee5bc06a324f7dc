"""Text drawn from glyph outlines, so that Japanese shows on a machine without Japanese fonts.

The outlines ship with the package (``assets/glyphs/``, SIL Open Font License) and are read one block
of 256 code points at a time, when a character of that block is first asked for. A character without
an outline (an emoji, a rare kanji) becomes an SVG ``<text>`` element in the reader's sans-serif
font, squeezed to the width that was reserved for it.
"""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal, NamedTuple

EM = 1000
"""Units of outlines and advances per font size."""
MIDDLE = 0.37
"""From the baseline up to the middle of digits and kanji, as a share of the font size."""

_ZERO_WIDTH_JOINER = "\u200d"
_SHOWN = {"\n": "⏎", "\r": "⏎", "\t": "→"}


class Glyph(NamedTuple):
    """One drawn character.

    Attributes:
        path: SVG path data, y downwards, baseline at y = 0, in units of 1/EM; empty for a space.
        advance: distance to the next character, in units of 1/EM.
    """

    path: str
    advance: int


def outline(character: str) -> Glyph | None:
    """Look up the outline of one character.

    Returns:
        The glyph, or None if the package ships no outline for it.

    Raises:
        TypeError: if `character` is not exactly one character.
    """
    return _block(ord(character) >> 8).get(character)


@cache
def _archive() -> zipfile.ZipFile:
    # Held in memory: no open file is left behind, and the package may itself lie in an archive.
    data = files("jsl_seq2seq") / "assets" / "glyphs" / "outlines.zip"
    return zipfile.ZipFile(io.BytesIO(data.read_bytes()))


@cache
def _block(number: int) -> dict[str, Glyph]:
    try:
        lines = _archive().read(f"{number:02x}.txt").decode("ascii").splitlines()
    except KeyError:
        return {}
    fields = (line.split(" ", 2) for line in lines)
    return {chr(int(code, 16)): Glyph(path, int(advance)) for code, advance, path in fields}


def visible(text: str) -> str:
    """Make `text` safe for XML and visible to a reader.

    Blanks at either end become ␣, line breaks ⏎, tabs →; other control characters, lone surrogates
    and noncharacters become □, and invisible formatting such as direction marks is left out.
    """
    stripped = text.strip(" \u3000")
    lead = len(text) - len(text.lstrip(" \u3000"))
    trail = len(text) - len(stripped) - lead
    text = "␣" * lead + stripped + "␣" * trail
    return "".join(map(_visible, text.replace("\r\n", "\n")))


def _visible(character: str) -> str:
    if character in _SHOWN:
        return _SHOWN[character]
    category = unicodedata.category(character)
    if category in {"Cc", "Cs", "Zl", "Zp"} or ord(character) & 0xFFFE == 0xFFFE:
        return "□"
    return "" if category == "Cf" and character != _ZERO_WIDTH_JOINER else character


def _clusters(text: str) -> Iterator[str]:
    """Split into what a reader sees as one character: a base, its combining marks, joined emoji."""
    cluster = ""
    for character in text:
        joins = unicodedata.category(character).startswith("M") or character == _ZERO_WIDTH_JOINER
        if cluster and not joins and not cluster.endswith(_ZERO_WIDTH_JOINER):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


@lru_cache(maxsize=4096)
def _glyph(cluster: str) -> tuple[str, int]:
    """Return (the character to draw by outline, or "" for none; advance)."""
    # か + combining dakuten has the one outline が. A variation selector asks for another shape of
    # the same character; the plain shape is nearer to it than a font that may not be there.
    composed = unicodedata.normalize("NFC", cluster)
    composed = "".join(c for c in composed if not unicodedata.name(c, "").startswith("VARIATION"))
    if len(composed) == 1 and (glyph := outline(composed)):
        return composed, glyph.advance
    return "", EM if unicodedata.east_asian_width(cluster[0]) in "WFA" else EM * 3 // 5


def text_width(text: str, size: float) -> float:
    """Width of `text` in pixels at a font size in pixels."""
    return sum(_glyph(cluster)[1] for cluster in _clusters(text)) * size / EM


def shorten(text: str, size: float, limit: float) -> str:
    """Cut `text` to at most `limit` pixels at font size `size`, with … for what is left out."""
    if text_width(text, size) <= limit:
        return text
    kept = ""
    for cluster in _clusters(text):
        if text_width(kept + cluster + "…", size) > limit:
            break
        kept += cluster
    return kept + "…"


def wrap(text: str, size: float, limit: float) -> list[str]:
    """Break `text` into lines of at most `limit` pixels, at a space if one is near the end."""
    lines = [""]
    for cluster in _clusters(text):
        if lines[-1] and text_width(lines[-1] + cluster, size) > limit and cluster != " ":
            head, space, tail = lines[-1].rpartition(" ")
            if space and len(head) > len(tail):
                lines[-1:] = [head, tail]
            else:
                lines.append("")
        lines[-1] += cluster
    return [line.rstrip() for line in lines]


@dataclass(frozen=True)
class Line:
    """One placed line of text; ``lettering.svg`` writes it.

    Attributes:
        transform: of the group, from units of 1/EM at the anchor to pixels of the picture.
        colour: of the text.
        pieces: one for each drawn cluster: its x in units of 1/EM and either the id of its outline, or the
            cluster itself with its font size, scale and width for a ``<text>`` element.
    """

    transform: str
    colour: str
    pieces: tuple[tuple[int, str] | tuple[int, str, float, str, str], ...]


class Lettering:
    """Places lines of text and collects the outlines that they use."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def place(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        *,
        anchor: Literal["start", "middle", "end"] = "start",
        angle: float = 0,
        colour: str = "#222222",
    ) -> Line:
        """Place one line of text, as :func:`visible` makes it.

        Args:
            x, y: pixels; the point on the baseline that `anchor` names.
            size: font size in pixels.
            angle: degrees clockwise around (x, y).
        """
        clusters = [(cluster, *_glyph(cluster)) for cluster in _clusters(visible(text))]
        width = sum(advance for _, _, advance in clusters)
        at = {"start": 0, "middle": -width // 2, "end": -width}[anchor]
        pieces: list[tuple[int, str] | tuple[int, str, float, str, str]] = []
        for cluster, character, advance in clusters:
            if not character:
                # At its own size: text layout engines round at 1000 pixels.
                pieces.append((at, cluster, size, f"{EM / size:.6g}", f"{advance * size / EM:.6g}"))
            elif not character.isspace():
                self._used.add(character)
                pieces.append((at, _identifier(character)))
            at += advance
        turn = f" rotate({angle:g})" if angle else ""
        return Line(f"translate({x:.6g} {y:.6g}){turn} scale({size / EM:g})", colour, tuple(pieces))

    def outlines(self) -> list[tuple[str, str]]:
        """(id, path data) of every outline that the lines placed so far use."""
        found = ((character, outline(character)) for character in sorted(self._used))
        return [(_identifier(character), glyph.path) for character, glyph in found if glyph is not None]


def _identifier(character: str) -> str:
    # By the code point: several pictures inlined in one page define it alike.
    return f"jsl-u{ord(character):x}"
