"""Observing attention weights while the model computes; only where a caller passes an observer.

An observer is any function ``observe(name, weights)``. It is called once for every attention that runs,
with names ``encoder.0.self``, ``decoder.0.self``, ``decoder.0.cross``, ... and weights
[B, H, query, key]. Without an observer nothing is kept or copied.
"""

from __future__ import annotations

from collections.abc import Callable

from ..backends.interface import Array

Observer = Callable[[str, Array], None]


class Capture:
    """An observer that keeps every weights array by name, in the order of computation."""

    def __init__(self) -> None:
        self.weights: dict[str, Array] = {}

    def __call__(self, name: str, weights: Array) -> None:
        self.weights[name] = weights
