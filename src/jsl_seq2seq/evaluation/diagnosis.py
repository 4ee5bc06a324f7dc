"""One translation in detail: alternatives at each position, cross-attention, and the effect of deletions.

For each position of the target: the probabilities of the tag produced and of its alternatives, and the last
layer's cross-attention averaged over its heads. For each source unit: the translation without it, and the change of
the original tags' log-probabilities. Attention shows where information was taken from, not that it mattered (Jain &
Wallace 2019); leaving a unit out shows that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import UserError
from ..settings import EOS, PAD, SOS
from ..tokenize import Encoding, Tokenizers
from ..translate.translator import Translation, Translator

LONGEST = 200
"""Units of a sentence that can be diagnosed. One without each unit is translated: work that grows with the cube of
the length."""

EOS_LABEL = "<EOS>"
"""The end of a sentence as a label, as in :class:`~jsl_seq2seq.translate.translator.Attention`."""

LOST_EVIDENCE = (
    "変化がほとんどないのに訳が変わるところは、消した文字がタグの根拠だったところです。"
    "根拠の文字がない文では、そのタグを書きません"
)
"""What is said where :attr:`Diagnosis.loses_evidence`."""


@dataclass(frozen=True)
class Place:
    """One position of the translation.

    Attributes:
        tag: the token produced here (a tag, or a character of an open word or one of the marks around it), ``None``
            for the end of the sentence.
        probability: of that token given those before it, among all tokens of the vocabulary.
        alternatives: the most probable tags here and their probabilities, in descending order.
        attention: cross-attention weights over the source units, [S]; sums to 1.
    """

    tag: str | None
    probability: float
    alternatives: tuple[tuple[str | None, float], ...]
    attention: tuple[float, ...]


@dataclass(frozen=True)
class Deletion:
    """The effect of leaving one source unit out.

    Attributes:
        unit: the character, word or piece of a word.
        tags: the translation of the sentence without it.
        changes: differences of the log-probabilities of the original tags and the end, [places]; negative where
            a tag is less probable without the unit.
    """

    unit: str
    tags: tuple[str, ...]
    changes: tuple[float, ...]

    @property
    def change(self) -> float:
        """The difference of the whole original translation's log-probability."""
        return sum(self.changes)


@dataclass(frozen=True)
class Diagnosis:
    """The diagnosis of one sentence.

    Attributes:
        units: the source units, as encoded.
        places: one for each tag, and one for the end if the model ended the sentence.
        deletions: one for each unit; none if there is only one unit.
    """

    translation: Translation
    units: tuple[str, ...]
    places: tuple[Place, ...]
    deletions: tuple[Deletion, ...]

    @property
    def tokenizers(self) -> Tokenizers:
        """The model's."""
        return self.translation.tokenizers

    @property
    def loses_evidence(self) -> bool:
        """Whether a deletion changes the translation although the original keeps more than half of the probability:
        without the unit a tag lacks its evidence, and search may not write it (``search/constraints.py``)."""
        whole = self.translation.log_prob
        return any(
            one.tags != self.translation.tags and whole + one.change > math.log(0.5) for one in self.deletions
        )

    def written(self, tags: Iterable[str]) -> str:
        """Tags in their brackets (or words), separated by blanks; a phrase if there are none."""
        return self.tokenizers.target.join(tags) or f"（{self.tokenizers.target.unit_name}なし）"

    def label(self, tag: str | None) -> str:
        """The label of a position that produced ``tag``; ``None`` is the end of the sentence."""
        return EOS_LABEL if tag is None else self.tokenizers.target.label(tag)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "text": self.translation.text,
            "units": list(self.units),
            "tags": list(self.translation.tags),
            "log_prob": self.translation.log_prob,
            "finished": self.translation.finished,
            "warnings": list(self.translation.warnings),
            "places": [
                {
                    "tag": place.tag,
                    "probability": place.probability,
                    "alternatives": [{"tag": tag, "probability": share} for tag, share in place.alternatives],
                    "attention": list(place.attention),
                }
                for place in self.places
            ],
            "deletions": [
                {
                    "unit": one.unit,
                    "tags": list(one.tags),
                    "same": one.tags == self.translation.tags,
                    "log_prob_changes": list(one.changes),
                    "log_prob_change": one.change,
                }
                for one in self.deletions
            ],
        }


def diagnose(translator: Translator, text: str, alternatives: int = 5) -> Diagnosis:
    """Translate a sentence greedily and compute its :class:`Diagnosis`.

    A text of several sentences is read as one.

    Args:
        alternatives: tags listed at each position, at most.

    Raises:
        UserError: the sentence cannot be translated, or is too long (``text-too-long-to-explain``).
    """
    source = translator.encode(text)
    if len(source.ids) > LONGEST:
        raise UserError(
            f"診断するには文が長すぎます（{len(source.ids):,}、上限は {LONGEST}）。",
            "短く分けてください。",
            code="text-too-long-to-explain",
            found=len(source.ids),
            limit=LONGEST,
        )
    translation = replace(translator.translate(source, attention=True, beam=1), text=text)
    target = translator.tokenizers.target
    log_probs = translator.log_probs_of_ids(source, translation.ids)  # slots included
    attention = _attention(translation, len(source.tokens))
    tokens: list[str | None] = list(target.vocabulary.tokens_of(translation.ids))
    if translation.finished:
        tokens.append(None)
    places = tuple(
        _place(translator, tag, log_probs[index], attention[index], alternatives)
        for index, tag in enumerate(tokens)
    )
    return Diagnosis(translation, source.shown, places, _deletions(translator, source, translation))


def _place(
    translator: Translator, tag: str | None, row: np.ndarray, attention: np.ndarray, count: int
) -> Place:
    row = row.copy()
    row[[PAD, SOS]] = -np.inf  # never a tag
    target = translator.tokenizers.target.vocabulary
    best = np.argsort(-row, kind="stable")[: min(count, len(row) - 2)]
    names = [None if index == EOS else target.token_of(int(index)) for index in best]
    own = EOS if tag is None else target.id_of(tag)
    return Place(
        tag,
        math.exp(row[own]),
        tuple((name, math.exp(row[index])) for name, index in zip(names, best, strict=True)),
        tuple(attention.tolist()),
    )


def _attention(translation: Translation, length: int) -> np.ndarray:
    """[places, S]: the last layer's cross-attention, averaged over heads, without padding."""
    assert translation.attention is not None
    layers = [name for name in translation.attention if name.endswith(".cross")]
    return translation.attention[layers[-1]].weights.mean(axis=0)[:, :length]


def _deletions(translator: Translator, source: Encoding, translation: Translation) -> tuple[Deletion, ...]:
    if len(source.ids) < 2:
        return ()
    shorter = [source.without(index) for index in range(len(source.ids))]
    original, *scored = translator.score_ids([source, *shorter], translation.ids)
    translated = translator.translate_batch(shorter, beam=1)
    return tuple(
        Deletion(unit, found.tags, _differences(after, original, translation.finished))
        for unit, found, after in zip(source.shown, translated, scored, strict=True)
    )


def _differences(after: Sequence[float], before: Sequence[float], finished: bool) -> tuple[float, ...]:
    count = len(before) - 1 + finished
    return tuple(a - b for a, b in zip(after[:count], before[:count], strict=True))
