"""Text drawn from the outlines that ship with the package."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.resources import files

import pytest

from jsl_seq2seq.render.glyphs import Lettering, outline, shorten, text_width, visible, wrap
from jsl_seq2seq.render.pages import environment

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'


def drawn(text: str, **options: float) -> ET.Element:
    letters = Lettering()
    line = letters.place(text, 0, 0, 13, **options)  # type: ignore[arg-type]
    template = '{% from "lettering.svg" import define, draw %}{{ define(outlines) }}{{ draw(line) }}'
    drawing = environment().from_string(template).render(outlines=letters.outlines(), line=line)
    return ET.fromstring(f"{SVG}{drawing}</svg>")


def tags(element: ET.Element) -> list[str]:
    return [child.tag.split("}")[1] for child in element.iter()]


@pytest.mark.parametrize(
    "text",
    [
        "!~09AZaz",
        "éñ",
        "あんぁがぱアヴーｱﾝﾞ",
        "。、！？「」・〜",
        "＜Ａ＞",
        "食表学校亜腕弌熙",
        "□␣⏎→−",
        "塡剝頰𠮟𠮷髙﨑①",
    ],
)
def test_common_characters_have_outlines(text: str) -> None:
    assert [character for character in text if not outline(character)] == []


def test_every_kanji_of_jis_levels_1_and_2_has_an_outline() -> None:
    kanji = [
        bytes((row, cell)).decode("euc_jp", errors="ignore")
        for row in range(0xB0, 0xF5)
        for cell in range(0xA1, 0xFF)
    ]
    kanji = [character for character in kanji if character]
    assert len(kanji) == 2965 + 3390
    assert [character for character in kanji if not outline(character)] == []


def test_outline_is_path_data_in_the_em() -> None:
    glyph = outline("食")
    assert glyph is not None
    assert glyph.advance == 1000
    assert re.fullmatch(r"[mlhvcz0-9 -]+", glyph.path)
    space = outline(" ")
    assert space is not None
    assert space.path == ""
    assert space.advance > 0


@pytest.mark.parametrize("character", ["😀", "≒", "\ud800", "\U0010ffff", "\x00"])
def test_no_outline(character: str) -> None:
    assert outline(character) is None


def test_more_than_one_character_is_refused() -> None:
    with pytest.raises(TypeError):
        outline("ab")


def test_decomposed_kana_is_drawn_as_one() -> None:
    assert tags(drawn("か\u3099")) == tags(drawn("が"))
    assert text_width("か\u3099", 10) == text_width("が", 10) == 10


def test_variation_selector_keeps_the_outline() -> None:
    assert "text" not in tags(drawn("葛\U000e0100"))


@pytest.mark.parametrize("text", ["😀", "👨\u200d👩\u200d👧", "e\u0302\u0301", "\u0301", "𪚥"])
def test_character_without_outline_falls_back_to_text(text: str) -> None:
    assert tags(drawn(text)).count("text") == 1


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (" ", "␣"),
        (" a b　", "␣a b␣"),
        ("　 ", "␣␣"),
        ("a\r\nb\nc\td", "a⏎b⏎c→d"),
        ("\x00\x7f\x9b\ud800\uffff\u2028", "□□□□□□"),
        ("a\u202eb\ufeff", "ab"),
        ("", ""),
    ],
)
def test_visible(text: str, seen: str) -> None:
    assert visible(text) == seen
    assert visible(seen) == seen


def test_shorten_and_wrap_keep_within_the_limit() -> None:
    text = "<おはようございます> and then some English words 長い長い長い長い"
    assert shorten("短い", 13, 100) == "短い"
    assert shorten(text, 13, 100).endswith("…")
    assert text_width(shorten(text, 13, 100), 13) <= 100
    lines = wrap(text, 13, 120)
    assert all(text_width(line, 13) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrap("", 13, 120) == [""]


def test_drawing_needs_no_imaging_library_and_importing_no_template_engine() -> None:
    code = (
        "import sys; from jsl_seq2seq.render.heatmap import heatmap_svg;"
        "import jsl_seq2seq.render.export, jsl_seq2seq.render.report, jsl_seq2seq.render.diagnosis_page;"
        "print('jinja2' in sys.modules);"
        "heatmap_svg([[1]], ['は'], ['食'], title='', row_title='', column_title='');"
        "print({'PIL', 'fontTools', 'matplotlib'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "set()"]


def test_licence_and_notice_are_beside_the_outlines() -> None:
    folder = files("jsl_seq2seq") / "assets" / "glyphs"
    licence = (folder / "OFL.txt").read_text(encoding="utf-8")
    assert "© 2014-2021 Adobe" in licence
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert len((folder / "outlines.zip").read_bytes()) < 2_000_000
