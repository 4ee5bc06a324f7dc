"""How a model is trained: a frozen value that is saved with it. The field names are the keys of ``config.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import UserError
from .schema import from_mapping, require_choice, require_range

_TRAINING_RANGES = {
    "epochs": (1, 10**9),
    "batch_size": (1, 10**6),
    "batch_tokens": (0, 10**9),
    "accumulate": (1, 10**6),
    "warmup_steps": (0, 10**9),
    "decay_steps": (0, 10**18),
    "restart_step": (0, 10**18),
    "position_shift": (0, 100_000),
    "average": (1, 1_000),
    "patience": (0, 10**9),
    "seed": (0, 2**63 - 1),
}
"""Beyond any training; what is computed from them stays a number that every backend can hold."""
_CHOICES = {
    "optimizer": ("adam",),
    "schedule": ("cosine", "constant", "inverse-sqrt"),
    "keep": ("last", "best", "average"),
}

_ABSENT = {"schedule": "constant"}
"""What a file means that lacks a key, where that is not today's default: it was written before there was one."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. Learning happens with Adam (Kingma & Ba 2015) on shuffled batches."""

    epochs: int = 200
    batch_size: int = 8
    batch_tokens: int = 0
    """Instead of ``batch_size``: as many sentences as have so many positions once they are padded; 0 for off."""
    accumulate: int = 1
    """Batches whose gradients make one update together."""
    learning_rate: float = 0.002
    warmup_steps: int = 100
    """Steps over which the learning rate rises linearly from 0; ``schedule`` says what comes afterwards."""
    schedule: str = "cosine"
    """``cosine``, ``constant`` or ``inverse-sqrt``: see :func:`jsl_seq2seq.training.schedule.learning_rate`."""
    decay_steps: int = 0
    """Update at which ``cosine`` reaches its floor; 0 for the last update of the run that begins."""
    restart_step: int = 0
    """Update after which ``cosine`` begins: where a run that continues a trained model began."""
    position_shift: int = 0
    """In training sentences begin at a position drawn from 0 to this, so that a model trained on short
    sentences has seen the positions of longer ones (Kiyono et al. 2021)."""
    keep: str = "last"
    """Which parameters are saved in the end: those of the ``last`` step, of the epoch with the ``best``
    validation loss, or the ``average`` of the last ``average`` epochs (Vaswani et al. 2017, §6.1)."""
    average: int = 5
    patience: int = 0
    """Stop after so many epochs without a better validation loss; 0 for never."""
    dropout: float = 0.0
    label_smoothing: float = 0.0
    clip_norm: float = 1.0
    """Largest Euclidean norm of the whole gradient; 0 leaves gradients alone."""
    seed: int = 0
    optimizer: str = "adam"
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-9

    def __post_init__(self) -> None:
        for name, (low, high) in _TRAINING_RANGES.items():
            require_range(name, getattr(self, name), low, high)
        for name in ("learning_rate", "epsilon"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise UserError(
                    f"{name} は 0 より大きい数にしてください（いまの値: {value}）。",
                    code="setting-not-positive",
                    setting=name,
                    value=value,
                )
        if not 0 <= self.clip_norm < math.inf:
            raise UserError(
                f"clip_norm は 0 以上の数にしてください（いまの値: {self.clip_norm}）。",
                "勾配を切らないなら 0 とします。",
                code="setting-negative",
                setting="clip_norm",
                value=self.clip_norm,
            )
        for name in ("dropout", "label_smoothing", "beta1", "beta2"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise UserError(
                    f"{name} は 0 以上 1 未満にしてください（いまの値: {value}）。",
                    "割合です。たとえば 0.1 は 10 % のことです。",
                    code="setting-not-a-share",
                    setting=name,
                    value=value,
                )
        for name, choices in _CHOICES.items():
            require_choice(name, getattr(self, name), choices)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Read what :meth:`to_json` wrote; raises UserError for an unknown, missing or mistyped key."""
        return from_mapping(cls, {**_ABSENT, **values}, "training")
