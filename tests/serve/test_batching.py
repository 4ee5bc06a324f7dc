"""Requests that wait are computed together, in order, and none is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from jsl_seq2seq.errors import Failure
from jsl_seq2seq.serve.batching import Batcher


class Gate:
    """Work that records its batches and waits for ``open``."""

    def __init__(self) -> None:
        self.open, self.begun = threading.Event(), threading.Event()
        self.batches: list[list[Any]] = []

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        self.batches.append(list(items))
        self.begun.set()
        assert self.open.wait(60)
        return [item * 2 for item in items]


def run(batcher_test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(batcher_test)


async def begun(gate: Gate) -> None:
    await asyncio.to_thread(gate.begun.wait, 60)


def submit(batcher: Batcher, gate: Gate, *items: Any, seconds: float = 60) -> asyncio.Task[Sequence[Any]]:
    return asyncio.get_running_loop().create_task(_submitted(batcher, gate, items, seconds))


async def _submitted(batcher: Batcher, gate: Gate, items: Sequence[Any], seconds: float) -> Sequence[Any]:
    return await batcher.compute(gate, items, seconds)


def test_what_waits_is_computed_together() -> None:
    async def test() -> None:
        gate, sizes = Gate(), []
        batcher = Batcher(most=4, observe=sizes.append)
        batcher.start()
        first = submit(batcher, gate, 1)
        await begun(gate)
        others = [submit(batcher, gate, number) for number in range(2, 8)]
        await asyncio.sleep(0)
        assert batcher.waiting == 6
        gate.open.set()
        assert [await one for one in (first, *others)] == [[2 * number] for number in range(1, 8)]
        assert gate.batches == [[1], [2, 3, 4, 5], [6, 7]] and sizes == [1, 4, 2]
        await batcher.stop()

    run(test())


def test_other_work_is_not_mixed_in() -> None:
    async def test() -> None:
        one, other = Gate(), Gate()
        batcher = Batcher()
        batcher.start()
        tasks = [submit(batcher, one, 1)]
        await begun(one)
        tasks += [submit(batcher, other, 2), submit(batcher, one, 3), submit(batcher, other, 4)]
        await asyncio.sleep(0)
        one.open.set()
        other.open.set()
        assert [await task for task in tasks] == [[2], [4], [6], [8]]
        assert one.batches == [[1], [3]] and other.batches == [[2, 4]]
        await batcher.stop()

    run(test())


def test_a_large_job_is_computed_whole() -> None:
    async def test() -> None:
        gate = Gate()
        gate.open.set()
        batcher = Batcher(most=2, capacity=3)
        batcher.start()
        assert await batcher.compute(gate, [1, 2, 3, 4, 5], 60) == [2, 4, 6, 8, 10]
        await batcher.stop()

    run(test())


def test_a_full_queue_refuses() -> None:
    async def test() -> None:
        gate = Gate()
        batcher = Batcher(capacity=2)
        batcher.start()
        tasks = [submit(batcher, gate, 1)]
        await begun(gate)
        tasks += [submit(batcher, gate, 2), submit(batcher, gate, 3)]
        await asyncio.sleep(0)
        with pytest.raises(Failure) as refused:
            await batcher.compute(gate, [4], 60)
        assert (refused.value.code, refused.value.limit) == ("queue-full", 2)
        gate.open.set()
        assert [await task for task in tasks] == [[2], [4], [6]]
        await batcher.stop()

    run(test())


@pytest.mark.parametrize("how", ["cancelled", "too late"])
def test_nobody_waits_for_it_so_it_is_not_computed(how: str) -> None:
    async def test() -> None:
        gate = Gate()
        batcher = Batcher()
        batcher.start()
        first = submit(batcher, gate, 1)
        await begun(gate)
        second = submit(batcher, gate, 2, seconds=60 if how == "cancelled" else 0.01)
        await asyncio.sleep(0)
        if how == "cancelled":
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
        else:
            with pytest.raises(Failure) as late:
                await second
            assert late.value.code == "deadline-exceeded"
        assert batcher.waiting == 0
        gate.open.set()
        assert await first == [2]
        await batcher.stop()
        assert gate.batches == [[1]]

    run(test())


def test_stopping_finishes_what_was_accepted() -> None:
    async def test() -> None:
        gate = Gate()
        batcher = Batcher()
        batcher.start()
        tasks = [submit(batcher, gate, 1)]
        await begun(gate)
        tasks.append(submit(batcher, gate, 2))
        await asyncio.sleep(0)
        stopping = asyncio.get_running_loop().create_task(batcher.stop())
        await asyncio.sleep(0)
        with pytest.raises(Failure) as refused:
            await batcher.compute(gate, [3], 60)
        assert refused.value.code == "server-stopping"
        gate.open.set()
        await stopping
        assert [task.result() for task in tasks] == [[2], [4]]

    run(test())


def test_an_error_reaches_all_that_were_in_the_batch_and_no_other() -> None:
    async def test() -> None:
        def work(items: Sequence[int]) -> list[int]:
            return [1 // item for item in items]

        batcher = Batcher()
        batcher.start()
        with pytest.raises(ZeroDivisionError):
            await batcher.compute(work, [0], 60)
        assert await batcher.compute(work, [1], 60) == [1]
        await batcher.stop()

    run(test())
