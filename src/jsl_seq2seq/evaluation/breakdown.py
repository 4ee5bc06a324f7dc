"""Figures by phenomenon and by source length, and which tags are confused with which."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .metrics import Pair, Result, Scores, align, simple_scores

LENGTH_STEP = 10
"""Characters that one bucket of source lengths spans."""

UNNAMED = "（現象の記録なし）"


@dataclass(frozen=True)
class Group:
    """The scores of the sentences that share a phenomenon or a range of lengths."""

    name: str
    scores: Scores

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, **_without_sacre(self.scores)}


@dataclass(frozen=True)
class Confusion:
    """A reference tag, the hypothesis tag aligned with it, how often, and the first source with this pair.

    Attributes:
        reference: ``None`` for an inserted tag.
        hypothesis: ``None`` for a deleted tag.
    """

    reference: str | None
    hypothesis: str | None
    count: int
    example: str

    def to_json(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "hypothesis": self.hypothesis,
            "count": self.count,
            "example": self.example,
        }


def by_phenomenon(results: Sequence[Result]) -> tuple[Group, ...]:
    """One group for each name in the corpus file's third column, lowest exact rate first; none without names.

    A sentence with several names (``否定、可能``) counts in each.
    """
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        for name in _names(result.phenomenon) or [UNNAMED]:
            groups[name].append(result)
    if set(groups) <= {UNNAMED}:
        return ()
    found = [Group(name, simple_scores(members)) for name, members in groups.items()]
    return tuple(
        sorted(found, key=lambda group: (group.scores.exact_rate, -group.scores.sentences, group.name))
    )


def by_length(results: Sequence[Result]) -> tuple[Group, ...]:
    """Buckets of ten characters, shortest first; empty ones are left out."""
    groups: dict[int, list[Result]] = defaultdict(list)
    for result in results:
        groups[max(len(result.source) - 1, 0) // LENGTH_STEP].append(result)
    return tuple(
        Group(f"{bucket * LENGTH_STEP + 1}〜{(bucket + 1) * LENGTH_STEP} 字", simple_scores(groups[bucket]))
        for bucket in sorted(groups)
    )


def confusions(results: Sequence[Result]) -> tuple[Confusion, ...]:
    """Every aligned pair of unequal tags, most frequent first."""
    counts: Counter[Pair] = Counter()
    examples: dict[Pair, str] = {}
    for result in results:
        if result.exact:
            continue
        for pair in align(result.reference, result.hypothesis):
            if pair[0] != pair[1]:
                counts[pair] += 1
                examples.setdefault(pair, result.source)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return tuple(Confusion(*pair, count, examples[pair]) for pair, count in ordered)


def worst(results: Sequence[Result]) -> list[Result]:
    """Results that are not exact, highest tag error rate first."""
    wrong = [result for result in results if not result.exact]
    return sorted(wrong, key=lambda result: (-result.edits.rate, -result.edits.total, result.source))


def _names(phenomenon: str) -> list[str]:
    for mark in ("、", ";", "；"):
        phenomenon = phenomenon.replace(mark, ",")
    return list(dict.fromkeys(name.strip() for name in phenomenon.split(",") if name.strip()))


def _without_sacre(scores: Scores) -> dict[str, Any]:
    """BLEU of a handful of sentences says nothing."""
    return {name: value for name, value in scores.to_json().items() if name not in ("bleu", "chrf")}
