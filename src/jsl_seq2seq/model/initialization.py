"""First values of a new model's parameters, and of those that a larger vocabulary adds to a trained one's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..settings import ModelConfig
from . import ParameterSpec, parameter_specs

_SPREAD = 0.1
"""Standard deviation of a new token's values around the mean, as a share of that of the other tokens' values."""


def initial_parameters(
    config: ModelConfig, seed: int, alike: Sequence[tuple[int, int]] = ()
) -> dict[str, np.ndarray]:
    """Float32 arrays as :mod:`jsl_seq2seq.model.parameters` describes them; the same seed gives the same values.

    Args:
        alike: ids of tokens that both sides have, in the source and in the target: the second's embedding begins as
            the first's.
    """
    generator = np.random.default_rng([seed, 0])
    values = {name: _draw(spec, generator) for name, spec in parameter_specs(config).items()}
    if alike:
        source, target = map(list, zip(*alike, strict=True))
        values["decoder.embedding.weight"][target] = values["encoder.embedding.weight"][source]
    return values


def extended_parameters(
    parameters: Mapping[str, np.ndarray], config: ModelConfig, seed: int
) -> dict[str, np.ndarray]:
    """A trained model's parameters with values for the tokens behind its own.

    A new token's embedding, output weights and bias are the mean over the tokens that there are, and a little noise
    that tells new tokens apart. With the mean, the new tokens change the other tokens' probabilities little: each of
    them is as probable as a token is on average, or less (Hewitt 2021, "Initializing New Word Embeddings for
    Pretrained Language Models").

    Args:
        parameters: of the same shape but for the sizes of vocabularies, which may be smaller.
        config: with the sizes to come.
    """
    generator = np.random.default_rng([seed, 3])
    return {
        name: _grown(parameters[name], spec.shape, generator)
        for name, spec in parameter_specs(config).items()
    }


def _grown(values: np.ndarray, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """``values`` filled up to ``shape`` along the one axis where they are shorter."""
    for axis, (length, wanted) in enumerate(zip(values.shape, shape, strict=True)):
        if length < wanted:
            more = [wanted - length if one == axis else size for one, size in enumerate(shape)]
            with np.errstate(
                over="ignore", invalid="ignore"
            ):  # weights that are too large: the loss will say so
                mean = values.mean(axis, keepdims=True)
                noise = _SPREAD * values.std(axis, keepdims=True) * generator.standard_normal(more)
                return np.concatenate([values, (mean + noise).astype(np.float32)], axis)
    return values


def _draw(spec: ParameterSpec, generator: np.random.Generator) -> np.ndarray:
    if spec.distribution == "uniform":
        values = generator.uniform(-spec.spread, spec.spread, spec.shape)
    elif spec.distribution == "normal":
        values = generator.normal(0, spec.spread, spec.shape)
    else:
        values = np.full(spec.shape, spec.spread)
    return values.astype(np.float32)
