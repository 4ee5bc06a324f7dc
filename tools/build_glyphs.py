"""Write the glyph outlines that the heat-map pictures draw their labels with.

Developer tool; needs fontTools (``pip install fonttools``), which the package itself does not.

    python tools/build_glyphs.py FONT.ttc --face "Noto Sans CJK JP"

FONT is a Japanese font under the SIL Open Font License. The result is one zip archive with a text
file per 256 code points (``4e.txt`` holds U+4E00 to U+4EFF), one line per character:

    <code point, hex> <advance> <SVG path, relative commands>

All numbers are integers in a 1000-unit em; y grows downwards and the baseline is y = 0, so a path
can be placed in an SVG picture as it is. The archive holds no time stamps: the same font and the
same zlib give the same bytes.
"""

from __future__ import annotations

import argparse
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fontTools.pens.basePen import BasePen  # pyright: ignore[reportMissingImports]
from fontTools.ttLib import TTCollection, TTFont  # pyright: ignore[reportMissingImports]

EM = 1000
OUTPUT = Path(__file__).parents[1] / "src" / "jsl_seq2seq" / "assets" / "glyphs" / "outlines.zip"
# Unknown, visible space, line break, tab, arrows, dashes, quotes, comparison signs; then the kanji
# of everyday use (joyo list) and names that JIS X 0208 lacks.
EXTRA = "□␣⏎←↑→↓⇒…‐‑–—‘’“”•−×÷±≤≥≠≈∞μ€塡剝頰𠮟𠮷"


def characters() -> list[str]:
    """Every character to draw, sorted by code point."""
    wanted = set(EXTRA)
    for first, last in ((0x20, 0x7E), (0xA1, 0xFF), (0x3000, 0x303F), (0x3041, 0x30FF),
                        (0x31F0, 0x31FF), (0xFF01, 0xFF9F)):  # fmt: skip
        wanted.update(map(chr, range(first, last + 1)))
    # Two-byte EUC-JP is JIS X 0208: symbols, kana, Greek, Cyrillic, kanji of level 1 and 2.
    wanted.update(_decodable("euc_jp", range(0xA1, 0xFF), range(0xA1, 0xFF)))
    # What Windows adds to it, such as the first characters of the names 髙橋 and 﨑山, and ①.
    wanted.update(_decodable("cp932", range(0x81, 0xFD), range(0x40, 0xFD)))
    return sorted(c for c in wanted if unicodedata.category(c) not in {"Cn", "Co", "Cc", "Cf"})


def _decodable(codec: str, leads: Iterable[int], trails: range) -> Iterable[str]:
    for lead in leads:
        for trail in trails:
            text = bytes((lead, trail)).decode(codec, errors="ignore")
            if len(text) == 1 and ord(text) > 0x7F:
                yield text


class RelativePathPen(BasePen):
    """Records a glyph as relative SVG path commands, scaled to EM and flipped to y downwards."""

    def __init__(self, glyph_set: Any, scale: float) -> None:
        super().__init__(glyph_set)
        self._scale = scale
        self._parts: list[str] = []
        self._command = ""
        self._here = self._start = (0, 0)

    @property
    def path(self) -> str:
        return "".join(self._parts)

    def _to_grid(self, point: tuple[float, float]) -> tuple[int, int]:
        return round(point[0] * self._scale), round(-point[1] * self._scale)

    def _emit(self, command: str, numbers: Iterable[int]) -> None:
        # A repeated command letter may be left out, and a minus sign separates numbers.
        repeated = command == self._command and command != "m"
        text = "" if repeated else command
        for index, number in enumerate(numbers):
            needs_space = number >= 0 and (index > 0 or repeated)
            text += f" {number}" if needs_space else str(number)
        self._parts.append(text)
        self._command = command

    def _moveTo(self, pt: tuple[float, float]) -> None:
        x, y = self._to_grid(pt)
        self._emit("m", (x - self._here[0], y - self._here[1]))
        self._here = self._start = (x, y)

    def _lineTo(self, pt: tuple[float, float]) -> None:
        x, y = self._to_grid(pt)
        dx, dy = x - self._here[0], y - self._here[1]
        if dx and dy:
            self._emit("l", (dx, dy))
        elif dx:
            self._emit("h", (dx,))
        elif dy:
            self._emit("v", (dy,))
        self._here = (x, y)

    def _curveToOne(
        self, pt1: tuple[float, float], pt2: tuple[float, float], pt3: tuple[float, float]
    ) -> None:
        points = [self._to_grid(point) for point in (pt1, pt2, pt3)]
        self._emit("c", (value - self._here[axis] for p in points for axis, value in enumerate(p)))
        self._here = points[-1]

    def _closePath(self) -> None:
        self._emit("z", ())
        self._here = self._start


def read_outlines(font: TTFont, wanted: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Map each wanted character that the font has to (advance, path)."""
    glyph_names = font.getBestCmap() or {}
    glyph_set = font.getGlyphSet()
    head: Any = font["head"]  # its fields are known to fontTools only when read
    scale = EM / head.unitsPerEm
    outlines = {}
    for character in wanted:
        name = glyph_names.get(ord(character))
        if name is not None:
            pen = RelativePathPen(glyph_set, scale)
            glyph_set[name].draw(pen)
            outlines[character] = (round(glyph_set[name].width * scale), pen.path)
    return outlines


def write_archive(outlines: Mapping[str, tuple[int, str]], path: Path, notice: str) -> None:
    """Write the outlines to a zip archive whose comment is the copyright notice."""
    blocks: dict[int, list[str]] = defaultdict(list)
    for character in sorted(outlines):
        advance, outline = outlines[character]
        blocks[ord(character) >> 8].append(f"{ord(character):x} {advance} {outline}\n")
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = notice.encode("utf-8")
        for block, lines in blocks.items():
            entry = zipfile.ZipInfo(f"{block:02x}.txt")  # dated 1980-01-01 unless told otherwise
            entry.create_system = 3  # the same bytes from Windows and Unix
            entry.external_attr = 0o644 << 16
            data = "".join(lines).encode("ascii")
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, compresslevel=9)


def open_face(path: Path, face: str) -> TTFont:
    """Open the font whose full name is `face`, out of a collection or a single font file."""
    fonts = TTCollection(path).fonts if path.suffix.lower() in {".ttc", ".otc"} else [TTFont(path)]
    names = [font["name"].getDebugName(4) for font in fonts]
    if face not in names:
        raise SystemExit(f"{path} has no face {face!r}; it has: {', '.join(map(str, names))}")
    return fonts[names.index(face)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("font", type=Path, help="font file (.otf, .ttf, .ttc)")
    parser.add_argument("--face", required=True, help='full name, e.g. "Noto Sans CJK JP"')
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    font = open_face(arguments.font, arguments.face)
    name = font["name"].getDebugName
    if "Open Font License" not in (name(13) or ""):
        raise SystemExit(f"{arguments.face} does not say that it is under the Open Font License")
    wanted = characters()
    outlines = read_outlines(font, wanted)
    missing = [character for character in wanted if character not in outlines]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_archive(outlines, arguments.output, f"{name(0)} SIL OFL 1.1, see OFL.txt")
    size = arguments.output.stat().st_size
    print(f"{arguments.output}: {len(outlines)} characters, {size} bytes")
    print(f"made from {arguments.face}, {name(5)}; {name(0)}")
    print(f"not in the font: {len(missing)} {''.join(missing)}")


if __name__ == "__main__":
    main()
