"""Evaluating files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.data import parse_corpus, read_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.evaluation import evaluate
from jsl_seq2seq.evaluation.evaluation import SYNTHETIC, UNKNOWN, WRITTEN, FileReport, origin_of
from jsl_seq2seq.search import Search
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.translate.translator import Translator

from ..refusals import refused
from ..small_models import EIGHT_LINES, ELEVEN_LINES, small_job, trained_small, translator_of


@pytest.fixture
def translator() -> Translator:
    return translator_of(trained_small())


@pytest.fixture
def found(translator: Translator) -> FileReport:
    return evaluate(translator, parse_corpus(ELEVEN_LINES, "どこか/test-random.tsv"))


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
    beam = evaluate(translator, parse_corpus(ELEVEN_LINES, "x"), Search(beam=3), told.append)
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


def test_notes_say_why_there_is_no_bleu(translator: Translator) -> None:
    pytest.importorskip("sacrebleu")
    [note] = [one for one in evaluate(translator, parse_corpus(EIGHT_LINES, "x.tsv")).notes if "BLEU" in one]
    assert note.startswith("x.tsv: BLEU は計算できません")
    long = EIGHT_LINES + "わたしはたべますわたしはたべます\t<私> <食べる> <私> <食べる>\n"
    assert not any("BLEU" in one for one in evaluate(translator, parse_corpus(long, "x.tsv")).notes)


@pytest.mark.parametrize("limit", [0, 1 << 20], ids=["on disk", "in memory"])
def test_sentences_that_were_trained_on_are_recognised_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """In a shuffled copy, among others, in another spelling; after saving and loading, and continuing with others."""
    save_model(trained_small(), tmp_path / "m")
    model = load_model(tmp_path / "m")
    assert np.array_equal(model.trained_on, trained_small().trained_on) and len(model.trained_on) == 8
    lines = EIGHT_LINES.splitlines()
    mixed = "\n".join(
        ["# 見出し", lines[5], "あたらしい文\t<私>", lines[2].replace("が", "か\u3099", 1), lines[0]]
    )
    (tmp_path / "mixed.tsv").write_text(mixed, encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr("jsl_seq2seq.data.corpus.IN_MEMORY", limit)
        report = evaluate(translator_of(model), read_corpus(tmp_path / "mixed.tsv"), models=[model])
    assert (report.trained_on, report.trained_on_lines) == (3, (2, 4, 5))
    assert report.to_json()["trained_on"] == {"sentences": 3, "lines": [2, 4, 5]}
    assert any("4 文のうち 3 文" in note and "2、4、5 行目" in note for note in report.notes)
    data = tmp_path / "more.tsv"
    data.write_text("はい\t<OK>\n", encoding="utf-8")
    further = small_job(tmp_path, load=tmp_path / "m", data=data, epochs=1).run().model
    assert len(further.trained_on) == 9 and set(further.trained_on) > set(model.trained_on)
    assert not evaluate(translator_of(model), parse_corpus("はい\t<はい>\n", "x"), models=[model]).trained_on
