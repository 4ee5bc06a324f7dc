"""What the exports of weights have in common."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..model.layers import sinusoid
from ..settings import ModelConfig
from ..store import SavedModel

IMPOSSIBLE = -1e9
"""The bias of what is never chosen: exp of it is 0 in any float type."""
_POSITIONS = 512
"""Positions that an export has at least."""


def max_positions(config: ModelConfig) -> int:
    """Characters of a sentence, and tags of a translation, that an export has positions for."""
    return max(_POSITIONS, config.max_seq_len + 1)


def position_encodings(config: ModelConfig) -> np.ndarray:
    """The encodings of :func:`max_positions` positions, [positions, D], for formats that hold them as weights."""
    rows = [sinusoid(position, config.d_model) for position in range(max_positions(config))]
    return np.array(rows, np.float32)


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
