"""A diagnosis as a page."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from jsl_seq2seq.evaluation import diagnose
from jsl_seq2seq.render.diagnosis_page import diagnosis_page

from ..small_models import trained_open, trained_small, translator_of
from .checking import check_page


@pytest.mark.parametrize(
    ("text", "pictures"), [("えきはどこですか", 2), ("わ", 1), ("龍わたしはたべます", 2), ("わ" * 30, 2)]
)
def test_the_page(text: str, pictures: int) -> None:
    found = diagnose(translator_of(trained_small()), text)
    page = diagnosis_page(found)
    check_page(page)
    assert len(re.findall(r"<svg xmlns", page)) == pictures
    assert all(f"<b>警告</b>: {warning}" in page for warning in found.translation.warnings)
    assert ("&lt;EOS&gt; 100.0 %" in page or "&lt;EOS&gt;</td>" in page) == found.translation.finished
    assert "どこから情報を取ったか" in page and ("消して比べることはできません" in page) == (pictures == 1)


def test_where_nothing_was_written() -> None:
    found = diagnose(translator_of(trained_small()), "えきはどこですか")
    nothing = replace(
        found,
        translation=replace(found.translation, tags=(), probabilities=(), finished=False),
        places=(),
        deletions=tuple(replace(one, changes=()) for one in found.deletions),
    )
    page = diagnosis_page(nothing)
    check_page(page)
    assert "<svg xmlns" not in page and "タグが 1 つも書かれなかった" in page


CHANGES = [
    (("食べる",), [("missing", "不足", "私"), ("same", "", "食べる")]),
    (("私", "何"), [("same", "", "私"), ("other", "置き換わり", "何")]),
    (("私", "食べる", "何"), [("same", "", "私"), ("same", "", "食べる"), ("extra", "余分", "何")]),
]


@pytest.mark.parametrize(("tags", "marked"), CHANGES)
def test_what_a_deletion_changes_is_marked(tags: tuple[str, ...], marked: list[tuple[str, str, str]]) -> None:
    found = diagnose(translator_of(trained_small()), "わたしはたべます")
    changed = replace(found.deletions[0], tags=tags)
    page = diagnosis_page(replace(found, deletions=(changed, *found.deletions[1:])))
    row = re.findall(r'<tr class="changed">.*?</tr>', page)[0]
    span = r'<span class="difference (\w+)">(?:<i class="unseen">(\S+) </i>.*?</b>)?&lt;(.*?)&gt;</span>'
    assert re.findall(span, row) == marked


def test_words_outside_of_the_tags_have_their_brackets() -> None:
    found = diagnose(translator_of(trained_open()), "本を飲む")
    changed = replace(found.deletions[0], tags=("+龍", "飲む"), changes=(0.0,) * len(found.places))
    page = diagnosis_page(replace(found, deletions=(changed, *found.deletions[1:])))
    check_page(page)
    assert "&lt;+龍&gt;</span>" in page and "タグの根拠" in page
    assert "語彙にない言葉の始まり" in page
    assert "語彙にない言葉" not in diagnosis_page(
        diagnose(translator_of(trained_small()), "わたしはたべます")
    )
