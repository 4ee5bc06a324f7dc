"""Which parameters a training ends with, and whether it should end now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from ..settings import TrainingConfig
from ..store import EpochMetrics

Parameters = dict[str, np.ndarray]


class Keeper:
    """Watches the epochs go by and keeps the parameters that are to be saved (``TrainingConfig.keep``)."""

    def __init__(self, training: TrainingConfig) -> None:
        self._training = training
        self._best_loss = float("inf")
        self._best: Parameters | None = None
        self._recent: deque[Parameters] = deque(maxlen=training.average)
        self._since_best = 0

    def see(self, metrics: EpochMetrics, parameters: Callable[[], Parameters]) -> None:
        """An epoch is over; ``parameters`` copies what they are now, if somebody needs it."""
        if self._training.keep == "average":
            self._recent.append(parameters())
        if metrics.valid_loss is None:
            return
        self._since_best += 1
        if metrics.valid_loss < self._best_loss:
            self._best_loss, self._since_best = metrics.valid_loss, 0
            if self._training.keep == "best":
                self._best = parameters()

    @property
    def exhausted(self) -> bool:
        """Whether the validation loss has not improved for as long as patience lasts."""
        return 0 < self._training.patience <= self._since_best

    def kept(self) -> Parameters | None:
        """The parameters to save; ``None`` for those of the last step."""
        if self._training.keep == "average" and self._recent:
            return {
                name: np.asarray(np.mean([one[name] for one in self._recent], 0, np.float64), np.float32)
                for name in self._recent[0]
            }
        return self._best
