"""Everything that a model directory holds, in memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..settings import ModelConfig, TrainingConfig
from ..tokenize import Vocabularies

STARTER = "builtin:starter"
"""``data_name`` of the corpus that ships with the package."""


@dataclass(frozen=True)
class Progress:
    """How far training has come; with the seed, all that the random choices to come depend on.

    Attributes:
        step: updates made.
        epoch: epochs finished.
        batch: batches finished of the epoch that was interrupted, 0 between epochs.
        until: the epoch that was to be reached, so that ``--resume`` knows; 0 if nobody said.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    until: int = field(default=0, compare=False)  # where it was going says nothing about where it is


@dataclass(frozen=True)
class EpochMetrics:
    """One point of the training curve. Losses are nats per target token."""

    epoch: int
    loss: float
    seconds: float
    tokens_per_second: float
    valid_loss: float | None = None
    valid_exact: float | None = None
    """Share of validation sentences translated exactly, 0 to 1; measured at the end of training."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Example:
    """A translation that the model really produced when it was saved."""

    source: str
    expected: tuple[str, ...]
    produced: tuple[str, ...]


@dataclass(frozen=True)
class Moments:
    """Adam's running means of the gradient (m) and of its square (v), by parameter name."""

    m: dict[str, np.ndarray]
    v: dict[str, np.ndarray]


@dataclass(frozen=True)
class SavedModel:
    """A model and where it came from.

    Attributes:
        parameters: float32 arrays under their names, in the one order.
        moments: what Adam needs to go on; ``None`` if the training state was left out.
        metadata: versions, backend, times; for people, never needed to load.
        examples: a few translations for the README.
    """

    config: ModelConfig
    training: TrainingConfig
    vocabularies: Vocabularies
    parameters: dict[str, np.ndarray]
    moments: Moments | None = None
    progress: Progress = Progress()
    history: tuple[EpochMetrics, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    data_name: str = ""
    data_digest: str = ""
    """SHA-256 of the training pairs, so that continuing with other data can be said."""
    burn: dict[str, Any] | None = None
    """Of a model imported from the original project: what :func:`.burn.export_burn` needs to write it back."""

    @property
    def sample(self) -> str:
        """A sentence to try the model with."""
        thanks = "ありがとう"
        known = self.vocabularies.source.knows(thanks)
        return thanks if known or not self.examples else self.examples[0].source

    @property
    def n_parameters(self) -> int:
        """How many numbers the model has learnt."""
        return sum(array.size for array in self.parameters.values())
