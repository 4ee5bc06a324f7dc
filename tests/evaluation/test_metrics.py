"""Figures against sacrebleu itself and by hand."""

from __future__ import annotations

import pytest

from jsl_seq2seq.evaluation import metrics
from jsl_seq2seq.evaluation.breakdown import UNNAMED, by_length, by_phenomenon, confusions, worst
from jsl_seq2seq.evaluation.metrics import Result, scores, simple_scores, wilson


def result(source: str, right: str, produced: str, phenomenon: str = "") -> Result:
    return Result(source, tuple(right.split()), tuple(produced.split()), -1.0, phenomenon)


RESULTS = [
    result("わたしはたべます", "私 食べる", "私 食べる", "平叙"),
    result("わたしはたべません", "私 食べる ない", "私 食べる", "否定"),
    result("あしたがっこうにいきません", "明日 学校 行く ない", "明日 学校 行く ない お願い", "否定、時"),
    result("いつ", "いつ", "", ""),
]


def test_exact_and_errors() -> None:
    found = simple_scores(RESULTS)
    assert (found.sentences, found.exact, found.exact_rate) == (4, 1, 0.25)
    assert (found.edits.substitutions, found.edits.insertions, found.edits.deletions) == (0, 1, 2)
    assert found.edits.rate == 3 / 10
    assert found.bleu is found.chrf is None


def test_sacrebleu_with_its_signature() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    produced = [" ".join(one.produced) for one in RESULTS]
    right = [[" ".join(one.right) for one in RESULTS]]
    found = scores(RESULTS)
    assert found.bleu is not None and found.chrf is not None
    assert found.bleu.value == sacrebleu.corpus_bleu(produced, right, tokenize="none").score
    assert found.chrf.value == sacrebleu.corpus_chrf(produced, right).score
    assert "tok:none" in found.bleu.signature and found.bleu.signature.startswith("BLEU|")
    assert found.chrf.signature.startswith("CHRF|nrefs:1|") and "version:" in found.chrf.signature


def test_another_tokenization_reads_differently() -> None:
    """Why the signature matters."""
    sacrebleu = pytest.importorskip("sacrebleu")
    right = [["指文字:タ 指文字:ナ 指文字:カ 言う"]]
    produced = ["指文字:タ 指文字:カ 指文字:ナ 言う"]
    ours = sacrebleu.corpus_bleu(produced, right, tokenize="none").score
    characters = sacrebleu.corpus_bleu(produced, right, tokenize="char").score
    assert abs(characters - ours) > 20


def test_without_sacrebleu_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "has_sacrebleu", lambda: False)
    found = scores(RESULTS)
    assert found == simple_scores(RESULTS)
    assert found.to_json()["bleu"] is None and found.to_json()["exact"] == 1


def test_no_sentences() -> None:
    assert scores([]).exact_rate == scores([]).edits.rate == 0


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"), [(98, 100, 0.930, 0.994), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0)]
)
def test_interval(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-3)


def test_by_phenomenon_worst_first_and_several_at_once() -> None:
    groups = {group.name: group.scores for group in by_phenomenon(RESULTS)}
    assert list(groups)[-1] == "平叙"
    assert {name: one.sentences for name, one in groups.items()} == {
        "否定": 2,
        UNNAMED: 1,
        "時": 1,
        "平叙": 1,
    }
    assert by_phenomenon([RESULTS[-1]]) == ()


def test_by_length() -> None:
    groups = by_length([*RESULTS, result("あ" * 50, "x", "x"), result("あ" * 51, "x", "y")])
    assert [(group.name, group.scores.sentences) for group in groups] == [
        ("1〜10 字", 3),
        ("11〜20 字", 1),
        ("41〜50 字", 1),
        ("51〜60 字", 1),
    ]


def test_confusions_most_frequent_first() -> None:
    found = confusions([*RESULTS, result("あ", "a ない", "a"), result("い", "b", "c")])
    assert [(one.right, one.produced, one.count) for one in found] == [
        ("ない", None, 2),
        ("b", "c", 1),
        ("いつ", None, 1),
        (None, "お願い", 1),
    ]
    assert found[0].example == "わたしはたべません"


def test_worst_first() -> None:
    assert [one.source for one in worst(RESULTS)] == [
        "いつ",
        "わたしはたべません",
        "あしたがっこうにいきません",
    ]
