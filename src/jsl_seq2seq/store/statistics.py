"""Mean, spread and range of every parameter, layer by layer: the quickest look at whether a model is healthy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Statistics = dict[str, float]


def layer_statistics(parameters: Mapping[str, np.ndarray]) -> dict[str, dict[str, Statistics]]:
    """For each layer, each of its parameters' mean, standard deviation (of the population), minimum and maximum.

    A layer is what :func:`layer_of` says; its parameters have the rest of their names:
    ``encoder.layers.0.norm1.bias`` is ``norm1.bias`` of the layer ``encoder.layers.0``.
    """
    layers: dict[str, dict[str, Statistics]] = {}
    for name, values in parameters.items():
        layer = layer_of(name)
        layers.setdefault(layer, {})[name.removeprefix(f"{layer}.")] = {
            "mean": float(values.mean(dtype=np.float64)),
            "std": float(values.std(dtype=np.float64)),
            "min": float(values.min()),
            "max": float(values.max()),
        }
    return layers


def layer_of(name: str) -> str:
    """The first two parts of a parameter's name, ``decoder.embedding``; in a stack three, ``encoder.layers.0``."""
    parts = name.split(".")
    return ".".join(parts[: 3 if parts[1:2] == ["layers"] else 2])
