"""What the original computes, head by head in float64, from its own tree: no masks, no last LayerNorm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .synthetic import Original

SOS, EOS, PAD = 165, 166, 167


def logits(
    original: Original, source: Sequence[int], target: Sequence[int], scaled: bool = True
) -> np.ndarray:
    """Source ids (padded to 10 by the caller) and tags so far, in the original's numbers -> [T, V]."""
    tree = original.tree
    memory = embedded(tree["encoder"]["embedding"], source, scaled)
    for block in tree["encoder"]["encoder_blocks"]:
        normed = norm(memory, block["layer_norm1"])
        memory = memory + attend(normed, normed, block["attention"])
        memory = memory + feed_forward(norm(memory, block["layer_norm2"]), block["feed_forward"])
    x = embedded(tree["decoder"]["embedding"], target, scaled)
    for block in tree["decoder"]["decoder_blocks"]:
        normed = norm(x, block["layer_norm1"])
        x = x + attend(normed, normed, block["self_attention"])
        x = x + attend(norm(x, block["layer_norm2"]), memory, block["cross_attention"])
        x = x + feed_forward(norm(x, block["layer_norm3"]), block["feed_forward"])
    return linear(x, tree["decoder"]["output_projection"])


def translation(original: Original, source: Sequence[int], scaled: bool = True) -> list[int]:
    """Greedy, the whole prefix again for each tag; PAD and SOS are never written; at most 10 tags."""
    padded = [*source, *[PAD] * (10 - len(source))]
    tags: list[int] = []
    while len(tags) < 10:
        scores = logits(original, padded, [SOS, *tags], scaled)[-1]
        scores[[PAD, SOS]] = -np.inf
        best = int(scores.argmax())
        if best == EOS:
            break
        tags.append(best)
    return tags


def embedded(table: np.ndarray, ids: Sequence[int], scaled: bool) -> np.ndarray:
    d_model = table.shape[1]
    rows = []
    for position, index in enumerate(ids):
        row = table[index].astype(float) * (math.sqrt(d_model) if scaled else 1)
        for i in range(0, d_model, 2):
            angle = position / 10000 ** (i / d_model)
            row[i] += math.sin(angle)
            row[i + 1] += math.cos(angle)
        rows.append(row)
    return np.array(rows)


def linear(x: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    y = x @ parameters["weight"].astype(float)
    return y if parameters["bias"] is None else y + parameters["bias"]


def norm(x: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * parameters["gamma"]
        + parameters["beta"]
    )


def feed_forward(x: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    return linear(np.maximum(linear(x, parameters["w_1"]), 0), parameters["w_2"])


def attend(x: np.ndarray, memory: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    heads = []
    for w_q, w_k, w_v in zip(parameters["w_q"], parameters["w_k"], parameters["w_v"], strict=True):
        query, key, value = linear(x, w_q), linear(memory, w_k), linear(memory, w_v)
        scores = np.exp(query @ key.T / math.sqrt(query.shape[-1]))
        heads.append(scores / scores.sum(-1, keepdims=True) @ value)
    return linear(np.concatenate(heads, axis=-1), parameters["w_o"])
