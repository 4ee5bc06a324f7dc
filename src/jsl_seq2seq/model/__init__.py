"""The Transformer, written once on :class:`jsl_seq2seq.backends.interface.InferenceOps`."""

from .capture import Capture, Observer
from .layers import Dropout, Positions
from .parameters import ParameterSpec, count_parameters, parameter_specs
from .transformer import Transformer

__all__ = [
    "Capture",
    "Dropout",
    "Observer",
    "ParameterSpec",
    "Positions",
    "Transformer",
    "count_parameters",
    "parameter_specs",
]
