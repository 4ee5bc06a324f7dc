"""One adapter: a queue of jobs, planned and submitted together, and the results read back."""

from __future__ import annotations

import threading
from collections import deque
from functools import cache
from typing import Any

import numpy as np

from ...errors import Failure
from .device import SOFTWARE, Adapter, choose_adapter, native, open_device, translated_errors, wgpu
from .job import Block, Job
from .kernels import MAX_JOBS, ROW_WORDS, Pipelines
from .memory import Memory
from .plan import Dispatch, Plan, complete, make_plan
from .tensor import BlockRef

_LONGEST_QUEUE = 5000
"""Jobs in the queue at which it is submitted without a read."""
_IN_FLIGHT = 8
"""Submissions the host may be ahead of the device."""


_ROW_BYTES = 4 * ROW_WORDS


class Commands:
    """A plan's dispatches in the form that is encoded fastest.

    WebGPU's command buffers can be used once only, so a captured step is encoded anew each time. wgpu-py's own
    methods take several microseconds each; where they only pass numbers on, the native library is called directly
    with the same handles.
    """

    def __init__(self, dispatches: list[Dispatch], pipelines: Pipelines) -> None:
        self.count = len(dispatches)
        self._kept = [pipelines.get(dispatch.kernel, dispatch.constants) for dispatch in dispatches]
        ffi = native.ffi
        self._offsets = ffi.new("uint32_t[]", [dispatch.row * _ROW_BYTES for dispatch in dispatches] or [0])
        before = None
        self._steps = []
        for index, (pipeline, dispatch) in enumerate(zip(self._kept, dispatches, strict=True)):
            changed = pipeline._internal if pipeline is not before else None
            self._steps.append((changed, self._offsets + index, dispatch.width, dispatch.height))
            before = pipeline

    def encode(self, encoder: Any, bind_group: Any, timestamps: Any = None) -> None:
        """Put one compute pass with all dispatches into a command encoder."""
        compute_pass = encoder.begin_compute_pass(timestamp_writes=timestamps)
        handle, group = compute_pass._internal, bind_group._internal
        lib = native.lib
        set_pipeline = lib.wgpuComputePassEncoderSetPipeline
        set_bind_group = lib.wgpuComputePassEncoderSetBindGroup
        dispatch_workgroups = lib.wgpuComputePassEncoderDispatchWorkgroups
        for pipeline, offset, width, height in self._steps:
            if pipeline is not None:
                set_pipeline(handle, pipeline)
            set_bind_group(handle, 0, group, 1, offset)
            dispatch_workgroups(handle, width, height, 1)
        compute_pass.end()


class JobTable:
    """A uniform buffer with the fields of a plan's jobs, and the bind group that kernels read it through."""

    def __init__(self, engine: Engine, rows: int) -> None:
        self._engine = engine
        usage = wgpu.BufferUsage.UNIFORM | wgpu.BufferUsage.COPY_DST
        self.rows = rows
        with translated_errors():
            self._buffer = engine.device.create_buffer(label="jobs", size=4 * ROW_WORDS * rows, usage=usage)
        self._generation = -1
        self._bind_group: Any = None

    def write(self, table: np.ndarray) -> None:
        """Put rows into the buffer, for everything that is submitted from now on."""
        with translated_errors():
            self._engine.device.queue.write_buffer(self._buffer, 0, table)

    def bind_group(self) -> Any:
        """The memory as it is now, and this table."""
        memory = self._engine.memory
        if self._generation != memory.generation:
            with translated_errors():
                self._bind_group = self._engine.device.create_bind_group(
                    layout=self._engine.pipelines.bind_group_layout,
                    entries=[
                        {"binding": 0, "resource": {"buffer": memory.buffer}},
                        {
                            "binding": 1,
                            "resource": {
                                "buffer": self._buffer,
                                "offset": 0,
                                "size": 4 * ROW_WORDS * MAX_JOBS,
                            },
                        },
                    ],
                )
            self._generation = memory.generation
        return self._bind_group


