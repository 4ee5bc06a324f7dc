"""Colour scales, and numbers as a picture writes them."""

from __future__ import annotations

import math

import pytest

from jsl_seq2seq.render.colours import RGB, ColourScale, ink, number_writer, plain_number


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
