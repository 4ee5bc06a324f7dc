"""What a translator answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..tokenize import format_tags
from ..tokenize.units import CHARACTERS_AND_TAGS, Units


@dataclass(frozen=True)
class Attention:
    """The attention weights of one layer for one sentence.

    Attributes:
        weights: [H, query, key], rows sum to 1.
        query_labels, key_labels: the token at each position. A row of the decoder is called by the tag that
            is produced there (the last ``<EOS>``), a key of its self-attention by the tag that is read there
            (the first ``<SOS>``).
    """

    weights: np.ndarray
    query_labels: tuple[str, ...]
    key_labels: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """One way to translate a sentence.

    Attributes:
        tags: without brackets; ``str(candidate)`` writes them as the command line does.
        probabilities: of each tag, given those before it, 0 to 1.
        log_prob: natural logarithm of the whole sequence's probability, its end included.
        finished: whether the model ended the sentence itself.
        kinds: what the model counts in; says whether the tags are written as tags or as plain words.
    """

    tags: tuple[str, ...]
    probabilities: tuple[float, ...]
    log_prob: float
    finished: bool
    kinds: Units = CHARACTERS_AND_TAGS

    def __str__(self) -> str:
        return format_tags(self.tags, self.kinds.target)

    def to_dict(self) -> dict[str, Any]:
        """The candidate as JSON values: ``tags`` with each one's probability, ``probability``, ``finished``."""
        return _candidate_to_dict(self)


@dataclass(frozen=True)
class Translation:
    """A translated sentence.

    Attributes:
        text: the sentence as it was given.
        tags: without brackets; ``str(translation)`` writes them as the command line does.
        probabilities: of each tag, given those before it, 0 to 1.
        log_prob: natural logarithm of the whole sequence's probability, its end included.
        finished: whether the model ended the sentence itself.
        warnings: what a reader should know about this translation, in Japanese.
        attention: by name (``encoder.0.self``, ``decoder.0.cross``, ...), if it was asked for.
        alternatives: the next best translations, best first, if more than one was asked for.
        kinds: what the model counts in; says whether the tags are written as tags or as plain words.
    """

    text: str
    tags: tuple[str, ...]
    probabilities: tuple[float, ...]
    log_prob: float
    finished: bool
    warnings: tuple[str, ...] = ()
    attention: dict[str, Attention] | None = field(default=None, compare=False)
    alternatives: tuple[Candidate, ...] = ()
    kinds: Units = CHARACTERS_AND_TAGS

    def __str__(self) -> str:
        return format_tags(self.tags, self.kinds.target)

    def to_dict(self) -> dict[str, Any]:
        """The translation as JSON values, without its attention; docs/library.md has the schema.

        ``alternatives`` is there if more than one translation was asked for.
        """
        values = {"text": self.text, **_candidate_to_dict(self), "warnings": list(self.warnings)}
        if self.alternatives:
            values["alternatives"] = [other.to_dict() for other in self.alternatives]
        return values


@dataclass(frozen=True)
class Score:
    """How probable a given translation is.

    Attributes:
        tags: without brackets.
        log_probs: natural logarithm of each tag's probability given those before it, and of the end's.
    """

    text: str
    tags: tuple[str, ...]
    log_probs: tuple[float, ...]

    @property
    def log_prob(self) -> float:
        """Natural logarithm of the whole sequence's probability, its end included."""
        return sum(self.log_probs)


def _candidate_to_dict(one: Candidate | Translation) -> dict[str, Any]:
    return {
        "tags": [
            {"tag": tag, "probability": probability}
            for tag, probability in zip(one.tags, one.probabilities, strict=True)
        ],
        "probability": math.exp(one.log_prob),
        "finished": one.finished,
    }
