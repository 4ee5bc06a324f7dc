"""From a list of jobs to dispatches: what can be fused, what can run side by side, what may share memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from .device import out_of_memory
from .fuse import fused
from .job import Address, Block, Constants, Job
from .kernels import MAX_JOBS, ROW_WORDS, layout
from .memory import FreeList

NONE = 0xFFFFFFFF
_MAX_WIDTH = 65535


@dataclass(slots=True)
class Dispatch:
    """Up to 64 independent jobs of one kernel, in one dispatch.

    Attributes:
        row: of its first job in the job table.
        width, height: workgroups.
    """

    kernel: str
    constants: Constants
    jobs: list[Job] = field(default_factory=list)
    row: int = 0
    width: int = 0
    height: int = 1


@dataclass
class Plan:
    """Dispatches, complete but for the places of the bound blocks.

    Attributes:
        table: [jobs, 64] words, the jobs' fields; addresses in bound blocks are still missing.
        bindings: for each bound block, which words of the flat table hold addresses in it, and the
            offsets in the block that they mean.
        scratch: the block that holds all blocks used within this plan only.
    """

    dispatches: list[Dispatch]
    table: np.ndarray
    bindings: dict[Block, tuple[np.ndarray, np.ndarray]]
    scratch: Block


def needed(jobs: list[Job]) -> list[Job]:
    """The jobs whose results are read."""
    wanted: set[Block] = set()
    kept = []
    for job in reversed(jobs):
        roots = [span.root().block for span in job.writes]
        if any(block in wanted or block.held or block.place is not None or block.bound for block in roots):
            kept.append(job)
            wanted.update(span.root().block for span in job.reads)
    return kept[::-1]


def schedule(jobs: list[Job]) -> list[Dispatch]:
    """Put jobs that do not depend on each other into the same dispatch.

    A job's wave is one more than the last wave that it depends on; jobs of a wave with the same kernel share
    a dispatch. Jobs that no other depends on (the gradients of weights) then move to later dispatches of their
    kernel. The order within a dispatch is the order of the list, so it is always the same.
    """
    waves, readers = _waves(jobs)
    groups: defaultdict[tuple[int, str, Constants], list[Job]] = defaultdict(list)
    for job in jobs:
        groups[waves[job], job.kernel, job.constants].append(job)
    _move_down(groups, waves, readers)
    dispatches = []
    for (_, kernel, constants), members in sorted(groups.items(), key=lambda item: item[0]):
        for begin in range(0, len(members), MAX_JOBS):
            dispatches.append(Dispatch(kernel, constants, members[begin : begin + MAX_JOBS]))
    return dispatches


def _waves(jobs: list[Job]) -> tuple[dict[Job, int], dict[Job, list[Job]]]:
    """Each job's earliest wave, and the jobs that depend on it."""
    waves: dict[Job, int] = {}
    dependants: dict[Job, list[Job]] = {job: [] for job in jobs}
    wrote: defaultdict[Block, list[tuple[int, int, Job]]] = defaultdict(list)
    read: defaultdict[Block, list[tuple[int, int, Job]]] = defaultdict(list)
    for job in jobs:
        reads = [span.root() for span in job.reads]
        writes = [span.root() for span in job.writes]
        before = {
            other
            for spans, lists in ((reads, (wrote,)), (writes, (wrote, read)))
            for block, start, end in spans
            for touched in lists
            for s, e, other in touched[block]
            if s < end and start < e
        }
        waves[job] = max((waves[other] + 1 for other in before), default=0)
        for other in before:
            dependants[other].append(job)
        for spans, touched in ((reads, read), (writes, wrote)):
            for block, start, end in spans:
                touched[block].append((start, end, job))
    return waves, dependants


def _move_down(
    groups: dict[tuple[int, str, Constants], list[Job]],
    waves: dict[Job, int],
    dependants: dict[Job, list[Job]],
) -> None:
    """Join a dispatch with a later one of the same kernel, if all that depend on it come later still."""
    keys: defaultdict[tuple[str, Constants], list[tuple[int, str, Constants]]] = defaultdict(list)
    for key in sorted(groups):
        keys[key[1:]].append(key)
    for chain in keys.values():
        later = chain.pop()
        for key in reversed(chain):
            members = groups[key]
            deadline = min(
                (waves[job] for member in members for job in dependants[member]), default=later[0] + 1
            )
            if later[0] < deadline and len(members) + len(groups[later]) <= MAX_JOBS:
                groups[later] = members + groups[later]
                for member in members:
                    waves[member] = later[0]
                del groups[key]
            else:
                later = key


