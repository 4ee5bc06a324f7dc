"""Every parameter's name, shape and initial distribution, in the one order that all files use.

The names are a contract: with saved models, statistics, exports and other tools. A linear layer's
weight is stored input x output, so that the formula reads x W + b.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..settings import ModelConfig

Shapes = Mapping[str, tuple[int, ...]]
"""Of named arrays, in their order."""


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter before it has values.

    Attributes:
        shape: as it is stored.
        distribution: ``"uniform"`` on [-spread, spread], ``"normal"`` with standard deviation ``spread``,
            or ``"constant"`` with the value ``spread``.
    """

    shape: tuple[int, ...]
    distribution: str
    spread: float

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def parameter_specs(config: ModelConfig) -> dict[str, ParameterSpec]:
    """All parameters of a model, by name, in order."""
    return dict(_model(config))


def parameter_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of :func:`parameter_specs`."""
    return {name: spec.shape for name, spec in parameter_specs(config).items()}


def count_parameters(config: ModelConfig) -> int:
    """How many numbers a model has."""
    return sum(spec.size for spec in parameter_specs(config).values())


def flatten(named: Mapping[str, np.ndarray], shapes: Shapes) -> np.ndarray:
    """The arrays named in ``shapes`` behind one another, [N], in that order."""
    return np.concatenate([named[name].reshape(-1) for name in shapes])


def unflatten(flat: np.ndarray, shapes: Shapes) -> dict[str, np.ndarray]:
    """What :func:`flatten` put together, as views of ``flat`` [N]."""
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    pieces = np.split(flat, ends[:-1])
    return {name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}


Specs = Iterator[tuple[str, ParameterSpec]]


def _model(config: ModelConfig) -> Specs:
    yield _embedding("encoder.embedding", config.vocab_size.source, config.d_model)
    for layer in range(config.n_layers):
        name = f"encoder.layers.{layer}"
        yield from _layer_norm(f"{name}.norm1", config.d_model)
        yield from _attention(f"{name}.self_attn", config.d_model)
        yield from _layer_norm(f"{name}.norm2", config.d_model)
        yield from _feed_forward(f"{name}.feed_forward", config)
    if config.final_norm:
        yield from _layer_norm("encoder.final_norm", config.d_model)

    yield _embedding("decoder.embedding", config.vocab_size.target, config.d_model)
    for layer in range(config.n_layers):
        name = f"decoder.layers.{layer}"
        yield from _layer_norm(f"{name}.norm1", config.d_model)
        yield from _attention(f"{name}.self_attn", config.d_model)
        yield from _layer_norm(f"{name}.norm2", config.d_model)
        yield from _attention(f"{name}.cross_attn", config.d_model)
        yield from _layer_norm(f"{name}.norm3", config.d_model)
        yield from _feed_forward(f"{name}.feed_forward", config)
    if config.final_norm:
        yield from _layer_norm("decoder.final_norm", config.d_model)
    projection = _linear("decoder.output_projection", config.d_model, config.vocab_size.target)
    yield from (spec for spec in projection if not (config.tied_embeddings and spec[0].endswith(".weight")))


def _attention(name: str, d_model: int) -> Specs:
    for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
        yield from _linear(f"{name}.{projection}", d_model, d_model)


def _feed_forward(name: str, config: ModelConfig) -> Specs:
    yield from _linear(f"{name}.linear1", config.d_model, config.d_ff)
    yield from _linear(f"{name}.linear2", config.d_ff, config.d_model)


def _linear(name: str, inputs: int, outputs: int) -> Specs:
    # Glorot & Bengio 2010, eq. 16: keeps the variance of activations and gradients across layers
    yield f"{name}.weight", ParameterSpec((inputs, outputs), "uniform", (6 / (inputs + outputs)) ** 0.5)
    yield f"{name}.bias", ParameterSpec((outputs,), "constant", 0.0)


def _layer_norm(name: str, d_model: int) -> Specs:
    yield f"{name}.weight", ParameterSpec((d_model,), "constant", 1.0)
    yield f"{name}.bias", ParameterSpec((d_model,), "constant", 0.0)


def _embedding(name: str, vocab_size: int, d_model: int) -> tuple[str, ParameterSpec]:
    # times √D (Vaswani et al. 2017, §3.4) this has standard deviation 1, like the positions beside it
    return f"{name}.weight", ParameterSpec((vocab_size, d_model), "normal", d_model**-0.5)
