"""Compiled steps: recorded once for each signature, told again afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.interface import Array

from ...backend_cases import require
from .steps import REFERENCE, Training

require_wgpu = pytest.fixture(autouse=True)(lambda: require("wgpu"))


@pytest.fixture
def ops(engine: Any) -> Any:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    return WgpuOps(engine=engine)


def test_one_recording_for_each_signature(ops: Any) -> None:
    runs = []

    def double(x: Array) -> Array:
        runs.append(x.shape)
        return ops.add(x, x)

    compiled = ops.capture(double)
    for shape in [(3,), (2, 2), (3,), (2, 2), (3,)]:
        values = np.random.default_rng(len(runs)).normal(size=shape).astype(np.float32)
        np.testing.assert_array_equal(ops.to_host(compiled(values)), 2 * values)
        np.testing.assert_array_equal(ops.to_host(compiled(ops.array(values))), 2 * values)
    assert len(runs) == 4, "host and device arrays of two shapes"


def test_results_stay_what_they_were(ops: Any) -> None:
    compiled = ops.capture(lambda x: ops.add(x, x))
    results = [compiled(np.array([number], np.float32)) for number in range(20)]
    assert [float(ops.to_host(result)[0]) for result in results] == [2.0 * n for n in range(20)]


def test_what_the_step_made_for_itself_is_kept(ops: Any) -> None:
    compiled = ops.capture(lambda x: ops.add(x, ops.array([1.0, 2.0])))
    for _ in range(3):
        assert ops.to_host(compiled(np.zeros(2, np.float32))).tolist() == [1, 2]
        ops.to_host(ops.array(np.full(1000, 7.0)))  # somebody else takes memory meanwhile


def test_arrays_that_only_the_recording_knows_are_kept(ops: Any) -> None:
    def make() -> Any:
        weight = ops.array([3.0])
        return ops.capture(lambda x: ops.add(x, weight))

    compiled = make()
    for number in range(5):
        assert float(ops.to_host(compiled(np.array([float(number)], np.float32)))[0]) == number + 3
        ops.to_host(ops.array(np.full(64, 9.0)))


@dataclass(frozen=True)
class Cache:
    buffer: Array
    length: int


def test_caches_travel_through_steps(ops: Any) -> None:
    def push(cache: Cache, value: Array) -> tuple[Array, Cache]:
        so_far = ops.cache_write(cache.buffer, value, cache.length)
        return ops.scale(so_far, 2), Cache(cache.buffer, cache.length + 1)

    compiled = ops.capture(push)
    for _ in range(2):  # the second time everything is replayed, into another cache
        cache = Cache(ops.zeros((1, 1, 4, 1)), 0)
        for number in range(4):
            doubled, cache = compiled(cache, np.full((1, 1, 1, 1), number + 1, np.float32))
            assert ops.to_host(doubled).ravel().tolist() == [2.0 * n for n in range(1, number + 2)]
        assert ops.to_host(cache.buffer).ravel().tolist() == [1, 2, 3, 4]
    assert len(compiled.recordings) == 4


def test_reading_back_inside_a_step_is_refused(ops: Any) -> None:
    compiled = ops.capture(lambda x: ops.array(ops.to_host(ops.add(x, x))))
    with pytest.raises(RuntimeError, match="read"):
        compiled(np.zeros(2, np.float32))
    assert ops.to_host(ops.array([1.0])).tolist() == [1], "and nothing is broken afterwards"


def test_the_least_used_recording_is_forgotten(ops: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from jsl_seq2seq.backends.wgpu import capture  # noqa: PLC0415

    monkeypatch.setattr(capture, "MAX_RECORDINGS", 2)
    compiled = ops.capture(lambda x: ops.add(x, x))
    for size in (1, 2, 1, 3, 1, 2):
        assert ops.to_host(compiled(np.ones(size, np.float32))).tolist() == [2] * size
    assert len(compiled.recordings) == 2


def test_a_training_step_is_few_dispatches(engine: Any) -> None:
    """Fused and side by side: 350 jobs, of which about 200 wait for one another."""
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    training = Training(lambda tape: WgpuOps(tape, engine=engine), REFERENCE, dropout=0.0)
    training.step(*training.batch(0))
    recording = next(iter(training.step.recordings.values()))
    assert recording.dispatches <= 210
    assert recording.jobs <= 370
