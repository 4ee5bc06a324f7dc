"""Whether two systems differ on the same test sentences, or chance alone may have made the difference.

BLEU and chrF are tested by sacrebleu: paired bootstrap resampling (Koehn 2004) and approximate randomization (Riezler &
Maxwell 2005). Exact matches are tested with the same bootstrap, and with the exact form of randomization for figures
that are 0 or 1 for each sentence: the sign test on the sentences where one system alone is right (McNemar 1947).

Of figures that hang on few sentences sacrebleu finds too small a probability: it counts the trials whose difference is
larger than the real one, and not those where it is equal, which with one sentence that differs are all. Exchanging the
translations of k sentences that differ has 2ᵏ equally probable outcomes, and in two of them at least, the real one and
its mirror image, the difference is as large: no probability is below 2 / 2ᵏ. A difference is called significant only
where that and both tests say so.

The tests are about the choice of sentences. That another seed trains another model is not in them.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..errors import UserError
from ..extras import optional
from ..settings.environment import resampling_seed
from .metrics import BLEU_ORDER, has_sacrebleu

MOST_SENTENCES = 10_000
"""sacrebleu's bootstrap holds 1,000 samples of all sentences' statistics in memory: 1 GB for as many sentences."""
RESAMPLES, TRIALS = 1_000, 10_000
"""sacrebleu's numbers of bootstrap samples and of randomization trials."""
SIGNIFICANT = 0.05
_SEED = 12_345
"""sacrebleu's, unless the environment's SACREBLEU_SEED is another."""

Tags = tuple[str, ...]


@dataclass(frozen=True)
class System:
    """What one system made of the test sentences.

    Attributes:
        hypotheses: in the order of the sentences.
        scores: ``exact`` (0 to 1), and with sacrebleu ``bleu`` and ``chrf`` (0 to 100); filled in by
            :func:`compare_systems`.
    """

    name: str
    hypotheses: Sequence[Tags] = field(repr=False)
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """A figure of a system minus the baseline's, and how chance may explain it.

    Attributes:
        metric: ``exact``, ``bleu`` or ``chrf``.
        low, high: 95 % interval of the difference: 2.5th and 97.5th percentile of the bootstrap's.
        changed: sentences that the two translate differently.
        p_bootstrap, p_randomization: the probability of such a difference, or a larger one in either direction, if the
            systems were equally good; ``None`` where the figures are equal.
    """

    system: str
    metric: str
    difference: float
    low: float
    high: float
    changed: int
    p_bootstrap: float | None
    p_randomization: float | None

    @property
    def p(self) -> float | None:
        """The largest of the two probabilities and of 2 / 2ᵏ for k sentences that differ."""
        if self.p_bootstrap is None or self.p_randomization is None:
            return None
        return max(self.p_bootstrap, self.p_randomization, 2.0 ** (1 - self.changed))

    @property
    def significant(self) -> bool:
        """Whether :attr:`p` is below :data:`SIGNIFICANT`."""
        return self.p is not None and self.p < SIGNIFICANT

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "p": self.p, "significant": self.significant}


