"""The same seed gives the same weights, bit for bit, on the same adapter."""

from __future__ import annotations

from typing import Any

import numpy as np

from jsl_seq2seq.backends.numpy import NumpyOps

from .steps import Training


def _weights(engine: Any, replayed: bool) -> np.ndarray:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    training = Training(lambda tape: WgpuOps(tape, engine=engine))
    step = training.step if replayed else training.plain_step
    for number in range(12):
        step(*training.batch(number % 8))
    return training.ops.to_host(training.flat)


def test_run_to_run(engine: Any) -> None:
    first = _weights(engine, replayed=True)
    np.testing.assert_array_equal(first, _weights(engine, replayed=True))


def test_run_to_run_as_on_a_gpu(gpu_engine: Any) -> None:
    first = _weights(gpu_engine, replayed=True)
    np.testing.assert_array_equal(first, _weights(gpu_engine, replayed=True))


def test_replaying_is_running(engine: Any) -> None:
    np.testing.assert_array_equal(_weights(engine, replayed=True), _weights(engine, replayed=False))


def test_fifty_steps_follow_numpy(engine: Any) -> None:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    ours, numpys = Training(lambda tape: WgpuOps(tape, engine=engine)), Training(NumpyOps)
    for number in range(50):
        batch = ours.batch(number % 8)
        found = float(ours.ops.to_host(ours.step(*batch)))
        np.testing.assert_allclose(found, float(numpys.step(*batch)), rtol=1e-3)
