"""The differences of two models: configuration, vocabulary, weights, and translations of the same sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..store.saved_model import SavedModel
from ..tokenize import Vocabulary

Translate = Callable[[SavedModel, Sequence[str]], list[tuple[str, ...] | None]]
"""A model's tags for each sentence; ``None`` for a sentence without a known unit."""


@dataclass(frozen=True)
class Distance:
    """The distance of a parameter between two models.

    Attributes:
        relative: ‖a - b‖ / ‖a‖; ‖a - b‖ where a is all zeros.
        largest: max |a - b|.
    """

    name: str
    relative: float
    largest: float


@dataclass(frozen=True)
class Comparison:
    """The differences of two models; whatever is not listed is equal.

    Attributes:
        settings: section and key, and the value in each model; ``None`` for none.
        only: vocabulary units of the first model alone and of the second alone, by ``source`` and ``target``.
        moved: whether units of both vocabularies have different ids, by ``source`` and ``target``.
        distances: of the parameters that both have in the same shape, the largest relative one first.
        unlike: parameters that only one model has or whose shapes differ.
        sentences: sentences translated.
        changed: sentences with different translations, and both translations as text; ``None`` where a model
            has no unit of the sentence in its vocabulary.
    """

    settings: Mapping[str, tuple[Any, Any]]
    only: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    moved: Mapping[str, bool]
    distances: tuple[Distance, ...]
    unlike: tuple[str, ...]
    sentences: int
    changed: tuple[tuple[str, str | None, str | None], ...]

    @property
    def same(self) -> bool:
        """Whether model settings, vocabularies and weights are equal."""
        model_settings = any(name.startswith("model.") for name in self.settings)
        vocabulary = any(a or b for a, b in self.only.values()) or any(self.moved.values())
        weights = bool(self.unlike) or any(distance.largest for distance in self.distances)
        return not (model_settings or vocabulary or weights)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for programs."""
        return {
            "same": self.same,
            "settings": {name: list(values) for name, values in self.settings.items()},
            "vocabulary": {
                side: {"only_first": list(first), "only_second": list(second), "moved": self.moved[side]}
                for side, (first, second) in self.only.items()
            },
            "parameters": [asdict(distance) for distance in self.distances],
            "unlike": list(self.unlike),
            "sentences": self.sentences,
            "changed": [
                {"text": text, "first": first, "second": second} for text, first, second in self.changed
            ],
        }


def compare(one: SavedModel, other: SavedModel, texts: Sequence[str], translate: Translate) -> Comparison:
    """Compare two models and their translations of ``texts``."""
    settings = {
        name: (first, second)
        for name, first, second in _paired(_settings(one), _settings(other))
        if first != second
    }
    vocabularies = {
        "source": (one.tokenizers.source.vocabulary, other.tokenizers.source.vocabulary),
        "target": (one.tokenizers.target.vocabulary, other.tokenizers.target.vocabulary),
    }
    distances, unlike = [], []
    for name, first, second in _paired(one.parameters, other.parameters):
        if first is None or second is None or first.shape != second.shape:
            unlike.append(name)
        else:
            distances.append(_distance(name, first, second))
    changed = [
        (text, first, second)
        for text, first, second in zip(
            texts, _written(one, translate(one, texts)), _written(other, translate(other, texts)), strict=True
        )
        if first != second
    ]
    return Comparison(
        settings,
        {side: (_only(a, b), _only(b, a)) for side, (a, b) in vocabularies.items()},
        {
            side: any(a.id_of(token) != b.id_of(token) for token in a.tokens if token in b)
            for side, (a, b) in vocabularies.items()
        },
        tuple(sorted(distances, key=lambda distance: (-distance.relative, distance.name))),
        tuple(unlike),
        len(texts),
        tuple(changed),
    )


def _settings(model: SavedModel) -> dict[str, Any]:
    """Settings, progress and data of a model under dotted names."""
    sections = {
        "model": model.config.to_json(),
        "training": model.training.to_json(),
        "progress": asdict(model.progress),
        "data": {"name": model.data_name, "sha256": model.data_digest},
    }
    return {
        f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()
    }


def _paired(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, first.get(name), second.get(name)) for name in {**first, **second}]


def _only(one: Vocabulary, other: Vocabulary) -> tuple[str, ...]:
    return tuple(token for token in one.tokens if token not in other)


def _distance(name: str, first: np.ndarray, second: np.ndarray) -> Distance:
    a, b = first.astype(np.float64), second.astype(np.float64)
    size, apart = float(np.linalg.norm(a)), float(np.linalg.norm(a - b))
    return Distance(name, apart / size if size else apart, float(np.abs(a - b).max()))


def _written(model: SavedModel, translations: Sequence[tuple[str, ...] | None]) -> list[str | None]:
    return [None if tags is None else model.tokenizers.target.join(tags) for tags in translations]
