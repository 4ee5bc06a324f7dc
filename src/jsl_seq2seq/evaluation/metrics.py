"""How good translations are, each figure with what it needs to be compared.

BLEU and chrF come from sacrebleu (Post 2018), with its signature. A tag is a word, so BLEU cuts at blanks only
(``tokenize="none"``): any other tokenization would take tags apart, and the same output would read far higher
or lower. Never compare with a BLEU of another signature.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .alignment import Edits, edits

HOW_TO_INSTALL = "BLEU と chrF には sacrebleu が必要です: pip install 'jsl-seq2seq[evaluate]'"


@dataclass(frozen=True)
class Result:
    """One sentence, what is right, and what the model made of it.

    Attributes:
        produced: tags; empty if the model knows none of the sentence's characters.
        log_prob: natural logarithm of the produced sequence's probability.
        warnings: what the translator said about it, in Japanese.
    """

    source: str
    right: tuple[str, ...]
    produced: tuple[str, ...]
    log_prob: float
    phenomenon: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every tag is right."""
        return self.right == self.produced

    @property
    def edits(self) -> Edits:
        return edits(self.right, self.produced)


@dataclass(frozen=True)
class SacreScore:
    """A figure of sacrebleu, 0 to 100, and the signature that says how it was computed."""

    value: float
    signature: str


@dataclass(frozen=True)
class Scores:
    """The figures of some sentences.

    Attributes:
        exact: how many sentences have every tag right.
        bleu, chrf: ``None`` if sacrebleu is not installed.
    """

    sentences: int
    exact: int
    edits: Edits
    bleu: SacreScore | None = None
    chrf: SacreScore | None = None

    @property
    def exact_rate(self) -> float:
        """Share of sentences with every tag right, 0 to 1."""
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
    """Whether BLEU and chrF can be computed here."""
    return importlib.util.find_spec("sacrebleu") is not None


def simple_scores(results: Sequence[Result]) -> Scores:
    """What needs no library: exact matches and tag errors."""
    return Scores(
        len(results),
        sum(result.exact for result in results),
        sum((result.edits for result in results), Edits()),
    )


def scores(results: Sequence[Result]) -> Scores:
    """All figures; BLEU and chrF only if sacrebleu is installed."""
    simple = simple_scores(results)
    if not has_sacrebleu() or not results:
        return simple
    from sacrebleu.metrics.bleu import BLEU  # noqa: PLC0415  optional, and slow to import
    from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415

    produced = [" ".join(result.produced) for result in results]
    right = [[" ".join(result.right) for result in results]]
    bleu, chrf = (_sacre(metric, produced, right) for metric in (BLEU(tokenize="none"), CHRF()))
    return Scores(simple.sentences, simple.exact, simple.edits, bleu, chrf)


def _sacre(metric: Any, produced: Sequence[str], right: Sequence[Sequence[str]]) -> SacreScore:
    value = float(metric.corpus_score(produced, right).score)
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