@dataclass(frozen=True)
class SystemComparison:
    """Systems on the same sentences, each against the first one.

    Attributes:
        signatures: of sacrebleu's figures, without the tests'.
    """

    data: str
    sentences: int
    systems: tuple[System, ...]
    differences: tuple[Difference, ...]
    signatures: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for programs."""
        return {
            "data": self.data,
            "sentences": self.sentences,
            "systems": [{"name": one.name, **one.scores} for one in self.systems],
            "baseline": self.systems[0].name,
            "differences": [one.to_json() for one in self.differences],
            "resamples": RESAMPLES,
            "trials": TRIALS,
            "seed": str(resampling_seed(_SEED)).lower(),
            "signatures": list(self.signatures),
        }


def compare_systems(data: str, references: Sequence[Tags], systems: Sequence[System]) -> SystemComparison:
    """Compare systems with the first one; BLEU and chrF only if sacrebleu is installed, BLEU only if it is defined.

    Args:
        data: the file, for people to read.
        references: one for each sentence.

    Raises:
        UserError: there are too many sentences, or none.
    """
    require_comparable(data, len(references))
    samples = _generator().choice(len(references), size=(RESAMPLES, len(references)), replace=True)
    for one in systems:
        one.scores["exact"] = sum(map(_equal, one.hypotheses, references)) / len(references)
    baseline, *others = systems
    found = [_exact_difference(references, baseline, other, samples) for other in others]
    signatures: tuple[str, ...] = ()
    if has_sacrebleu():
        library = optional("sacrebleu.metrics", "evaluate", "BLEU と chrF には")
        metrics = {"chrf": library.CHRF()}
        if any(len(reference) >= BLEU_ORDER for reference in references):
            metrics = {"bleu": library.BLEU(tokenize="none"), **metrics}
        found += _sacre_differences(references, systems, metrics, samples)
        signatures = tuple(f"{type(one).__name__}|{one.get_signature()}" for one in metrics.values())
    order = [other.name for other in others]
    found.sort(key=lambda one: order.index(one.system))
    return SystemComparison(data, len(references), tuple(systems), tuple(found), signatures)


def require_comparable(data: str, sentences: int) -> None:
    """Raise UserError if there are too many sentences for :func:`compare_systems`, or none."""
    if not 0 < sentences <= MOST_SENTENCES:
        raise UserError(
            f"比べられるのは、1 文から {MOST_SENTENCES:,} 文までです（{data} は {sentences:,} 文）。",
            "文を減らしたファイルで比べてください。それだけあれば、わずかな差も見つかります。",
            code="sentences-not-comparable",
            path=data,
            found=sentences,
            limit=MOST_SENTENCES,
        )


def _equal(hypothesis: Tags, reference: Tags) -> bool:
    return hypothesis == reference


def _generator() -> np.random.Generator:
    """The generator that sacrebleu begins each of its tests with."""
    return np.random.default_rng(resampling_seed(_SEED))


def _exact_difference(
    references: Sequence[Tags], baseline: System, other: System, samples: np.ndarray
) -> Difference:
    right = [
        np.fromiter(map(_equal, one.hypotheses, references), np.float64, len(references))
        for one in (baseline, other)
    ]
    gain = right[1] - right[0]
    difference = float(gain.mean())
    differences = np.array([gain[sample].mean() for sample in samples])
    return Difference(
        other.name,
        "exact",
        difference,
        *_interval(differences),
        _changed(baseline, other),
        _bootstrap_p(differences, difference) if difference else None,
        sign_test(int((gain > 0).sum()), int((gain < 0).sum())) if difference else None,
    )


def _changed(one: System, other: System) -> int:
    return sum(a != b for a, b in zip(one.hypotheses, other.hypotheses, strict=True))


def sign_test(more: int, fewer: int) -> float:
    """McNemar's exact test: the two-sided probability of so uneven a split of n = ``more`` + ``fewer`` sentences if
    each were as likely to fall on either side, min(1, 2 Σ_{i ≤ min(more, fewer)} C(n, i) / 2ⁿ)."""
    n = more + fewer
    ways = tail = 1
    for i in range(min(more, fewer)):
        ways = ways * (n - i) // (i + 1)
        tail += ways
    return min(1.0, 2 * tail / 2**n)


def _bootstrap_p(differences: np.ndarray, difference: float) -> float:
    """As sacrebleu computes it: how often the absolute difference of a sample is further above the samples' mean than
    the real one is above 0."""
    absolute = np.abs(differences)
    beyond = int((absolute - absolute.mean() > abs(difference)).sum())
    return (beyond + 1) / (len(differences) + 1)


def _interval(differences: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)


def _sacre_differences(
    references: Sequence[Tags], systems: Sequence[System], metrics: dict[str, Any], samples: np.ndarray
) -> Iterator[Difference]:
    written = [[" ".join(reference) for reference in references]]
    named = [(str(number), [" ".join(one) for one in s.hypotheses]) for number, s in enumerate(systems)]
    # of its own names for a figure, "BLEU" and "chrF2", the order alone is certain
    bootstrap, randomization = (_tested(named, metrics, written, kind) for kind in ("bs", "ar"))
    for position, (metric, library) in enumerate(metrics.items()):
        results = list(zip(bootstrap[position], randomization[position], strict=True))
        for one, (result, _) in zip(systems, results, strict=True):
            one.scores[metric] = float(result.score)
        statistics = [
            np.array(library._extract_corpus_statistics(hypotheses, written), np.float32)
            for _, hypotheses in named
        ]
        scores = [
            np.array([library._compute_score_from_stats(one[sample].sum(0)).score for sample in samples])
            for one in statistics
        ]
        for number in range(1, len(systems)):
            difference = systems[number].scores[metric] - systems[0].scores[metric]
            by_bootstrap, by_randomization = results[number]
            yield Difference(
                systems[number].name,
                metric,
                difference,
                *_interval(scores[number] - scores[0]),
                _changed(systems[0], systems[number]),
                float(by_bootstrap.p_value) if difference else None,
                float(by_randomization.p_value) if difference else None,
            )


def _tested(
    named: Sequence[tuple[str, Sequence[str]]],
    metrics: dict[str, Any],
    references: Sequence[Sequence[str]],
    kind: str,
) -> list[list[Any]]:
    """sacrebleu's results of a test, by figure and system.

    Args:
        kind: ``bs`` for the bootstrap, ``ar`` for approximate randomization.
    """
    library = optional("sacrebleu.significance", "evaluate", "BLEU と chrF には")
    count = {"bs": RESAMPLES, "ar": TRIALS}[kind]
    with _quiet():
        test = library.PairedTest(named, metrics, references, test_type=kind, n_samples=count)
        _, scores = test()
    return [results for name, results in scores.items() if name != "System"]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """sacrebleu says on Windows that it computes in one process, which is what is wanted."""
    logger = logging.getLogger("sacrebleu")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
