"""Evaluating files and the pages and JSON that come of it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from jsl_seq2seq.data import parse_corpus
from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.evaluation import Evaluation, Search, diagnose, evaluate
from jsl_seq2seq.evaluation.evaluation import SYNTHETIC, UNKNOWN, WRITTEN, FileReport, origin_of
from jsl_seq2seq.render.diagnosis_page import diagnosis_page
from jsl_seq2seq.render.report import report_page, write_report
from jsl_seq2seq.tokenize import Units
from jsl_seq2seq.translate.translator import Translator

from ..refusals import refused
from ..small_models import EIGHT_LINES, trained_small, trained_words, translator_of

EXTRA = "わたしはのみます\t<私> <食べる>\t取り違え\n龍\t<龍>\t読めない\n<b>わたし\t<私>\t記号 & 印\n"
_VOID = {"meta", "br", "img", "path", "rect", "circle", "stop", "use"}


class Checker(HTMLParser):
    """Every tag is closed in order, nothing comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        self.outside += [
            value for name, value in attrs if name in ("src", "href") and value and value[0] != "#"
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag


def check_page(page: str) -> None:
    checker = Checker()
    checker.feed(page)
    assert checker.open == [] and checker.outside == []
    assert '<html lang="ja">' in page and "日本手話そのものではありません" in page
    assert not re.search(r"url\(|@import|<script|<link", page)


@pytest.fixture
def translator() -> Translator:
    return translator_of(trained_small())


@pytest.fixture
def found(translator: Translator) -> FileReport:
    return evaluate(translator, parse_corpus(EIGHT_LINES + EXTRA, "どこか/test-random.tsv"))


def evaluation(*files: FileReport) -> Evaluation:
    return Evaluation("models/<m>", "0.0", "ndarray", Search(), files)


def test_what_a_file_says(found: FileReport) -> None:
    assert (found.scores.sentences, found.scores.exact, found.origin) == (11, 8, SYNTHETIC)
    assert found.unknown_tags == ("龍",)
    unreadable = next(one for one in found.results if one.source == "龍")
    assert unreadable.hypothesis == () and unreadable.warnings
    assert {group.name for group in found.phenomena} >= {"取り違え", "読めない", "記号 & 印"}
    assert any("違うタグ" in note for note in found.notes)
    first = found.confusions[0]
    assert {first.reference, first.hypothesis} <= {"食べる", "飲む", "龍", None}


def test_beam_and_progress(translator: Translator, found: FileReport) -> None:
    told: list[int] = []
    beam = evaluate(translator, parse_corpus(EIGHT_LINES + EXTRA, "x"), Search(beam=3), told.append)
    assert sum(told) == 11
    assert beam.scores.exact == found.scores.exact
    with refused(UserError, "--beam", "1 から"):
        evaluate(translator, parse_corpus(EIGHT_LINES, "x"), Search(beam=0))


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("corpus/test-length.tsv", SYNTHETIC),
        ("C:\\corpus\\train.tsv", SYNTHETIC),
        ("data/handwritten.tsv", WRITTEN),
        ("付属の例文（starter.tsv）", UNKNOWN),
        ("my.tsv", UNKNOWN),
    ],
)
def test_origin(name: str, origin: str) -> None:
    assert origin_of(name) == origin


def test_the_page(translator: Translator, found: FileReport) -> None:
    other = evaluate(translator, parse_corpus(EIGHT_LINES, "handwritten.tsv"))
    page = report_page(evaluation(found, other))
    check_page(page)
    for word in (
        "test-random.tsv",
        "handwritten.tsv",
        SYNTHETIC,
        WRITTEN,
        "現象別",
        "取り違え",
        "不足",
        "ありません。",
    ):
        assert word in page
    assert "<b>わたし" not in page and "&lt;b&gt;わたし" in page
    assert "models/&lt;m&gt;" in page


def test_the_page_of_a_model_of_words() -> None:
    corpus = parse_corpus(
        "Heute regnet es\tHEUTE UNBEKANNT\nGuten Tag\tTAG\n", "w.tsv", Units("word", "words")
    )
    page = report_page(evaluation(evaluate(translator_of(trained_words()), corpus)))
    check_page(page)
    assert "HEUTE" in page and "読める語がありません" in page
    assert not re.search(r"&lt;(HEUTE|REGEN|UNBEKANNT|TAG)&gt;", page) and "読める文字" not in page


def test_the_page_without_sacrebleu(found: FileReport, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace  # noqa: PLC0415

    bare = replace(found, scores=replace(found.scores, bleu=None, chrf=None))
    page = report_page(evaluation(bare))
    check_page(page)
    assert "jsl-seq2seq[evaluate]" in page


def test_files(found: FileReport, tmp_path: Path) -> None:
    html, plain = write_report(evaluation(found), tmp_path / "報告")
    values = json.loads(plain.read_text(encoding="utf-8"))
    [file] = values["files"]
    assert len(file["results"]) == file["sentences"] == 11
    assert file["exact"] == sum(one["exact"] for one in file["results"])
    check_page(html.read_text(encoding="utf-8"))
    (tmp_path / "file").touch()
    with refused(Failure, "書き出せませんでした"):
        write_report(evaluation(found), tmp_path / "file")


@pytest.mark.parametrize("text", ["えきはどこですか", "わ", "龍わたしはたべます", "わ" * 30])
def test_diagnosis(translator: Translator, text: str) -> None:
    found = diagnose(translator, text)
    translation = translator.translate(text)
    assert found.translation.tags == translation.tags
    written = [*translation.tags, *([None] if translation.finished else [])]
    assert [place.tag for place in found.places] == written
    for place, probability in zip(found.places, translation.probabilities, strict=False):
        assert place.probability == pytest.approx(probability, abs=1e-5)
        assert place.alternatives[0][0] == place.tag and len(place.alternatives) == 5
        shares = [share for _, share in place.alternatives]
        assert shares == sorted(shares, reverse=True) and sum(shares) <= 1.00001
        assert sum(place.attention) == pytest.approx(1, abs=1e-5)
        assert len(place.attention) == len(found.units)
    assert len(found.deletions) == (len(found.units) if len(found.units) > 1 else 0)
    check_page(diagnosis_page(found))
    assert json.loads(json.dumps(found.to_json()))["tags"] == list(translation.tags)


def test_deleting_is_translating_the_rest(translator: Translator) -> None:
    text = "えきはどこですか"
    found = diagnose(translator, text)
    original = translator.score(text, found.translation.tags)
    for index, one in enumerate(found.deletions):
        rest = text[:index] + text[index + 1 :]
        assert one.unit == text[index]
        assert one.tags == translator.translate(rest).tags
        after = translator.score(rest, found.translation.tags).log_prob
        assert one.change == pytest.approx(after - original.log_prob, abs=1e-4)


def test_nothing_to_diagnose(translator: Translator) -> None:
    with refused(UserError, "訳せる文字がありません"):
        diagnose(translator, "龍")
