"""The allocator, and that training needs no more memory the longer it goes on."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jsl_seq2seq.backends.backend import Backend
from jsl_seq2seq.backends.out_of_memory import is_out_of_memory
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.translate import Translator

from ...backend_cases import require
from ...small_models import small_job
from .steps import Training

require_wgpu = pytest.fixture(autouse=True)(lambda: require("wgpu"))


@given(requests=st.lists(st.tuples(st.integers(1, 1000), st.booleans()), max_size=40))
def test_ranges_never_overlap_and_all_come_back(requests: list[tuple[int, bool]]) -> None:
    from jsl_seq2seq.backends.wgpu.memory import FreeList, aligned  # noqa: PLC0415

    free_list = FreeList()
    taken: list[tuple[int, int]] = []
    for size, give_back in requests:
        place = free_list.take_or_grow(size)
        assert place % 64 == 0
        assert place + aligned(size) <= free_list.size
        assert all(place + aligned(size) <= start or start + aligned(n) <= place for start, n in taken)
        taken.append((place, size))
        if give_back:
            free_list.give(*taken.pop(len(taken) // 2))
    for place, size in taken:
        free_list.give(place, size)
    assert free_list.free == free_list.size
    assert free_list.size == 0 or free_list.take(free_list.size) == 0, "neighbours were joined"


def test_growing_keeps_what_is_there(engine: Any) -> None:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    ops = WgpuOps(engine=engine)
    values = np.random.default_rng(0).normal(size=(5, 100_000)).astype(np.float32)
    arrays = []
    for row in values:
        arrays.append(ops.array(row))
        assert ops.to_host(ops.scale(arrays[-1], 1.0)).tolist() == row.tolist()
    zeros = ops.zeros((2_000_000,))
    assert not ops.to_host(zeros).any()
    assert engine.memory.generation > 0
    for array, row in zip(arrays, values, strict=True):
        np.testing.assert_array_equal(ops.to_host(array), row)


def test_arrays_give_their_memory_back(engine: Any) -> None:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    ops = WgpuOps(engine=engine)
    before = 0
    for number in range(300):
        x = ops.array(np.full(10_000, number, np.float32))
        assert ops.to_host(ops.add(x, x))[0] == 2 * number
        if number == 10:
            before = engine.memory.in_use
    assert engine.memory.in_use <= before


def steps(engine: Any, count: int) -> None:
    """So many steps over four shapes; memory after the first tenth and at the end is the same."""
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    training = Training(lambda tape: WgpuOps(tape, engine=engine))
    losses: list[Any] = []
    before = (0, 0)
    for number in range(count):
        losses.append(training.step(*training.batch(number % 8)))
        if number % 50 == 49:
            assert np.isfinite([training.ops.to_host(loss) for loss in losses]).all()
            losses = []
        if number == count // 10:
            training.ops.to_host(losses[-1] if losses else training.flat)
            before = (engine.memory.size, _resident())
    assert engine.memory.size == before[0]
    # a leak of one bind group or command buffer a step would be several MiB by now
    assert _resident() - before[1] < 4 * 2**20 + 200 * count


def test_memory_is_flat(engine: Any) -> None:
    steps(engine, 1_000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_is_flat_over_ten_thousand_steps(engine: Any) -> None:
    steps(engine, 10_000)


def test_training_and_translating_in_less_memory(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's memory is all taken but for a small part: batches are computed in parts that fit there, with the
    same results, and what a failure had begun to use is given back."""
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    backend = Backend("wgpu", lambda tape: WgpuOps(tape, engine=engine), "")
    job = small_job(tmp_path, d_model=64, d_ff=256, n_layers=2, batch_size=64, dropout=0.0)
    job.backend = backend
    trainer = job._trainer()
    batch = trainer.batch([job._pairs[index % 8] for index in range(64)])
    texts = [pair.source for pair in job.corpus.pairs] * 8
    model = job.start
    before = trainer.loss(batch)
    translator = Translator(model, backend)
    wanted = [one.tags for one in translator.translate_batch(texts)]
    gc.collect()
    engine.flush()
    translator._release()
    memory, ranges = engine.memory, engine.memory._free_list
    while (more := ranges.free - 2**19 - 2**17) > 64:
        sizes = [end - start for start, end in zip(ranges._starts, ranges._ends, strict=True)]
        ranges.take(min(max(sizes), more // 64 * 64))
    memory.limit = memory.size // 4
    released: list[bool] = []
    honest = translator.ops.release
    monkeypatch.setattr(translator.ops, "release", lambda: released.append(True) or honest())
    assert [one.tags for one in translator.translate_batch(texts)] == wanted
    assert released
    translator._release()
    memory.limit += 2**19  # a sentence's plan is one range, and what is free lies in several
    assert trainer.loss(batch) == pytest.approx(before, rel=1e-5)
    in_use, loss = 0, before
    for number in range(6):
        loss = float(trainer.ops.to_host(trainer.update(batch)))
        assert np.isfinite(loss)
        if number == 2:
            in_use = memory.in_use
    assert trainer.too_large is not None
    assert memory.in_use <= in_use and loss < before


def test_without_room_for_scratch_memory_nothing_is_overwritten(engine: Any) -> None:
    words = engine.memory.size // 4
    engine.memory.limit = words
    with pytest.raises(Failure):
        engine.scratch(2 * words)
    assert engine._scratch.size == 0  # the next plan does not take it for placed
    place = engine.scratch(words // 4)
    assert engine._scratch.place == place and engine.memory.in_use >= words
    engine.release()
    assert engine.memory.in_use == 0


@pytest.mark.parametrize("captured", [False, True], ids=["queued", "captured"])
@pytest.mark.parametrize("held", [False, True], ids=["dropped", "held"])
@given(rows=st.integers(17, 34), columns=st.integers(17, 34))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_array_beyond_every_limit(
    rows: int, columns: int, held: bool, captured: bool, engine: Any
) -> None:
    """Of up to 2**34 times 2**34 numbers: neither their count nor their addresses need to fit into 32 bits."""
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415
    from jsl_seq2seq.backends.wgpu.tensor import Tensor  # noqa: PLC0415

    ops = WgpuOps(engine=engine)
    one = ops.array(np.ones((1, 1), np.float32))
    engine.flush()

    def step(x: Any) -> Any:
        x = Tensor(x.ref, (2**rows, 1), (0, 0), x.offset, x.factor, x.dtype)
        y = Tensor(x.ref, (1, 2**columns), (0, 0), x.offset, x.factor, x.dtype)
        product = ops.matmul(x, y)
        return product if held else ops.beginning(ops.relu(product), (1,))

    with pytest.raises(Failure) as caught:
        ops.to_host((ops.capture(step) if captured else step)(one))
    assert is_out_of_memory(caught.value)
    assert ops.to_host(ops.add(one, one)).tolist() == [[2.0]], "the next computation is not disturbed"


def test_a_buffer_twice_as_large_is_not_needed(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, before = engine.memory._make, engine.memory.size // 4

    def make(words: int) -> Any:
        if words > before + 1_000:
            raise Failure("", code="gpu-out-of-memory")
        return honest(words)

    monkeypatch.setattr(engine.memory, "_make", make)
    engine.memory._grow(500)
    assert before + 500 <= engine.memory.size // 4 <= before + 1_000
    with pytest.raises(Failure):
        engine.memory._grow(10_000)


def _resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return 4096 * pages
