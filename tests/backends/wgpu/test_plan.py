"""Fusing, ordering and sharing memory change nothing that anyone can see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import Array, DecodingOps
from jsl_seq2seq.backends.numpy import NumpyOps

from ...backend_cases import require

require_wgpu = pytest.fixture(autouse=True)(lambda: require("wgpu"))

STEPS = ("linear", "relu", "add", "scale", "norm", "softmax", "write", "product")


def program(ops: DecodingOps, steps: list[tuple[str, int, int]], keep: set[int]) -> list[np.ndarray]:
    """Random operations on random earlier results, some of which somebody keeps; all that is kept at the end."""
    generator = np.random.default_rng(0)

    def random(*shape: int) -> Array:
        return ops.array(generator.normal(size=shape).astype(np.float32))

    weight, bias, buffer = random(4, 4), random(4), ops.zeros((1, 1, 8, 4))
    values = [random(6, 4), random(6, 4)]
    kept = []
    for number, (name, first, second) in enumerate(steps):
        a, b = values[first % len(values)], values[second % len(values)]
        if name == "linear":
            result = ops.linear(a, weight, bias)
        elif name == "relu":
            result = ops.relu(a)
        elif name == "add":
            result = ops.add(a, b)
        elif name == "scale":
            result = ops.scale(a, 0.5)
        elif name == "norm":
            result = ops.layer_norm(a, bias, bias)
        elif name == "softmax":
            result = ops.softmax(a)
        elif name == "product":
            result = ops.matmul(ops.softmax(ops.matmul(a, b, transpose_b=True)), b)
        else:  # what was written is read, and then written over
            so_far = ops.cache_write(buffer, ops.reshape(a, (1, 1, 6, 4)), second % 3)
            rows = so_far.shape[2]
            total = ops.linear(ops.reshape(so_far, (rows, 4)), weight, bias)
            result = ops.matmul(ops.softmax(ops.matmul(a, total, transpose_b=True)), total)
        values.append(result)
        if number in keep:
            kept.append(result)
        if len(values) > 4:
            values.pop(0)  # nobody holds it any more, unless it is kept
    return [np.array(ops.to_host(array)) for array in (*kept, *values, buffer)]


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12
    ),
    keep=st.sets(st.integers(0, 11)),
)
def test_random_programs_give_what_numpy_gives(steps: list[tuple[str, int, int]], keep: set[int]) -> None:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    for found, expected in zip(
        program(WgpuOps(), steps, keep), program(NumpyOps(), steps, keep), strict=True
    ):
        size = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * size)


def test_nothing_is_computed_that_nobody_reads(engine: Any) -> None:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415
    from jsl_seq2seq.backends.wgpu.plan import make_plan  # noqa: PLC0415

    ops = WgpuOps(engine=engine)
    x = ops.array(np.ones(4))
    y = ops.add(x, x)
    ops.add(y, x)
    assert len(engine.jobs) == 2
    jobs, engine.jobs = engine.jobs, []
    assert [len(dispatch.jobs) for dispatch in make_plan(jobs, 2**30).dispatches] == [1]


def test_every_kernel_describes_its_job() -> None:
    """The layout that Python packs is the one that WGSL sees: fields, 256 bytes, one struct a kernel."""
    from importlib import resources  # noqa: PLC0415

    from jsl_seq2seq.backends.wgpu.kernels import layout, module_text  # noqa: PLC0415

    folder = resources.files("jsl_seq2seq.backends.wgpu").joinpath("kernels")
    names = {file.name.removesuffix(".wgsl") for file in folder.iterdir() if file.name.endswith(".wgsl")}
    for name in names - {"common", "rows", "product"}:
        assert 3 < len(layout(name)) <= 64
        assert module_text(name).count("struct Job {") == 1
        assert module_text(name).count("@compute") == 1
