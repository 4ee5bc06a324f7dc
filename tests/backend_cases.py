"""Which backends this machine can test, and the one seam through which tests construct them.

``ndarray`` is always there. Another backend that is missing is skipped, unless the environment variable
``JSL_REQUIRE_BACKENDS`` (such as ``ndarray,wgpu``) names it: then its absence is a failure.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import pytest

from jsl_seq2seq.backends.interface import Array, DecodingOps, TrainingOps
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.errors import JslError

NAMES = ("ndarray", "wgpu", "torch")
KNOWN = (*NAMES, "int8", "numba")
"""What can be required: besides the backends that train, those for translating, with their own tests."""


class Ops(TrainingOps, DecodingOps):
    """The type of every backend of the shared suite: it trains and it decodes."""


Compute = Callable[..., Array]
"""``compute(ops, *arrays)``: what is tested, written on Ops."""


def make_ops(name: str, tape: Tape | None = None, dtype: type[np.floating] = np.float32) -> Ops:
    """The backend called ``name``; ``wgpu`` knows no other float type than float32.

    Raises:
        ImportError, JslError: it is not there, or finds nothing to run on.
    """
    if name == "ndarray":
        return cast(Ops, NumpyOps(tape, dtype))
    if name in ("int8", "numba"):
        module = importlib.import_module("jsl_seq2seq.backends.int8")
        return module.Int8Ops() if name == "int8" else module.CompiledOps()
    cls = {"wgpu": "WgpuOps", "torch": "TorchOps"}[name]
    module = importlib.import_module(f"jsl_seq2seq.backends.{name}")
    if not hasattr(module, cls):
        raise ImportError(f"jsl_seq2seq.backends.{name} has no {cls}")
    if name == "torch":
        kind = getattr(importlib.import_module("torch"), np.dtype(dtype).name)
        return module.TorchOps(tape, device="cpu", dtype=kind)
    assert dtype is np.float32, "WGSL has no float64"
    return module.WgpuOps(tape)


@cache
def missing(name: str) -> str:
    """Why the backend cannot be tested here; empty if it can.

    Any other exception means that it is there and broken, which its tests will show.
    """
    try:
        make_ops(name)
    except (ImportError, JslError) as problem:
        return f"backend {name} is not available: {problem}"
    except Exception:
        return ""
    return ""


def required() -> set[str]:
    """The backends that ``JSL_REQUIRE_BACKENDS`` insists on; a misspelt one must not pass as present."""
    words = {word.strip() for word in os.environ.get("JSL_REQUIRE_BACKENDS", "").split(",")} - {""}
    if unknown := words - set(KNOWN):
        raise pytest.UsageError(f"JSL_REQUIRE_BACKENDS: unknown {sorted(unknown)}; known are {KNOWN}")
    return words


def require(name: str) -> None:
    """Skip the running test if the backend is missing; fail it if somebody insisted."""
    if reason := missing(name):
        if name in required():
            pytest.fail(f"{reason} (required by JSL_REQUIRE_BACKENDS)", pytrace=False)
        pytest.skip(reason)


@dataclass(frozen=True)
class Backend:
    """A backend with one float type: what the shared suite is parametrised by."""

    name: str
    dtype: type[np.floating] = np.float32

    def __str__(self) -> str:
        return f"{self.name}-{np.dtype(self.dtype).name}"

    def ops(self, tape: Tape | None = None) -> Ops:
        """A new instance."""
        return make_ops(self.name, tape, self.dtype)

    def rounded(self, values: Any) -> np.ndarray:
        """``values`` as this backend sees them, in float64 so that an oracle starts from the same numbers."""
        return np.asarray(values, self.dtype).astype(np.float64)

    def run(self, compute: Compute, *inputs: Any) -> np.ndarray:
        """``compute`` without a tape, as in inference."""
        ops = self.ops()
        return ops.to_host(compute(ops, *(ops.array(values) for values in inputs)))

    def differentiate(
        self, compute: Compute, inputs: Sequence[np.ndarray], cotangent: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """The output, and d Σ(output · cotangent) / d input for each input."""
        tape = Tape()
        ops = self.ops(tape)
        arrays = leaves(ops, *inputs)
        named = {str(i): array for i, array in enumerate(arrays)}
        direction = ops.array(cotangent)
        if self.name == "torch":
            output: Any = compute(ops, *arrays)
            loss = (output * direction).sum()
        else:
            output = compute(ops, *arrays)
            # the tape takes any operation: here one that ends in a number, with the wanted gradient
            loss = ops.array(0.0)
            tape.record(loss, (output,), lambda _: (direction,))
        host = ops.to_host(output)
        flat = ops.to_host(ops.gradients(loss, named))
        for values, array in zip(inputs, arrays, strict=True):
            np.testing.assert_array_equal(
                ops.to_host(array), np.asarray(values, self.dtype), "an input was changed"
            )
        ends = np.cumsum([values.size for values in inputs])
        assert flat.shape == (ends[-1],)
        return host, [
            flat[end - values.size : end].reshape(values.shape)
            for end, values in zip(ends, inputs, strict=True)
        ]


CASES = (
    Backend("ndarray", np.float64),
    Backend("ndarray", np.float32),
    Backend("wgpu"),
    Backend("torch", np.float64),
    Backend("torch"),
)

RELATIVE = {np.float64: 1e-9, np.float32: 1e-5}
"""Stricter than the bar (1e-5 and 1e-4) where it costs nothing."""
FLOOR = {np.float64: 1e-13, np.float32: 1e-6}
"""What rounding leaves of a sum of terms of size one that should cancel: the absolute error always allowed,
times the largest value around if that is above one."""


def assert_close(
    actual: np.ndarray, expected: np.ndarray, dtype: type[np.floating], what: str = "", slack: float = 1
) -> None:
    """Same float type, same shape, and every element within RELATIVE and FLOOR, both times ``slack``."""
    assert actual.dtype == dtype, f"{what}: {actual.dtype} where {np.dtype(dtype)} belongs"
    assert actual.shape == expected.shape, f"{what}: {actual.shape} is not {expected.shape}"
    size = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(
        actual, expected, rtol=RELATIVE[dtype] * slack, atol=FLOOR[dtype] * slack * size, err_msg=what
    )


def leaves(ops: Ops, *values: np.ndarray) -> list[Array]:
    """Arrays to differentiate with respect to: views of flat arrays, as parameters are."""
    return [ops.named_views(ops.array(np.ravel(each)), {"": np.shape(each)})[""] for each in values]


def normal(seed: int, *shape: int) -> np.ndarray:
    """Standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape)
