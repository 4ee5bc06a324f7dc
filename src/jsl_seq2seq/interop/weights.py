"""What the exports of weights have in common."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..store import SavedModel

IMPOSSIBLE = -1e9
"""The bias of what is never chosen: exp of it is 0 in any float type."""
MAX_POSITIONS = 512
"""Positions whose encoding is written out, if the model's longest sentence is not longer."""


def calibrated(model: SavedModel) -> dict[str, np.ndarray]:
    """The parameters with the temperature in them: logits that need no more division.

    z / T = (LN(x) W + b) / T, so the last LayerNorm's weight and bias and the output layer's bias are divided.
    """
    named, temperature = dict(model.parameters), model.config.temperature
    if temperature != 1:
        for name in (
            "decoder.final_norm.weight",
            "decoder.final_norm.bias",
            "decoder.output_projection.bias",
        ):
            named[name] = (named[name] / temperature).astype(np.float32)
    return named


def output_layer(model: SavedModel, named: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The output layer's weight [V, D] and bias [V]."""
    tied = model.config.tied_embeddings
    weight = named["decoder.embedding.weight"] if tied else named["decoder.output_projection.weight"].T
    return weight, named["decoder.output_projection.bias"]
