"""Whether systems differ: sacrebleu's own figures, and the exact tests of matches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.evaluation import significance
from jsl_seq2seq.evaluation.significance import (
    MOST_SENTENCES,
    Difference,
    System,
    compare_systems,
    sign_test,
)

from ..refusals import refused

Tags = tuple[str, ...]


def sentences(count: int, seed: int = 0) -> list[Tags]:
    rng = random.Random(seed)
    return [tuple(rng.choice("ABCDEFG") for _ in range(rng.randint(4, 8))) for _ in range(count)]


def worse(references: Sequence[Tags], share: float, seed: int) -> list[Tags]:
    """Each tag replaced with this probability."""
    rng = random.Random(seed)
    return [tuple("Z" if rng.random() < share else tag for tag in one) for one in references]


RESAMPLES, TRIALS = 300, 1_000


@pytest.fixture(autouse=True)
def fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Than the 1,000 and 10,000 of a real comparison."""
    monkeypatch.setattr(significance, "RESAMPLES", RESAMPLES)
    monkeypatch.setattr(significance, "TRIALS", TRIALS)


REFERENCES = sentences(60)
GOOD, ALIKE, BAD = (worse(REFERENCES, share, seed) for share, seed in ((0.1, 1), (0.1, 2), (0.4, 3)))


def by_metric(differences: Sequence[Difference], system: str) -> dict[str, Difference]:
    return {one.metric: one for one in differences if one.system == system}


def test_bleu_and_chrf_are_tested_by_sacrebleu() -> None:
    from sacrebleu.metrics.bleu import BLEU  # noqa: PLC0415
    from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415
    from sacrebleu.significance import PairedTest  # noqa: PLC0415

    systems = [System("good", GOOD), System("alike", ALIKE), System("bad", BAD)]
    found = compare_systems("t", REFERENCES, systems)
    named: Any = [(one.name, [" ".join(tags) for tags in one.hypotheses]) for one in systems]
    references = [[" ".join(tags) for tags in REFERENCES]]
    for kind, attribute, count in (("bs", "p_bootstrap", RESAMPLES), ("ar", "p_randomization", TRIALS)):
        metrics = {"BLEU": BLEU(tokenize="none"), "CHRF": CHRF()}
        wanted: Any
        _, wanted = PairedTest(named, metrics, references, test_type=kind, n_samples=count)()
        for number, name in ((1, "alike"), (2, "bad")):
            ours = by_metric(found.differences, name)
            for metric, theirs in (("bleu", "BLEU"), ("chrf", "chrF2")):
                assert getattr(ours[metric], attribute) == wanted[theirs][number].p_value
                assert systems[number].scores[metric] == wanted[theirs][number].score
    assert found.signatures[0].startswith("BLEU|") and "tok:none" in found.signatures[0]


def test_the_interval_is_of_the_samples_that_sacrebleu_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its p-value follows from our differences by its formula."""
    seen: list[np.ndarray] = []
    honest = significance._interval

    def interval(differences: np.ndarray) -> tuple[float, float]:
        seen.append(differences)
        return honest(differences)

    monkeypatch.setattr(significance, "_interval", interval)
    found = compare_systems("t", REFERENCES, [System("good", GOOD), System("alike", ALIKE)])
    assert [one.metric for one in found.differences] == ["exact", "bleu", "chrf"]
    for one, differences in zip(found.differences, seen, strict=True):
        assert len(differences) == RESAMPLES
        assert significance._bootstrap_p(differences, one.difference) == pytest.approx(
            one.p_bootstrap, abs=2e-3
        )
        assert [one.low, one.high] == np.quantile(differences, [0.025, 0.975]).tolist()
        assert one.low <= one.difference <= one.high


def test_a_real_difference_is_found_and_none_between_alike() -> None:
    systems = [System("good", GOOD), System("alike", ALIKE), System("bad", BAD)]
    found = compare_systems("t", REFERENCES, systems)
    for metric, one in by_metric(found.differences, "bad").items():
        assert one.significant and one.high < 0 and one.changed > 40, metric
    for metric, one in by_metric(found.differences, "alike").items():
        assert not one.significant and one.low < 0 < one.high, metric
    assert [one.system for one in found.differences] == ["alike"] * 3 + ["bad"] * 3
    told = found.to_json()
    assert told["baseline"] == "good" and told["systems"][2] == {"name": "bad", **systems[2].scores}
    assert told["differences"][0]["significant"] is False and told["sentences"] == 60


def test_one_sentence_is_no_evidence() -> None:
    """sacrebleu's randomization says p < 0.001 there: no trial's difference is larger than the real one."""
    one_wrong = [("Z",) * 4, *REFERENCES[1:]]
    found = compare_systems("t", REFERENCES, [System("a", REFERENCES), System("b", one_wrong)])
    differences = by_metric(found.differences, "b")
    assert differences["bleu"].p_randomization == pytest.approx(1 / (TRIALS + 1))
    assert differences["exact"].p_randomization == 1
    assert not any(one.significant for one in found.differences)
    assert all(one.changed == 1 for one in found.differences)


@pytest.mark.parametrize("sentences", [1, 2, 5])
def test_few_sentences_are_no_evidence_however_they_differ(sentences: int) -> None:
    """All wrong against all right: both of sacrebleu's tests say p < 0.001."""
    wrong: list[Tags] = [("Z",) * 5] * sentences
    found = compare_systems(
        "t", REFERENCES, [System("a", REFERENCES), System("b", [*wrong, *REFERENCES[sentences:]])]
    )
    alone = compare_systems(
        "t", REFERENCES[:sentences], [System("a", REFERENCES[:sentences]), System("b", wrong)]
    )
    for one in (*found.differences, *alone.differences):
        assert one.changed == sentences and one.p is not None and one.p >= 2 / 2**sentences
        assert not one.significant


def test_equal_systems_have_no_p() -> None:
    found = compare_systems("t", REFERENCES, [System("a", GOOD), System("b", list(GOOD))])
    assert all(one.difference == 0 and one.p is None and one.changed == 0 for one in found.differences)
    assert not any(one.significant for one in found.differences)


@pytest.mark.parametrize(
    ("more", "fewer", "p"),
    [(1, 0, 1.0), (5, 0, 2 / 32), (0, 5, 2 / 32), (10, 0, 2 / 1024), (8, 2, 2 * 56 / 1024), (3, 3, 1.0)],
)
def test_sign_test(more: int, fewer: int, p: float) -> None:
    assert sign_test(more, fewer) == pytest.approx(p)


def test_many_sentences_do_not_overflow() -> None:
    assert 0 < sign_test(2_600, 2_400) < 0.01 < sign_test(5_010, 4_990)


def test_without_sacrebleu_exact_matches_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "has_sacrebleu", lambda: False)
    found = compare_systems("t", REFERENCES, [System("good", GOOD), System("bad", BAD)])
    assert [one.metric for one in found.differences] == ["exact"] and found.signatures == ()


def test_bleu_is_left_out_where_it_is_not_defined() -> None:
    references: list[Tags] = [("A", "B"), ("C",), ("D", "E", "F")]
    found = compare_systems("t", references, [System("a", references), System("b", [("A",), ("C",), ()])])
    assert [one.metric for one in found.differences] == ["exact", "chrf"]


@pytest.mark.parametrize("count", [0, MOST_SENTENCES + 1])
def test_too_many_sentences_and_none(count: int) -> None:
    references: list[Tags] = [("A",)] * count
    with refused(UserError, code="sentences-not-comparable", found=count):
        compare_systems("t", references, [System("a", references), System("b", references)])
