"""Every page escapes whatever is put into it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.data import parse_corpus
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.evaluation import Evaluation, diagnose, evaluate
from jsl_seq2seq.evaluation.breakdown import confusions
from jsl_seq2seq.render.diagnosis_page import diagnosis_page
from jsl_seq2seq.render.export import export_attention
from jsl_seq2seq.render.pages import basename, environment, percent, render, write
from jsl_seq2seq.render.report import report_page
from jsl_seq2seq.search import Search
from jsl_seq2seq.translate.translator import Attention

from ..refusals import refused
from ..small_models import EIGHT_LINES, trained_small, trained_words, translator_of

NASTY = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"' onload='alert(1)' {{ 7 * 7 }}\x00\x1b[31m\u202e"
)
"""What somebody may put into a sentence, a tag or a file name."""


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check(page: str, scripts: int = 0) -> str:
    """The page's text; asserts that nothing of :data:`NASTY` became an element or an attribute.

    Args:
        scripts: elements that the page itself has for its data and for what draws them.
    """
    reader = Reader()
    reader.feed(page)
    assert reader.tags.count("script") == scripts
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert not [value for name, value in reader.attributes if name == "src" and value == "x"]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e]", page)
    page.encode("utf-8")
    return "".join(reader.text)


def test_the_report() -> None:
    found = evaluate(translator_of(trained_small()), parse_corpus(EIGHT_LINES, "x.tsv"))
    bad = replace(
        found.results[0], source=NASTY, reference=(NASTY, "b"), hypothesis=("c", NASTY), warnings=(NASTY,)
    )
    results = (replace(bad, phenomenon=NASTY), *found.results[1:])
    group = replace(found.lengths[0], name=NASTY)
    file = replace(
        found,
        name=f"dir/{NASTY}",
        results=results,
        notes=(NASTY,),
        unknown_tags=(NASTY,) * 21,
        phenomena=(group,),
        confusions=confusions(results),
    )
    text = check(report_page(Evaluation(NASTY, NASTY, NASTY, Search(), (file,))))
    assert text.count("<script>alert(1)</script>") > 20 and "49" not in text and "ほか 1" in text


def test_the_diagnosis() -> None:
    found = diagnose(translator_of(trained_words()), "Heute scheint")
    units = (NASTY, *found.units[1:])
    deletion = replace(found.deletions[0], unit=NASTY, tags=(NASTY,))
    place = replace(found.places[0], tag=NASTY, alternatives=((NASTY, 0.5), (None, 0.1)))
    translation = replace(found.translation, text=NASTY, tags=(NASTY,), warnings=(NASTY,))
    text = check(
        diagnosis_page(
            replace(
                found,
                translation=translation,
                units=units,
                places=(place, *found.places[1:]),
                deletions=(deletion, *found.deletions[1:]),
            )
        )
    )
    assert text.count("<script>alert(1)</script>") > 8 and "49" not in text


def test_the_attention_pages(tmp_path: Path) -> None:
    found = translator_of(trained_small()).translate("わたし", attention=True)
    attention = Attention(np.eye(2, dtype=np.float32)[None], (NASTY, "b"), (NASTY, "d"))
    bad = replace(found, text=NASTY, warnings=(NASTY,), attention={"decoder.0.cross": attention})
    for path in export_attention([bad, bad], tmp_path):
        if path.suffix != ".csv":
            own = 2 if path.parent != tmp_path and path.suffix == ".html" else 0
            assert "<script>alert(1)</script>" in check(path.read_text(encoding="utf-8"), own)


def test_a_lone_surrogate_can_be_written(tmp_path: Path) -> None:
    page = render("attention_index.html", title="a\ud83d", subjects={"01": "\udce3 か\u200dな"})
    write(tmp_path / "x.html", page)
    assert "a□" in page and "□ か\u200dな" in page


def test_templates_escape_and_know_every_name() -> None:
    assert environment().autoescape is True
    with pytest.raises(Exception, match="'title' is undefined"):
        render("base.html")


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused(Failure, "書き出せませんでした", code="page-not-written", path=tmp_path / "file" / "x.html"):
        write(tmp_path / "file" / "x.html", "")


def test_filters() -> None:
    assert percent(0.9731) == "97.3 %"
    assert basename("a/b.tsv") == basename("C:\\a\\b.tsv") == basename("b.tsv") == "b.tsv"
