"""Everything that a model directory holds, in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import Any

import numpy as np

from ..settings import ModelConfig, TrainingConfig
from ..tokenize import Tokenizers

STARTER = "builtin:starter"
"""``data_name`` of the corpus that ships with the package."""


@dataclass(frozen=True)
class Progress:
    """How far training has come; with the seed, all that the random choices to come depend on.

    Attributes:
        step: updates made.
        epoch: epochs finished.
        batch: batches finished of the epoch that was interrupted, 0 between epochs.
        loss_sum, tokens, seconds: of those batches: Σ loss x tokens, target tokens, and time spent.
        start: epochs finished when the current run began; ``patience`` and ``keep`` look no further back.
        until: the epoch at which the current run ends; 0 if unknown.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    tokens: int = 0
    seconds: float = field(default=0.0, compare=False)
    # two trainings stand at the same place whatever their runs were to be
    start: int = field(default=0, compare=False)
    until: int = field(default=0, compare=False)


@dataclass(frozen=True)
class EpochMetrics:
    """One point of the training curve. Losses are nats per target token.

    Attributes:
        valid_exact: share of validation sentences that are translated exactly, 0 to 1.
        valid_bleu, valid_chrf: of the same translations, 0 to 100; measured where ``TrainingConfig.metric`` asks.
    """

    epoch: int
    loss: float
    seconds: float
    tokens_per_second: float
    valid_loss: float | None = None
    valid_exact: float | None = None
    valid_bleu: float | None = None
    valid_chrf: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def valid(self, metric: str) -> float | None:
        """The figure of ``TrainingConfig.metric``; ``None`` if it was not measured."""
        return getattr(self, f"valid_{metric}")

    def score(self, metric: str) -> tuple[float, float] | None:
        """The same with a sign that makes the higher one the better, and what decides between equals: the validation
        loss, lower first."""
        value = self.valid(metric)
        if value is None:
            return None
        loss = math.inf if self.valid_loss is None else self.valid_loss
        return (-value if metric == "loss" else value, -loss)


def best_epoch(history: Iterable[EpochMetrics], metric: str) -> EpochMetrics | None:
    """The best epoch by ``metric``, of equals the one with the lowest validation loss, and of those the first;
    ``None`` if it was never measured."""
    best: EpochMetrics | None = None
    highest = (-math.inf, -math.inf)
    for point in history:
        score = point.score(metric)
        if score is not None and (best is None or score > highest):
            best, highest = point, score
    return best


@dataclass(frozen=True)
class Example:
    """A translation that the model really produced when it was saved, beside the data's."""

    source: str
    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values under the names that ``metrics.json`` has had since format 1."""
        return {
            "source": self.source,
            "expected": list(self.reference),
            "produced": list(self.hypothesis),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Example:
        """Read what :meth:`to_json` wrote."""
        return cls(values["source"], tuple(values["expected"]), tuple(values["produced"]))


@dataclass(frozen=True)
class Stage:
    """One training run with one set of options and data. A model that was trained further has several.

    Attributes:
        start, end, until: epochs that were finished when it began, that are finished now, and that were wanted.
        interrupted: whether it was stopped before ``until``, other than by patience or its target loss.
        settings: ``TrainingConfig.to_json()`` without ``epochs``.
        units: the fields of ``DATA_SETTINGS`` that were given for a new model's vocabulary.
        extended_from: how many ids each side's vocabulary had, ``source`` and ``target``, before it was extended for
            this run's data; empty if it was not.
        data_name, data_digest: as in :class:`SavedModel`; the same of the validation data, empty if there is none.
        backend, precision: what computed. device: which one was asked for, ``None`` if none was.
        processes: how many trained together.
        checkpoint_every: epochs between two saves while it ran, 0 for none.
        training_state: whether Adam's moments were saved at its end.
        git_commit: of the working directory; ``None`` outside a repository.
    """

    start: int
    end: int
    until: int
    interrupted: bool
    settings: dict[str, Any]
    data_name: str
    data_digest: str
    units: dict[str, Any] = field(default_factory=dict)
    extended_from: dict[str, int] = field(default_factory=dict)
    valid_name: str = ""
    valid_digest: str = ""
    backend: str = ""
    device: str | None = None
    precision: str = "fp32"
    processes: int = 1
    checkpoint_every: int = 0
    training_state: bool = True
    git_commit: str | None = None
    package_version: str = ""
    trained_at: str = ""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Stage:
        """Read ``dataclasses.asdict`` of one; keys that a later release may add are left out."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})

    def continued_by(self, latest: Stage) -> bool:
        """Whether this run and then ``latest`` gave bit for bit what one run until ``latest.until`` gives.

        ``latest`` may be this run, resumed. If it is another one, it begins without the last weights where others
        were kept, and counts its own ``patience``; and a cosine has another slope for another end.
        """
        alike = all(getattr(self, name) == getattr(latest, name) for name in _SAME_RUN)
        settings = self.settings
        other_run = latest.start != self.start
        begins_anew = not self.training_state or (
            other_run
            and (settings.get("keep") != "last" or settings.get("patience") or settings.get("target_loss"))
        )
        same_slope = settings.get("schedule") != "cosine" or self.until == latest.until
        return alike and not begins_anew and same_slope


