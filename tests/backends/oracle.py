"""What each operation is compared with: torch's autograd for NumPy, NumPy for every other backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from ..backend_cases import Backend, Compute, assert_close, normal

Formula = Callable[..., Any]
"""``formula(*tensors)``: what an operation should be, in torch."""

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 5)
"""Small enough to read, length 1 and batch 1 included."""
row_sizes = st.one_of(sizes, st.sampled_from([16, 17, 33, 65, 300]))
"""Around and over what a GPU's tiles and workgroups hold."""
shapes = st.lists(sizes, min_size=1, max_size=4).map(tuple)
leading = st.lists(sizes, max_size=2).map(tuple)
"""The ``...`` in front of a shape."""


def agree(
    backend: Backend, compute: Compute, formula: Formula, *inputs: np.ndarray, slack: float = 1
) -> None:
    """``compute`` and its vector-Jacobian product give what the oracle gives.

    Args:
        slack: how much more than usual rounding may do, for badly conditioned inputs.
    """
    inputs = tuple(backend.rounded(values) for values in inputs)
    forward = backend.run(compute, *inputs)
    cotangent = backend.rounded(normal(7, *forward.shape))
    output, gradients = backend.differentiate(compute, inputs, cotangent)
    np.testing.assert_array_equal(output, forward, "recording changed the result")

    if backend.name == "ndarray":
        wanted, wanted_gradients = _torch(formula, inputs, cotangent)
    else:
        wanted, wanted_gradients = Backend("ndarray", backend.dtype).differentiate(compute, inputs, cotangent)
    assert_close(forward, wanted, backend.dtype, "output", slack)
    for i, (gradient, expected) in enumerate(zip(gradients, wanted_gradients, strict=True)):
        assert_close(gradient, expected, backend.dtype, f"gradient of input {i}", slack)


def _torch(
    formula: Formula, inputs: tuple[np.ndarray, ...], cotangent: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    tensors = [torch.from_numpy(values).requires_grad_() for values in inputs]
    output = formula(*tensors)
    gradients = torch.autograd.grad(output, tensors, torch.from_numpy(cotangent))
    return output.detach().numpy(), [gradient.numpy() for gradient in gradients]
