"""First values of a new model's parameters."""

from __future__ import annotations

import numpy as np

from ..settings import ModelConfig
from . import ParameterSpec, parameter_specs


def initial_parameters(config: ModelConfig, seed: int) -> dict[str, np.ndarray]:
    """Float32 arrays as :mod:`jsl_seq2seq.model.parameters` describes them; the same seed gives the same values."""
    generator = np.random.default_rng([seed, 0])
    return {name: _draw(spec, generator) for name, spec in parameter_specs(config).items()}


def _draw(spec: ParameterSpec, generator: np.random.Generator) -> np.ndarray:
    if spec.distribution == "uniform":
        values = generator.uniform(-spec.spread, spec.spread, spec.shape)
    elif spec.distribution == "normal":
        values = generator.normal(0, spec.spread, spec.shape)
    else:
        values = np.full(spec.shape, spec.spread)
    return values.astype(np.float32)