_SAME_RUN = (
    "settings", "data_name", "data_digest", "valid_name", "valid_digest", "backend", "device", "precision",
    "processes", "git_commit", "package_version",
)  # fmt: skip


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
        resume_parameters: of a run whose ``TrainingConfig.keep`` selected other parameters than the last: ``last``,
            those of the last update, and ``recent.0``, ..., those that ``average`` is the mean of, oldest first.
        metadata: versions, backend, times; for people, never needed to load.
        examples: a few translations for the README.
        trained_on: what :meth:`trained_on_keys` makes of the hash of every sentence that it was trained on, ascending,
            each once; empty for a model that was saved by a release without them.
    """

    config: ModelConfig
    training: TrainingConfig
    tokenizers: Tokenizers
    parameters: dict[str, np.ndarray]
    moments: Moments | None = None
    resume_parameters: Mapping[str, dict[str, np.ndarray]] = field(default_factory=dict)
    progress: Progress = Progress()
    history: tuple[EpochMetrics, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    trained_on: np.ndarray = field(default_factory=partial(np.zeros, 0, np.uint64), repr=False, compare=False)
    data_name: str = ""
    data_digest: str = ""
    """SHA-256 of the training pairs, so that continuing with other data can be said."""
    stages: tuple[Stage, ...] = ()
    """The runs that made it, in order; empty for a model that was never trained, or by a release without them."""
    burn: dict[str, Any] | None = None
    """Of a model imported from the original project: what :mod:`jsl_seq2seq.interop.burn` needs to write it back."""

    def trained_among(self, keys: np.ndarray) -> np.ndarray:
        """Which sentences were trained on, bool [n].

        Args:
            keys: their hashes, uint64 [n] (:func:`jsl_seq2seq.data.sentence_keys`).
        """
        # sorting: the table that NumPy 2.0.0 may make instead fails at numbers of 64 bits without a sign
        return np.isin(self.trained_on_keys(keys), self.trained_on, kind="sort")

    @staticmethod
    def trained_on_keys(keys: np.ndarray) -> np.ndarray:
        """The first 48 bits of hashes [n]: two of a million sentences are taken for each other once in 500 models."""
        return keys >> np.uint64(16)

    @property
    def interrupted(self) -> bool:
        """Whether its last run was stopped before its end, and so can be resumed.

        The model must have been loaded with its record. Of a release without :attr:`stages`, a run that ``patience``
        ended counts as interrupted.
        """
        if self.stages:
            return self.stages[-1].interrupted
        return self.progress.batch > 0 or self.progress.epoch < self.progress.until

    @property
    def sample(self) -> str:
        """A sentence to try the model with: what is long is cut, since it may be longer than what is translated."""
        thanks = "ありがとう"
        known = self.tokenizers.source.encode(thanks)
        return (
            thanks
            if (known.ids and not known.unknown) or not self.examples
            else self.examples[0].source[:200]
        )
