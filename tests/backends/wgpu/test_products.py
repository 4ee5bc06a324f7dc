"""Large matrix products: every kernel, transposed operands, edges, pieces of K, and whatever is fused in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.interface import Array, TrainingOps
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.backends.tape import Tape

from ...backend_cases import normal

SHAPES = {  # M, K, N
    "matmul": (30, 200, 9),
    "matmul_tile": (257, 64, 300),
    "matmul_tile in pieces": (70, 1100, 66),
    "matmul_wide": (1500, 40, 1400),
    "matmul_wide in pieces": (250, 2600, 380),
}


@pytest.mark.parametrize("name", SHAPES)
def test_linear_and_its_gradients(gpu_engine: Any, name: str) -> None:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    m, k, n = SHAPES[name]
    inputs = {"x": normal(1, m, k), "weight": normal(2, k, n) / k**0.5, "bias": normal(3, n)}
    residual, targets = normal(4, m, n), np.random.default_rng(5).integers(1, n, m)

    def compute(ops: TrainingOps) -> tuple[np.ndarray, np.ndarray]:
        arrays = {key: ops.array(values.astype(np.float32)) for key, values in inputs.items()}
        hidden = ops.relu(ops.linear(arrays["x"], arrays["weight"], arrays["bias"]))
        y = ops.add(hidden, ops.array(residual.astype(np.float32)))
        loss = ops.cross_entropy(y, ops.array(targets), 0)
        return np.array(ops.to_host(y)), ops.to_host(ops.gradients(loss, arrays))

    found, expected = compute(WgpuOps(Tape(), engine=gpu_engine)), compute(NumpyOps(Tape()))
    for ours, numpys in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=1e-5, atol=1e-5 * np.abs(numpys).max())


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("transpose_b", [False, True])
def test_heads(gpu_engine: Any, name: str, transpose_b: bool) -> None:
    """Operands that are views of all heads' memory, as attention's are."""
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    m, k, n = (max(2, size // 2) for size in SHAPES[name])
    a, b = normal(1, 1, m, 2, k), normal(2, 1, *((n, 2, k) if transpose_b else (k, 2, n)))

    def compute(ops: TrainingOps) -> np.ndarray:
        def heads(values: np.ndarray) -> Array:
            return ops.transpose(ops.array(values.astype(np.float32)), (0, 2, 1, 3))

        y = ops.scale(ops.matmul(heads(a), heads(b), transpose_b), 0.5)
        return np.array(ops.to_host(ops.transpose(y, (0, 2, 1, 3))))

    found, expected = compute(WgpuOps(engine=gpu_engine)), compute(NumpyOps())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("shape", "kernel", "split"),
    [
        ((30, 200, 9), "matmul", True),
        ((80, 16, 16), "matmul", False),
        ((3200, 256, 256), "matmul_tile", False),
        ((256, 3200, 256), "matmul_tile", True),
        ((3200, 256, 1024), "matmul_wide", False),
        ((1024, 3200, 256), "matmul_wide", True),
    ],
)
def test_the_shape_chooses_the_kernel(
    gpu_engine: Any, shape: tuple[int, int, int], kernel: str, split: bool
) -> None:
    from jsl_seq2seq.backends.wgpu.matmul import choose  # noqa: PLC0415

    m, k, n = shape
    name, pieces = choose(gpu_engine, m, n, k, 1)
    assert (name, pieces > 1) == (kernel, split)
