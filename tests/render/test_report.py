"""The report of an evaluation, as a page and as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from jsl_seq2seq.corpus.grammar import read_grammar
from jsl_seq2seq.corpus.lexicon import read_lexicon
from jsl_seq2seq.corpus.phenomena import phenomena
from jsl_seq2seq.data import parse_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.evaluation import Evaluation, evaluate
from jsl_seq2seq.evaluation.evaluation import SYNTHETIC, WRITTEN, FileReport
from jsl_seq2seq.render.report import report_page, write_report
from jsl_seq2seq.search import Search
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.translate.translator import Translator

from ..refusals import refused
from ..small_models import EIGHT_LINES, ELEVEN_LINES, trained_small, trained_words, translator_of
from .checking import check_page


@pytest.fixture
def translator() -> Translator:
    return translator_of(trained_small())


@pytest.fixture
def found(translator: Translator) -> FileReport:
    return evaluate(translator, parse_corpus(ELEVEN_LINES, "どこか/test-random.tsv"))


def evaluation(*files: FileReport) -> Evaluation:
    return Evaluation("models/<m>", "0.0", "ndarray", Search(), files)


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


def test_phenomena_have_japanese_names_and_explanations(translator: Translator) -> None:
    lines = "わたしはのみます\t<私> <食べる>\tverb-negation\nわたし\t<私>\t自分の現象\n"
    page = report_page(evaluation(evaluate(translator, parse_corpus(lines, "x.tsv"))))
    known = f'動詞の否定<small class="soft">verb-negation: {phenomena()["verb-negation"].explanation}</small>'
    assert f'<th scope="row" class="named">{known}</th>' in page
    assert (
        '<th scope="row" class="named">自分の現象</th>' in page
        and '<span class="soft">動詞の否定</span>' in page
    )


def test_every_phenomenon_of_the_grammar_has_a_name() -> None:
    assert sorted(phenomena()) == list(phenomena()) == list(read_grammar(read_lexicon()).phenomena)
    assert all(one.japanese and one.explanation for one in phenomena().values())


def test_what_a_citation_needs(found: FileReport) -> None:
    cited = replace(
        evaluation(found), model_sha256="a" * 64, device="CPU <1>", seed=7, date="2026-11-26T00:00:00"
    )
    page = report_page(cited)
    check_page(page)
    section = page.partition("引用するために")[2]
    digest = parse_corpus(ELEVEN_LINES, "another name").digest
    assert len(digest) == 64 and section.count(digest) == section.count("a" * 64) == 2
    for word in ("seed 7", "CPU &lt;1&gt;", "2026-11-26T00:00:00", "year    = {2026}", "version = {0.0}"):
        assert word in section
    plain = cited.to_json()
    assert plain["files"][0]["data_sha256"] == digest and plain["seed"] == 7


def test_the_page_of_a_model_of_words() -> None:
    corpus = parse_corpus(
        "Heute regnet es\tHEUTE UNBEKANNT\nGuten Tag\tTAG\n", "w.tsv", Tokenizers.of("word", "words")
    )
    page = report_page(evaluation(evaluate(translator_of(trained_words()), corpus)))
    check_page(page)
    assert "HEUTE" in page and "読める語がありません" in page
    assert not re.search(r"&lt;(HEUTE|REGEN|UNBEKANNT|TAG)&gt;", page) and "読める文字" not in page


def test_the_page_without_sacrebleu(found: FileReport, monkeypatch: pytest.MonkeyPatch) -> None:
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
    with refused(UserError, str(tmp_path / "file"), code="save-not-a-directory"):
        write_report(evaluation(found), tmp_path / "file")


def test_only_an_earlier_report_is_replaced(found: FileReport, tmp_path: Path) -> None:
    write_report(evaluation(found), tmp_path)
    html, _ = write_report(evaluation(found), tmp_path)
    html.write_text("mine", encoding="utf-8")
    with refused(UserError, str(html), code="would-overwrite-changed"):
        write_report(evaluation(found), tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "report.json").write_text("{}", encoding="utf-8")
    with refused(UserError, "report.json", code="would-overwrite-foreign"):
        write_report(evaluation(found), tmp_path / "other")
    assert html.read_text(encoding="utf-8") == "mine"
