"""Looking inside while the model computes: named observers, asked for explicitly.

An observer is any function ``observe(name, weights)``. It is called once for every attention that runs,
with names ``encoder.0.self``, ``decoder.0.self``, ``decoder.0.cross``, ... and weights
[B, H, query, key]. Nothing is kept on the model, and nothing is copied when nobody asked.
"""

from __future__ import annotations

from collections.abc import Callable

from ..backends.interface import Array

Observer = Callable[[str, Array], None]


class Capture:
    """An observer that keeps what it sees, in order of appearance."""

    def __init__(self) -> None:
        self.weights: dict[str, Array] = {}

    def __call__(self, name: str, weights: Array) -> None:
        self.weights[name] = weights
