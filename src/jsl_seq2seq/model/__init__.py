"""The Transformer, written once on :class:`jsl_seq2seq.backends.interface.InferenceOps`."""

from .capture import Capture, Observer
from .layers import Dropout, Positions
from .parameters import (
    ParameterSpec,
    Shapes,
    count_parameters,
    flatten,
    parameter_shapes,
    parameter_specs,
    unflatten,
)
from .transformer import Transformer

__all__ = [
    "Capture",
    "Dropout",
    "Observer",
    "ParameterSpec",
    "Positions",
    "Shapes",
    "Transformer",
    "count_parameters",
    "flatten",
    "parameter_shapes",
    "parameter_specs",
    "unflatten",
]