class Engine:
    """The device, memory, pipelines and queue that all operations on one adapter share.

    Args:
        checked: see :class:`Pipelines`.
        serial: whether to choose kernels for a processor instead of a GPU; ``None`` does if the adapter is one.
    """

    def __init__(self, adapter: Adapter, checked: bool = False, serial: bool | None = None) -> None:
        self.adapter = adapter
        self.lock = threading.RLock()
        """Held during a computation: operations of several threads would share the queue and captured steps."""
        self.serial = adapter.kind == SOFTWARE if serial is None else serial
        """Whether kernels use few threads with much work each: the adapter is a processor."""
        self.wanted_groups = 8 if self.serial else 256
        """Workgroups of a large matrix product that keep the device busy."""
        self.device = open_device(adapter)
        self.memory = Memory(adapter, self.device)
        self.pipelines = Pipelines(self.device, checked)
        self.jobs: list[Job] = []
        self.recording = False
        self._scratch = Block(0)
        self._table: JobTable | None = None
        self._returned: list[Block] = []
        self._submitted: deque[int] = deque()

    # -- memory -----------------------------------------------------------------------------------

    def ref(self, block: Block) -> BlockRef:
        """A reference that keeps a block until the last array in it is gone."""
        return BlockRef(block, self._release)

    def place(self, block: Block) -> None:
        """Give a block (or the one that it is a part of) its place."""
        while block.inside is not None:
            block = block.inside[0]
        if block.place is None and not block.bound:
            self.memory.place(block)

    def scratch(self, size: int) -> int:
        """The first of ``size`` words that plans use as scratch memory, one plan after another."""
        if self._scratch.size < size:
            self._free_scratch()
            larger = Block(size)
            self.memory.place(larger)
            self._scratch = larger
        return self._scratch.place or 0

    def release(self) -> None:
        """Free what no array refers to, and the scratch memory until a plan needs it again."""
        if not self.jobs:
            self._take_back()
        self._free_scratch()

    def _free_scratch(self) -> None:
        if self._scratch.place is not None:
            self.memory.free(self._scratch)
        self._scratch = Block(0)

    def _release(self, block: Block) -> None:
        # queued jobs may use it, so its memory is freed only after they were submitted
        if block.place is not None:
            self._returned.append(block)

    def _take_back(self) -> None:
        while self._returned:
            block = self._returned.pop()
            if block.place is not None and not block.held:
                self.memory.free(block)

    # -- work -------------------------------------------------------------------------------------

    def add(self, job: Job) -> None:
        """Append a job to the queue."""
        self.jobs.append(job)
        if len(self.jobs) >= _LONGEST_QUEUE and not self.recording:
            self.flush()

    def flush(self) -> None:
        """Submit all jobs in the queue."""
        if self.recording:
            raise RuntimeError("a captured step must not read values back")
        jobs, self.jobs = self.jobs, []
        if jobs:
            plan = make_plan(jobs, self.memory.limit)
            self.place_all(plan)
            complete(plan)
            bind(plan, plan.scratch, self.scratch(plan.scratch.size))
            rows = len(plan.table)
            if self._table is None or self._table.rows < rows:
                self._table = JobTable(self, max(rows, 512))
            self._table.write(plan.table)
            self.submit(Commands(plan.dispatches, self.pipelines), self._table)
        self._take_back()

    def place_all(self, plan: Plan) -> list[Block]:
        """Give every block of a plan that outlives it a place; returns those that no array refers to."""
        own = []
        try:
            for dispatch in plan.dispatches:
                for job in dispatch.jobs:
                    for span in (*job.reads, *job.writes):
                        block = span.root().block
                        if block.place is None and not block.bound:
                            self.memory.place(block)
                            if not block.held:
                                own.append(block)
        finally:  # also where memory does not suffice for all of them
            self._returned += own
        return own

    def submit(self, commands: Commands, table: JobTable, timestamps: Any = None) -> None:
        """Submit a plan to the device; blocks while more than a few submissions are unfinished."""
        with translated_errors():
            encoder = self.device.create_command_encoder()
            commands.encode(encoder, table.bind_group(), timestamps)
            buffer = encoder.finish()
            self.memory.changed()
            handles = native.ffi.new("WGPUCommandBuffer[]", [buffer._internal])
            queue = self.device.queue._internal
            self._submitted.append(native.libf.wgpuQueueSubmitForIndex(queue, 1, handles))
            if len(self._submitted) > _IN_FLIGHT:
                self._wait_for(self._submitted.popleft())

    def wait(self) -> None:
        """Block until the device has done everything submitted."""
        if self._submitted:
            self._wait_for(self._submitted[-1])
            self._submitted.clear()

    def read(self, block: Block, offset: int, size: int) -> np.ndarray:
        """Words of a block, as unsigned integers."""
        if self.jobs or block.place is None:
            self.flush()
        while block.inside is not None:
            block, inner = block.inside
            offset += inner
        if block.place is None and block.values is None:
            raise Failure(
                "前の処理が失敗したため、この配列の値は計算されていません。",
                "保存済みのモデルは無事です。もう一度実行してください。学習の続きは、それを読み込んでできます。",
                code="gpu-values-missing",
            )
        self.place(block)
        assert block.place is not None
        return self.memory.read(block.place + offset, size)

    def _wait_for(self, index: int) -> None:
        pointer = native.ffi.new("WGPUSubmissionIndex *", index)
        native.libf.wgpuDevicePoll(self.device._internal, True, pointer)


def bind(plan: Plan, block: Block, place: int) -> None:
    """Write the addresses in a bound block into the plan's table."""
    entries = plan.bindings.get(block)
    if entries is not None:
        words, offsets = entries
        plan.table.reshape(-1)[words] = offsets + np.uint32(place)


@cache
def _engine(index: int) -> Engine:
    return Engine(choose_adapter(str(index)))


def shared_engine(device: str | None = None) -> Engine:
    """The engine of an adapter; the same one each time, so that all operations see the same arrays."""
    return _engine(choose_adapter(device).index)
