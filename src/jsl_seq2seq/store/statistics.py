"""Mean, spread and range of every parameter: the quickest look at whether a model is healthy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def weight_statistics(parameters: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """For each parameter its mean, standard deviation (of the population), minimum and maximum."""
    return {
        name: {
            "mean": float(values.mean(dtype=np.float64)),
            "std": float(values.std(dtype=np.float64)),
            "min": float(values.min()),
            "max": float(values.max()),
        }
        for name, values in parameters.items()
    }
