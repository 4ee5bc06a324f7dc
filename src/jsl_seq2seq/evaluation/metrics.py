"""Figures of translations: exact matches, tag errors by alignment, BLEU and chrF.

BLEU and chrF come from sacrebleu (Post 2018), with its signature. A tag is a word, so BLEU cuts at blanks only
(``tokenize="none"``): any other tokenization would take tags apart, and the same output would read far higher
or lower. Never compare with a BLEU of another signature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import UserError
from ..extras import optional

HOW_TO_INSTALL = "BLEU と chrF には sacrebleu が必要です: pip install 'jsl-seq2seq[evaluate]'"

BLEU_ORDER = 4
"""BLEU is the geometric mean of the precisions of n-grams of 1 to 4 tags (Papineni et al. 2002)."""

Pair = tuple[str | None, str | None]
"""A reference tag and the hypothesis tag aligned with it; ``None`` where the other is inserted or deleted."""


@dataclass(frozen=True)
class Edits:
    """The edit operations between hypotheses and their references.

    Attributes:
        substitutions: reference tags with another tag in their place.
        insertions: hypothesis tags without a reference tag.
        deletions: reference tags without a hypothesis tag.
        length: reference tags in all.
    """

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0
    length: int = 0

    def __add__(self, other: Edits) -> Edits:
        return Edits(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.length + other.length,
        )

    @property
    def total(self) -> int:
        """S + I + D."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float:
        """Word error rate over tags, (S + I + D) / N; above 1 if there are more errors than reference tags."""
        return self.total / max(self.length, 1)


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """The alignment with the fewest edits (Levenshtein 1966), pairs in order.

    Of several such alignments it is always the one that pairs tags earliest.
    """
    # cost[i][j]: edits between the last i reference and the last j hypothesis tags
    cost = [[0] * (len(hypothesis) + 1) for _ in range(len(reference) + 1)]
    for i in range(len(reference) + 1):
        for j in range(len(hypothesis) + 1):
            if not i or not j:
                cost[i][j] = i + j
                continue
            other = reference[-i] != hypothesis[-j]
            cost[i][j] = min(cost[i - 1][j - 1] + other, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    pairs: list[Pair] = []
    i, j = len(reference), len(hypothesis)
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (reference[-i] != hypothesis[-j]):
            pairs.append((reference[-i], hypothesis[-j]))
            i, j = i - 1, j - 1
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            pairs.append((reference[-i], None))
            i -= 1
        else:
            pairs.append((None, hypothesis[-j]))
            j -= 1
    return pairs


def edits(reference: Sequence[str], hypothesis: Sequence[str]) -> Edits:
    """The edit operations of :func:`align`, counted."""
    pairs = align(reference, hypothesis)
    return Edits(
        substitutions=sum(a is not None and b is not None and a != b for a, b in pairs),
        insertions=sum(a is None for a, _ in pairs),
        deletions=sum(b is None for _, b in pairs),
        length=len(reference),
    )


@dataclass(frozen=True)
class Result:
    """One test sentence with its reference and the model's hypothesis.

    Attributes:
        hypothesis: tags; empty if the model's vocabulary has none of the sentence's characters.
        log_prob: natural logarithm of the hypothesis' probability.
        warnings: the translator's warnings, in Japanese.
    """

    source: str
    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]
    log_prob: float
    phenomenon: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether hypothesis and reference are equal."""
        return self.reference == self.hypothesis

    @property
    def edits(self) -> Edits:
        """The edit operations between reference and hypothesis."""
        return edits(self.reference, self.hypothesis)


@dataclass(frozen=True)
class SacreScore:
    """A figure of sacrebleu, 0 to 100, and the signature of how it was computed."""

    value: float
    signature: str


@dataclass(frozen=True)
class Scores:
    """The figures of some sentences.

    Attributes:
        exact: sentences whose hypothesis equals the reference.
        bleu, chrf: ``None`` if sacrebleu is not installed or the figure is not defined.
        undefined: why a figure is missing although sacrebleu is installed, in Japanese; empty otherwise.
    """

    sentences: int
    exact: int
    edits: Edits
    bleu: SacreScore | None = None
    chrf: SacreScore | None = None
    undefined: str = ""

    @property
    def exact_rate(self) -> float:
        """Share of sentences whose hypothesis equals the reference, 0 to 1."""
        return self.exact / max(self.sentences, 1)

    @property
    def exact_interval(self) -> tuple[float, float]:
        """95 % interval of the exact rate (Wilson 1927)."""
        return wilson(self.exact, self.sentences)

    def to_json(self) -> dict[str, Any]:
        """Plain values, shares from 0 to 1, sacrebleu's figures as sacrebleu gives them."""
        low, high = self.exact_interval
        return {
            "sentences": self.sentences,
            "exact": self.exact,
            "exact_rate": self.exact_rate,
            "exact_rate_95": [low, high],
            "tag_error_rate": self.edits.rate,
            "substitutions": self.edits.substitutions,
            "insertions": self.edits.insertions,
            "deletions": self.edits.deletions,
            "tags": self.edits.length,
            "bleu": asdict(self.bleu) if self.bleu else None,
            "chrf": asdict(self.chrf) if self.chrf else None,
        }


