"""Decoding where a whole network is compiled: one call encodes a batch, one call computes a step of all its layers.

The model's own operations, one after another, take about as long to call as to compute where a batch is small. A
backend with this capability is given a model's parameters, and computes what the model's formulas say in one call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..settings import ModelConfig
from .interface import Array, DecodingOps


@dataclass(frozen=True)
class Shortlist:
    """The tags that the output layer is computed for.

    Attributes:
        ids: [K] integers.
        possible: bool [B, K], the tags that each sentence's log-probabilities are normalized over.
    """

    ids: np.ndarray
    possible: np.ndarray


class NetworkBatch(ABC):
    """The decoding of a batch of encoded sentences: rows, each of one sentence, first one for each."""

    @abstractmethod
    def log_probs(self, latest: np.ndarray) -> np.ndarray:
        """The latest tags [R] -> natural log-probabilities of the next ones, [R, V], or [R, K] of a shortlist."""

    @abstractmethod
    def keep(self, rows: np.ndarray) -> None:
        """Continue from these rows, in this order; a row may be left out, and may come twice."""

    @abstractmethod
    def greedy(self, first: int, end: int, never: Sequence[int], most: int) -> tuple[np.ndarray, np.ndarray]:
        """The most probable tag at every position, for each row until its end or for ``most`` positions.

        Args:
            first: the tag that every row begins with.
            end: the tag behind which a row is not continued.
            never: tags that are never chosen.

        Returns:
            Tags [R, most], ``end`` behind a row's end, and their log-probabilities [R, most] in float64.
        """


class Network(ABC):
    """A model's parameters, prepared."""

    @abstractmethod
    def start(
        self, sources: np.ndarray, pad: int, capacity: int, shortlist: Shortlist | None = None
    ) -> NetworkBatch:
        """Encode sentences, ids [B, S] where ``pad`` is padding; ``capacity`` is the most positions to decode."""


class NetworkDecodingOps(DecodingOps):
    """Decoding with a compiled :class:`Network`, for models with attention masks."""

    @abstractmethod
    def network(
        self, config: ModelConfig, parameters: Mapping[str, Array], positions: Callable[[int], Any]
    ) -> Network:
        """The network of these parameters, which must not change afterwards; prepared at the first call.

        Args:
            positions: the encoding of a position, D numbers.
        """