def share_memory(dispatches: list[Dispatch], scratch: Block) -> None:
    """Put blocks that no array refers to into ``scratch``; blocks whose lifetimes do not overlap share memory."""
    first: dict[Block, int] = {}
    last: dict[Block, int] = {}
    for time, dispatch in enumerate(dispatches):
        for job in dispatch.jobs:
            for span in (*job.reads, *job.writes):
                block = span.root().block
                if not (block.held or block.bound or block.place is not None or block.values is not None):
                    first.setdefault(block, time)
                    last[block] = time
    ending: defaultdict[int, list[Block]] = defaultdict(list)
    starting: defaultdict[int, list[Block]] = defaultdict(list)
    for block, time in first.items():
        starting[time].append(block)
        ending[last[block]].append(block)
    free_list = FreeList()
    for time in range(len(dispatches)):
        for block in starting[time]:
            block.put_inside(scratch, free_list.take_or_grow(block.size))
        for block in ending[time]:
            assert block.inside is not None
            free_list.give(block.inside[1], block.size)
    scratch.size = free_list.size


def make_plan(jobs: list[Job], limit: int) -> Plan:
    """Fused and scheduled dispatches for ``jobs``.

    Blocks that are held must have a place or be bound by the time the table is completed; so must constants.

    Args:
        limit: words that the device's memory can have at most.

    Raises:
        Failure: a block is larger (``gpu-out-of-memory``). Counts and addresses in it may not fit into a word of
            the table.
    """
    dispatches = schedule(needed(fused(needed(jobs))))
    scratch = Block(0)
    scratch.bound = True
    share_memory(dispatches, scratch)
    written = (
        span.root().block.size for dispatch in dispatches for job in dispatch.jobs for span in job.writes
    )
    if (largest := max(written, default=0)) > limit:
        raise out_of_memory(4 * largest, 4 * limit)
    rows = sum(len(dispatch.jobs) for dispatch in dispatches)
    # the last dispatch may look at 64 rows, too
    table = np.zeros((rows + MAX_JOBS, ROW_WORDS), np.uint32)
    row = 0
    for dispatch in dispatches:
        dispatch.row = row
        total = sum(job.groups for job in dispatch.jobs)
        dispatch.height = -(-total // _MAX_WIDTH) if total else 1
        dispatch.width = -(-total // dispatch.height)
        first = 0
        for job in dispatch.jobs:
            table[row, 0] = first
            table[row, 1] = len(dispatch.jobs)
            table[row, 2] = dispatch.width
            first += job.groups
            row += 1
    return Plan(dispatches, table, {}, scratch)


def complete(plan: Plan) -> None:
    """Write the jobs' fields into the table; every block but the bound ones has its place now."""
    floats = plan.table.view(np.float32)
    bound: defaultdict[Block, list[tuple[int, int]]] = defaultdict(list)
    for dispatch in plan.dispatches:
        fields = layout(dispatch.kernel)
        for row, job in enumerate(dispatch.jobs, dispatch.row):
            for name, value in job.fields.items():
                word, kind = fields[name]
                if kind == "f32":
                    floats[row, word] = cast(float, value)
                    continue
                parts = value if type(value) is tuple else (value,)
                for column, part in enumerate(parts, word):
                    if type(part) is Address:
                        block, offset = part.root()
                        if block.bound:
                            bound[block].append((row * ROW_WORDS + column, offset))
                        else:
                            assert block.place is not None, (dispatch.kernel, name)
                            plan.table[row, column] = block.place + offset
                    else:
                        plan.table[row, column] = NONE if part is None else part
    for block, entries in bound.items():
        words, offsets = zip(*entries, strict=True)
        plan.bindings[block] = (np.array(words), np.array(offsets, np.uint32))
