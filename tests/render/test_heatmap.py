"""Heat maps as SVG."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.render.glyphs import text_width
from jsl_seq2seq.render.heatmap import (
    MAX_CELLS,
    RGB,
    ColourScale,
    fit_axes,
    heatmap_svg,
    ink,
    number_writer,
    plain_number,
)

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"


def picture(values: Any, rows: Any = None, columns: Any = None, **options: Any) -> ET.Element:
    """Draw and parse; labels default to numbers."""
    rows = [str(i) for i in range(len(values))] if rows is None else rows
    columns = [str(i) for i in range(len(values[0]))] if columns is None else columns
    titles = {"title": "題", "row_title": "行: 出力タグ", "column_title": "列: 入力文字"}
    arguments: dict[str, Any] = {**titles, **options}
    root = ET.fromstring(heatmap_svg(values, rows, columns, **arguments))
    check_references(root)
    return root


def check_references(root: ET.Element) -> None:
    """Every outline that is used is defined, once."""
    defined = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    assert len(defined) == len(set(defined))
    used = {e.attrib[HREF].removeprefix("#") for e in root.iter(f"{SVG}use")}
    assert used <= set(defined)


def tooltips(root: ET.Element) -> list[str]:
    return [e.text or "" for e in root.iter(f"{SVG}title")][1:]


def note(root: ET.Element) -> str:
    return root.findtext(f"{SVG}desc") or ""


def test_attention_map_names_every_cell() -> None:
    root = picture([[0.1, 0.9], [0.25, 0.75]], ["<私>", "<食べる>"], ["は", "な"])
    assert tooltips(root)[1] == "行 <私>\n列 な\n値 0.9"
    assert len(tooltips(root)) == 4
    assert not list(root.iter(f"{SVG}text"))  # all drawn from outlines


def test_accessible_name_and_description() -> None:
    root = picture([[0.1, 0.9]], ["<私>"], ["は", "な"], title='注意 & "重み" <1>')
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == root.findtext(f"{SVG}title") == '注意 & "重み" <1>'
    assert "行ごとの最大: <私> → な (0.9)" in note(root)


def test_background_is_white() -> None:
    root = picture([[1.0]])
    background = root.find(f"{SVG}rect")
    assert background is not None
    assert background.attrib["fill"] == "#ffffff"
    assert background.attrib["width"] == root.attrib["width"]


def test_same_arguments_same_picture() -> None:
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    labels = [list("abcde"), list("あいうえおかき")]
    titles = {"title": "t", "row_title": "r", "column_title": "c"}
    first = heatmap_svg(values, *labels, **titles)
    assert first == heatmap_svg(values, *labels, **titles)
    assert first == heatmap_svg(values.tolist(), *labels, **titles)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (20, 20), (21, 3), (16, 83), (200, 200)])
def test_one_tooltip_per_cell(shape: tuple[int, int]) -> None:
    root = picture(np.random.default_rng(1).random(shape))
    assert len(tooltips(root)) == shape[0] * shape[1]
    assert "平均" not in note(root)


def test_large_matrix_is_averaged_and_says_so() -> None:
    values = np.tile([1.0, -1.0, 2.0, 2.0, -1.0, -3.0], (256, 171))[:, :1024]
    root = picture(values)
    assert len(tooltips(root)) == 128 * 171
    assert "256 × 1024 の値を 2 × 6 個ごとに平均" in note(root)
    assert tooltips(root)[1] == "行 0 – 1\n列 6 – 11\n平均 0"
    assert tooltips(root)[170] == "行 0 – 1\n列 1020 – 1023\n平均 1"
    assert picture(values[:MAX_CELLS, :MAX_CELLS]) is not None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_values_are_hatched(value: float) -> None:
    root = picture([[value, 0.5]])
    fills = [e.attrib.get("fill") for e in root.iter(f"{SVG}rect")]
    assert fills.count("url(#jsl-hatch)") == 2  # the cell and the legend
    assert ("NaN" if math.isnan(value) else "∞") in tooltips(root)[0]


def test_nothing_but_nan() -> None:
    assert "数値はありません" in note(picture([[math.nan] * 3] * 2))


def test_zero_is_hatched_on_request_only() -> None:
    plain, hatched = picture([[0.0, 1.0]]), picture([[0.0, 1.0]], zero_is_masked=True)
    assert "jsl-hatch" not in ET.tostring(plain, "unicode")
    assert "jsl-hatch" in ET.tostring(hatched, "unicode")


ODD = [
    "",
    " ",
    "\n",
    "a\tb",
    "𠮷",
    "か\u3099",
    "👨\u200d👩\u200d👧",
    "\ud83d",
    "\x00",
    "<&\"'>",
    "]]>",
    "x" * 500,
]


def test_odd_labels() -> None:
    values = np.eye(len(ODD))
    root = picture(values, ODD, ODD, title="\x00<\n>", row_title="&\ud800", column_title="長" * 300)
    assert tooltips(root)[0] == "行 (空)\n列 (空)\n値 1"
    assert "行 <&\"'>" in " ".join(tooltips(root))


@pytest.mark.parametrize("columns", [["<分からない>"] * 8, ["長い" * 40] * 12, ["<ありがとう>"] * 60])
def test_column_labels_end_inside_the_picture(columns: list[str]) -> None:
    root = picture([[0.5] * len(columns)], ["<私>"], columns)
    grid = next(e for e in root.iter(f"{SVG}g") if "scale" not in e.attrib.get("transform", ""))
    left, top = map(float, re.findall(r"[-\d.]+", grid.attrib["transform"]))
    for group in grid.findall(f"{SVG}g"):
        if found := re.match(r"translate\((\S+) (\S+)\) rotate\((\S+)\)", group.attrib["transform"]):
            x, y, angle = map(float, found.groups())
            reach = min(text_width(columns[0], 13), 170)
            assert left + x + reach * math.cos(math.radians(angle)) < float(root.attrib["width"])
            assert top + y + reach * math.sin(math.radians(angle)) > 0


def test_wrong_label_count() -> None:
    with pytest.raises(ValueError, match="row_labels: 1 labels for 2 rows"):
        picture([[1.0], [2.0]], ["a"], ["b"])
    with pytest.raises(ValueError, match="column_labels: 2 labels for 1 columns"):
        picture([[1.0]], ["a"], ["b", "c"])


@pytest.mark.parametrize("values", [[], [[]], [1.0, 2.0], [[[1.0]]], [[1.0, 2.0], [1.0]], [["a"]]])
def test_not_a_matrix(values: Any) -> None:
    labels = ["x"] * len(values), ["x"] * 2 if len(values) == 2 else ["x"]
    with pytest.raises(ValueError):
        heatmap_svg(values, *labels, title="", row_title="", column_title="")


@pytest.mark.parametrize("value_range", [(1, 1), (1, 0), (0, math.inf), (math.nan, 1)])
def test_bad_value_range(value_range: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="value_range"):
        picture([[1.0]], value_range=value_range)


@pytest.mark.parametrize("value", [0.0, -0.0, 5e-324, 1e-9, 1e300, -1e308, 123456.0])
def test_extreme_magnitudes(value: float) -> None:
    for root in (
        picture([[value, 1.0]]),
        picture([[value]]),
        picture([[value]], value_range=(0, 1)),
        picture([[value]], value_range=(-1.7e308, 1.7e308)),
    ):
        coordinates = [e.attrib.get(name, "") for e in root.iter() for name in ("d", "transform")]
        assert not re.search("nan|inf", " ".join(coordinates))


def test_a_subtitle_is_drawn_named_and_shortened() -> None:
    root = picture([[1.0]], title="題", subtitle="わたし → <私>")
    assert root.attrib["aria-label"] == root.findtext(f"{SVG}title") == "題　わたし → <私>"
    taller, plain = (int(one.attrib["height"]) for one in (root, picture([[1.0]], title="題")))
    assert taller > plain
    long = picture([[1.0]], subtitle="わ" * 2000)
    assert int(long.attrib["height"]) < 4 * plain and "わ" * 2000 in long.attrib["aria-label"]


def test_scales() -> None:
    sequential, diverging = ColourScale(0, 1), ColourScale(-2, 1)
    assert sequential.rgb(0) == (0x44, 0x01, 0x54)
    assert sequential.rgb(1) == sequential.rgb(7) == (0xFD, 0xE7, 0x25)
    assert diverging.rgb(0) == (0xF7, 0xF7, 0xF7)
    assert diverging.rgb(-2) == (0x05, 0x30, 0x61)
    red, _, blue = diverging.rgb(1)
    assert red > blue


def test_marks_are_the_limits_and_round_numbers() -> None:
    marks = ColourScale(0, 1).marks([0.5], str, room=0.1)
    assert sorted(marks) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert sorted(ColourScale(0, 1).marks([], str, room=0.3)) == pytest.approx([0, 0.4, 0.6, 1])


def test_marks_say_which_values_lie_beyond_the_limits() -> None:
    marks = ColourScale(0, 1).marks([-0.5, 2], str, room=0.1)
    assert (marks[0], marks[1]) == ("≤ 0", "≥ 1")


@pytest.mark.parametrize(
    ("background", "colour"), [((0x44, 0x01, 0x54), "#ffffff"), ((0xFD, 0xE7, 0x25), "#000000")]
)
def test_ink_stands_out(background: RGB, colour: str) -> None:
    assert ink(background) == colour


@pytest.mark.parametrize(
    ("largest", "value", "text"),
    [
        (0, 0, "0.00"),
        (1, -0.5, "−0.50"),
        (1, -0.001, "0.00"),
        (0.05, 0.0123, "0.012"),
        (1234, 99.6, "100"),
        (1e5, -12345, "−1.2e+04"),
        (1, math.nan, "NaN"),
        (1, -math.inf, "−∞"),
    ],
)
def test_numbers_of_one_picture_have_the_same_decimals(largest: float, value: float, text: str) -> None:
    assert number_writer(largest)(value) == text


def test_plain_number_can_be_read_by_a_program() -> None:
    assert plain_number(-0.012345) == "-0.01235"
    assert plain_number(-0.0) == "0"


@pytest.mark.parametrize("number", [0, 30])
@pytest.mark.parametrize(
    "labels",
    [["<分からない>"] * 8, ["は"] * 100, ["<ありがとう>"] * 60, ["長い" * 40] * 12, ["199"] * 200],
)
def test_shown_labels_do_not_overlap(labels: list[str], number: float) -> None:
    rows, columns = fit_axes(labels, labels, 1, 1, number)
    size = 13 if number else 11
    assert rows.step * rows.cell > size
    spacing = columns.step * columns.cell
    if columns.angle == 0:
        assert spacing > max(text_width(text, size) for _, text in columns.shown)
    else:
        assert spacing * abs(math.sin(math.radians(columns.angle))) > size