def has_sacrebleu() -> bool:
    """Whether sacrebleu is installed and can be imported."""
    try:
        require_sacrebleu()
    except UserError:
        return False
    return True


def simple_scores(results: Sequence[Result]) -> Scores:
    """Exact matches and tag errors, without sacrebleu."""
    return Scores(
        len(results),
        sum(result.exact for result in results),
        sum((result.edits for result in results), Edits()),
    )


def scores(results: Sequence[Result]) -> Scores:
    """All figures; BLEU and chrF only if sacrebleu is installed.

    BLEU is left out where no reference has :data:`BLEU_ORDER` tags: there is no 4-gram to match, and
    sacrebleu gives 0 even for hypotheses that equal their references.
    """
    simple = simple_scores(results)
    if not has_sacrebleu() or not results:
        return simple
    pairs = [(result.hypothesis, result.reference) for result in results]
    score = bleu(pairs)
    missing = f"BLEU は計算できません。{BLEU_ORDER} 個以上の並びが、どの文の正解にもありません。"
    return Scores(
        simple.sentences, simple.exact, simple.edits, score, chrf(pairs), "" if score is not None else missing
    )


TagPairs = Sequence[tuple[Sequence[str], Sequence[str]]]
"""Hypotheses, each with its reference."""


def bleu(pairs: TagPairs) -> SacreScore | None:
    """BLEU of a corpus; ``None`` where no reference has :data:`BLEU_ORDER` tags.

    Raises:
        UserError: sacrebleu is missing or broken.
    """
    if not any(len(reference) >= BLEU_ORDER for _, reference in pairs):
        return None
    return _sacre(_sacrebleu().BLEU(tokenize="none"), pairs)


def chrf(pairs: TagPairs) -> SacreScore:
    """chrF of a corpus. Errors as :func:`bleu`."""
    return _sacre(_sacrebleu().CHRF(), pairs)


def require_sacrebleu() -> None:
    """Raise UserError if sacrebleu is missing or broken."""
    optional("sacrebleu", "evaluate", "BLEU と chrF には")


def _sacrebleu() -> Any:
    require_sacrebleu()
    return optional("sacrebleu.metrics", "evaluate", "BLEU と chrF には")


def _sacre(metric: Any, pairs: TagPairs) -> SacreScore:
    hypotheses = [" ".join(hypothesis) for hypothesis, _ in pairs]
    references = [[" ".join(reference) for _, reference in pairs]]
    value = float(metric.corpus_score(hypotheses, references).score)
    return SacreScore(value, f"{type(metric).__name__}|{metric.get_signature()}")


def wilson(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    if not trials:
        return 0.0, 1.0
    share = hits / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    whole = 1 + z * z / trials
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)
