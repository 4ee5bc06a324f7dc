"""Figures against sacrebleu itself and by hand."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.evaluation import metrics
from jsl_seq2seq.evaluation.breakdown import UNNAMED, by_length, by_phenomenon, confusions, worst
from jsl_seq2seq.evaluation.metrics import Edits, Result, align, edits, scores, simple_scores, wilson

TAGS = st.lists(st.sampled_from("あいうえ"), max_size=7).map(tuple)


def distance(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> int:
    @cache
    def between(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        same = reference[i - 1] == hypothesis[j - 1]
        return min(between(i - 1, j - 1) + (not same), between(i - 1, j) + 1, between(i, j - 1) + 1)

    return between(len(reference), len(hypothesis))


@given(TAGS, TAGS)
def test_as_few_differences_as_there_can_be(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> None:
    pairs = align(reference, hypothesis)
    assert tuple(a for a, _ in pairs if a is not None) == reference
    assert tuple(b for _, b in pairs if b is not None) == hypothesis
    assert (None, None) not in pairs
    found = edits(reference, hypothesis)
    assert found.total == distance(reference, hypothesis) == sum(a != b for a, b in pairs)
    assert found.length == len(reference)
    assert (found.total == 0) == (reference == hypothesis)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wanted"),
    [
        ("私 食べる", "私 飲む", Edits(1, 0, 0, 2)),
        ("私 食べる", "私", Edits(0, 0, 1, 2)),
        ("私 食べる", "私 今 食べる", Edits(0, 1, 0, 2)),
        ("私", "", Edits(0, 0, 1, 1)),
        ("明日 私 行く", "私 行く ない", Edits(0, 1, 1, 3)),
    ],
)
def test_kinds_of_errors(reference: str, hypothesis: str, wanted: Edits) -> None:
    assert edits(reference.split(), hypothesis.split()) == wanted


def test_rates_add_up_over_sentences() -> None:
    """Errors and tags are summed first: a long sentence weighs more than a short one."""
    total = Edits(1, 0, 0, 1) + Edits(0, 0, 0, 9)
    assert total == Edits(1, 0, 0, 10) and total.rate == 0.1
    assert Edits(0, 3, 0, 1).rate == 3.0
    assert Edits().rate == 0.0


def result(source: str, reference: str, hypothesis: str, phenomenon: str = "") -> Result:
    return Result(source, tuple(reference.split()), tuple(hypothesis.split()), -1.0, phenomenon)


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
    hypothesis = [" ".join(one.hypothesis) for one in RESULTS]
    reference = [[" ".join(one.reference) for one in RESULTS]]
    found = scores(RESULTS)
    assert found.bleu is not None and found.chrf is not None
    assert found.bleu.value == sacrebleu.corpus_bleu(hypothesis, reference, tokenize="none").score
    assert found.chrf.value == sacrebleu.corpus_chrf(hypothesis, reference).score
    assert "tok:none" in found.bleu.signature and found.bleu.signature.startswith("BLEU|")
    assert found.chrf.signature.startswith("CHRF|nrefs:1|") and "version:" in found.chrf.signature


def test_another_tokenization_reads_differently() -> None:
    """Why the signature matters."""
    sacrebleu = pytest.importorskip("sacrebleu")
    reference = [["指文字:タ 指文字:ナ 指文字:カ 言う"]]
    hypothesis = ["指文字:タ 指文字:カ 指文字:ナ 言う"]
    ours = sacrebleu.corpus_bleu(hypothesis, reference, tokenize="none").score
    characters = sacrebleu.corpus_bleu(hypothesis, reference, tokenize="char").score
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
    assert [(one.reference, one.hypothesis, one.count) for one in found] == [
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


def test_bleu_is_left_out_where_no_reference_has_four_tags() -> None:
    """sacrebleu says 0.0 for a perfect translation of short sentences."""
    sacrebleu = pytest.importorskip("sacrebleu")
    assert sacrebleu.corpus_bleu(["私 食べる"], [["私 食べる"]], tokenize="none").score == 0
    found = scores([result("わたしはたべます", "私 食べる", "私 食べる")])
    assert found.bleu is None and "4 個" in found.undefined
    assert found.chrf is not None and found.chrf.value == 100
    assert found.to_json()["bleu"] is None


def test_bleu_of_four_tags_is_there() -> None:
    pytest.importorskip("sacrebleu")
    right = scores([result("a", "1 2 3 4", "1 2 3 4"), result("b", "1", "1")])
    short = scores([result("a", "1 2 3 4", "1 2 3")])
    assert right.bleu is not None and right.bleu.value == pytest.approx(100) and not right.undefined
    assert short.bleu is not None and short.bleu.value == 0  # of the hypothesis: it has no 4-gram
