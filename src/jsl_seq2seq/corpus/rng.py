"""Random numbers that are the same on every machine and Python version.

``random.Random.random`` is documented to stay reproducible; ``choice`` and ``shuffle`` are not. So
everything here is made of ``random()`` alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Rng:
    """A seeded generator of random numbers."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def bernoulli(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random() < probability

    def integer(self, bound: int) -> int:
        """A whole number from 0 to bound - 1, all equally likely."""
        return int(self._random() * bound)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self._random() * len(options))]

    def weighted_choice(self, options: Sequence[T], weights: Sequence[float]) -> T:
        """One of the options, with a probability in proportion to its weight."""
        point = self._random() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            point -= weight
            if point < 0:
                return option
        return options[-1]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """A new list in random order (Fisher-Yates)."""
        result = list(options)
        for last in range(len(result) - 1, 0, -1):
            other = self.integer(last + 1)
            result[last], result[other] = result[other], result[last]
        return result
