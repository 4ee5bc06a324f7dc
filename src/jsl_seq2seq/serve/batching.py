"""Requests that wait are computed together, on one thread, in the order of their arrival.

While the thread computes one batch the next requests gather; when it is free, all that can be computed together with
the oldest one are its next batch. Nothing waits for company: a lone request is computed at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..errors import Failure

Work = Callable[[Sequence[Any]], Sequence[Any]]
"""Items -> their results, in order; called on the compute thread. Jobs whose work compares equal are computed
together."""


@dataclass
class _Job:
    work: Work
    items: Sequence[Any]
    result: asyncio.Future[Sequence[Any]]
    waits: bool = True


class Batcher:
    """One compute thread and the jobs that wait for it.

    Args:
        most: items of one batch, at most, unless a single job has more.
        capacity: items that may wait; a job beyond it is refused.
        observe: called with the number of items of each batch.
    """

    def __init__(
        self, most: int = 64, capacity: int = 512, observe: Callable[[int], None] = lambda items: None
    ) -> None:
        if most < 1 or capacity < 1:
            raise ValueError("most and capacity are at least 1")
        self._most, self._capacity, self._observe = most, capacity, observe
        self._jobs: deque[_Job] = deque()
        self._waiting = 0
        self._there = asyncio.Event()
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, "compute")
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Items of the jobs that wait."""
        return self._waiting

    def start(self) -> None:
        """Begin to compute; called on the event loop that the jobs come from."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Compute what was accepted, then end the thread."""
        self._stopping = True
        self._there.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def compute(self, work: Work, items: Sequence[Any], seconds: float) -> Sequence[Any]:
        """The results of the items. A caller that is cancelled takes its job back, unless it is being computed.

        Raises:
            Failure: too much waits already (``queue-full``), the server stops (``server-stopping``), or the results
                were not there in time (``deadline-exceeded``).
            Exception: what ``work`` raised.
        """
        if self._stopping:
            raise Failure(
                "サーバーを終了しています。",
                "少し待ってから、もう一度送ってください。",
                code="server-stopping",
            )
        if self._waiting and self._waiting + len(items) > self._capacity:
            raise Failure(
                "いま混み合っています。",
                "少し待ってから、もう一度送ってください。",
                code="queue-full",
                limit=self._capacity,
            )
        loop = asyncio.get_running_loop()
        job = _Job(work, items, loop.create_future())
        deadline = loop.call_later(seconds, _give_up, [job], _deadline_exceeded(seconds))
        self._jobs.append(job)
        self._waiting += len(items)
        self._there.set()
        try:
            return await job.result
        finally:
            deadline.cancel()
            self._waits_no_more(job)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._there.wait()
            self._there.clear()
            while batch := self._next():
                items = [item for job in batch for item in job.items]
                self._observe(len(items))
                try:
                    results = await loop.run_in_executor(self._thread, batch[0].work, items)
                except Exception as error:
                    _give_up(batch, error)
                else:
                    _hand_out(batch, results)
            if self._stopping:
                return

    def _next(self) -> list[_Job]:
        """The oldest job that is still wanted and those that can be computed with it; they no longer wait."""
        batch: list[_Job] = []
        others: deque[_Job] = deque()
        items = 0
        for job in self._jobs:
            if job.result.done():
                continue
            if not batch or (job.work == batch[0].work and items + len(job.items) <= self._most):
                batch.append(job)
                items += len(job.items)
                self._waits_no_more(job)
            else:
                others.append(job)
        self._jobs = others
        return batch

    def _waits_no_more(self, job: _Job) -> None:
        if job.waits:
            job.waits = False
            self._waiting -= len(job.items)


def _hand_out(batch: Iterable[_Job], results: Sequence[Any]) -> None:
    at = 0
    for job in batch:
        if not job.result.done():
            job.result.set_result(results[at : at + len(job.items)])
        at += len(job.items)


def _give_up(batch: Iterable[_Job], error: Exception) -> None:
    for job in batch:
        if not job.result.done():
            job.result.set_exception(error)


def _deadline_exceeded(seconds: float) -> Failure:
    return Failure(
        f"{seconds:g} 秒以内に計算できませんでした。",
        "文を短く分けるか、少し待ってから、もう一度送ってください。",
        code="deadline-exceeded",
        seconds=seconds,
    )
