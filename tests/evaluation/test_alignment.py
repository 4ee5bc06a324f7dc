"""Alignment and edits against the textbook recursion."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.evaluation.alignment import Edits, align, edits

TAGS = st.lists(st.sampled_from("あいうえ"), max_size=7).map(tuple)


def distance(right: tuple[str, ...], produced: tuple[str, ...]) -> int:
    @cache
    def between(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        same = right[i - 1] == produced[j - 1]
        return min(between(i - 1, j - 1) + (not same), between(i - 1, j) + 1, between(i, j - 1) + 1)

    return between(len(right), len(produced))


@given(TAGS, TAGS)
def test_as_few_differences_as_there_can_be(right: tuple[str, ...], produced: tuple[str, ...]) -> None:
    pairs = align(right, produced)
    assert tuple(a for a, _ in pairs if a is not None) == right
    assert tuple(b for _, b in pairs if b is not None) == produced
    assert (None, None) not in pairs
    found = edits(right, produced)
    assert found.total == distance(right, produced) == sum(a != b for a, b in pairs)
    assert found.length == len(right)
    assert (found.total == 0) == (right == produced)


@pytest.mark.parametrize(
    ("right", "produced", "wanted"),
    [
        ("私 食べる", "私 飲む", Edits(1, 0, 0, 2)),
        ("私 食べる", "私", Edits(0, 0, 1, 2)),
        ("私 食べる", "私 今 食べる", Edits(0, 1, 0, 2)),
        ("私", "", Edits(0, 0, 1, 1)),
        ("明日 私 行く", "私 行く ない", Edits(0, 1, 1, 3)),
    ],
)
def test_kinds_of_errors(right: str, produced: str, wanted: Edits) -> None:
    assert edits(right.split(), produced.split()) == wanted


def test_rates_add_up_over_sentences() -> None:
    """Errors and tags are summed first: a long sentence weighs more than a short one."""
    total = Edits(1, 0, 0, 1) + Edits(0, 0, 0, 9)
    assert total == Edits(1, 0, 0, 10) and total.rate == 0.1
    assert Edits(0, 3, 0, 1).rate == 3.0
    assert Edits().rate == 0.0
