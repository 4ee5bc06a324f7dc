"""Training curves."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.render.curve import CurveFile, _ticks, curve_of_run, curve_of_runs
from jsl_seq2seq.store import EpochMetrics
from jsl_seq2seq.training import Run

from ..refusals import refused


def history(count: int, **figures: float) -> list[EpochMetrics]:
    return [
        EpochMetrics(number, 3 / number, 1.0, 100.0, 2 / number + number / 50, **figures)
        for number in range(1, count + 1)
    ]


def lines(picture: str) -> list[list[tuple[float, float]]]:
    root = ElementTree.fromstring(picture)
    found = root.iter("{http://www.w3.org/2000/svg}polyline")
    return [[tuple(map(float, point.split(","))) for point in one.get("points", "").split()] for one in found]  # type: ignore[misc]


@pytest.mark.parametrize("count", [1, 2, 60, 5000])
def test_a_run_has_its_losses_and_its_figure(count: int) -> None:
    picture = curve_of_run(history(count, valid_exact=0.5), "loss", "<名前>&")
    train, valid, exact = lines(picture)
    assert len(train) == len(valid) == len(exact) >= min(count, 400) and len(train) <= 802
    assert all(0 <= x <= 760 for x, _ in train) and [x for x, _ in train] == sorted(x for x, _ in train)
    assert len({y for _, y in exact}) == 1
    if count > 1:
        assert train[0][1] < train[-1][1]  # a loss that falls goes down, and y grows downwards
        assert (train[0][0], train[-1][0]) == (64, 744)
    assert "&lt;名前&gt;&amp;" in picture and "<text" not in picture


def test_the_best_epoch_is_marked_and_described() -> None:
    picture = curve_of_run(history(60), "loss")
    assert "最良は 10 エポック" in picture
    assert len(lines(picture)) == 2
    assert len(lines(curve_of_run([EpochMetrics(1, 1.0, 1.0, 1.0)], "loss"))) == 1
    with pytest.raises(ValueError):
        curve_of_run([], "loss")


def test_several_runs_have_a_line_each_in_every_panel() -> None:
    picture = curve_of_runs(
        [(f"実験 {number}", history(5 + number, valid_bleu=20.0)) for number in range(10)]
    )
    assert len(lines(picture)) == 30
    classes = re.findall(r'<polyline class="line (c\d+( dashed)?)"', picture)
    assert len({found for found, _ in classes}) == 10


def test_a_run_is_not_hidden_by_one_that_goes_on_from_it() -> None:
    both = [("前", history(3)), ("続き", history(6))]
    for runs in (both, both[::-1]):
        drawn = [line.count(",") for line in re.findall(r'points="([^"]*)"', curve_of_runs(runs))]
        assert set(zip(drawn[::2], drawn[1::2], strict=True)) == {(6, 3)}, "the shorter one lies on top"


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 0.001), (0, 0), (-3, 7.3), (1, 1), (0, 123456), (0.2, 0.21)]
)
@pytest.mark.parametrize("about", [1, 4, 8])
def test_ticks_are_few_and_around_the_values(low: float, high: float, about: int) -> None:
    ticks = _ticks(low, high, about)
    assert ticks[0] <= low + 1e-9 and ticks[-1] >= high - 1e-9 and 2 <= len(ticks) <= about + 3
    assert len({round(b - a, 12) for a, b in pairwise(ticks)}) == 1


def test_a_picture_is_drawn_over_its_own_kind_alone(tmp_path: Path) -> None:
    file = CurveFile(tmp_path)
    file.start(Run(0, 9, history=tuple(history(3))))
    file.finish()
    first = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    file.epoch(history(4)[-1])
    file.finish()
    assert (tmp_path / "curve.svg").read_text(encoding="utf-8") != first
    CurveFile(tmp_path)
    (tmp_path / "curve.svg").write_text("<svg/>", encoding="utf-8")
    with refused(UserError, "curve.svg", code="would-overwrite", path=tmp_path / "curve.svg"):
        CurveFile(tmp_path)
