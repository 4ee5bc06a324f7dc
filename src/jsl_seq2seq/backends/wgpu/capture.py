"""Captured steps: the Python runs once for each signature, its commands are recorded, and replayed afterwards."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from .engine import Commands, Engine, JobTable, bind
from .job import Block, Job
from .jobs import to_words
from .plan import complete, make_plan
from .tensor import BlockRef, Tensor

MAX_RECORDINGS = 256
"""Of one captured step, for as many combinations of argument shapes; the least recently used is dropped."""


class HostArray:
    """An argument in the host's memory."""

    __slots__ = ("dtype", "shape", "words")

    def __init__(self, values: Any) -> None:
        words, self.dtype = to_words(values)
        self.shape = words.shape
        self.words = words.reshape(-1)


class CapturedStep:
    """A step that is recorded once for each signature of its arguments, and replayed from then on.

    No two arguments may share memory that the step writes into.
    """

    def __init__(self, engine: Engine, step: Callable[..., Any]) -> None:
        self._engine, self._step = engine, step
        self.recordings: OrderedDict[tuple, CommandRecording] = OrderedDict()

    def __call__(self, *arguments: Any) -> Any:
        prepared = _changed(arguments, _prepared)
        leaves = list(_leaves(prepared))
        signature = tuple(_signature(leaf) for leaf in leaves)
        recording = self.recordings.get(signature)
        if recording is None:
            recording = CommandRecording(self._engine, self._step, prepared)
            self.recordings[signature] = recording
            if len(self.recordings) > MAX_RECORDINGS:
                self.recordings.popitem(last=False)
        else:
            self.recordings.move_to_end(signature)
        return recording.replay(leaves)


class CommandRecording:
    """The jobs of one call of a step, planned once.

    Arguments that come from the host are copied into one place of the recording's own; arrays that are on the
    device already, and the results, are only addresses in the job table, which are filled in for each replay.
    """

    def __init__(self, engine: Engine, step: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._engine = engine
        engine.flush()
        leaves = list(_leaves(arguments))
        sizes = [leaf.words.size if isinstance(leaf, HostArray) else 0 for leaf in leaves]
        self._starts: list[int] = np.cumsum([0, *(-(-size // 4) * 4 for size in sizes)]).tolist()
        self._staged = np.zeros(max(self._starts[-1], 1), np.uint32)
        self._inputs = engine.ref(Block(self._staged.size))
        engine.place(self._inputs.block)
        self._arguments: list[Block | None] = []
        stand_ins = _changed(arguments, self._stand_in)
        jobs, self._results = _recorded_jobs(engine, step, stand_ins)
        self._fresh: list[Block] = []
        for result in _leaves(self._results):
            if isinstance(result, Tensor):
                block = result.address.root().block
                if block is self._inputs.block:
                    raise ValueError("a captured step must not return what it was given from the host")
                if block.place is None and not block.bound and block.values is None:
                    block.bound = True
                    self._fresh.append(block)
        self._plan = make_plan(jobs, engine.memory.limit)
        # constants that the step made and dropped live as long as the recording, as do all arrays it uses
        self._kept = [engine.ref(block) for block in engine.place_all(self._plan)]
        self._kept += _holders(jobs)
        complete(self._plan)
        self._commands = Commands(self._plan.dispatches, engine.pipelines)
        self._table = JobTable(engine, len(self._plan.table))
        self._table_changed = True
        self._bound: dict[Block, int] = {}

    @property
    def dispatches(self) -> int:
        """How many dispatches a replay has."""
        return self._commands.count

    @property
    def jobs(self) -> int:
        """How many jobs they carry."""
        return sum(len(dispatch.jobs) for dispatch in self._plan.dispatches)

    def replay(self, leaves: list[Any], timestamps: Any = None) -> Any:
        """Submit the recording with other arguments of the same shapes."""
        engine = self._engine
        engine.flush()
        for argument, block, start in zip(leaves, self._arguments, self._starts, strict=False):
            if isinstance(argument, HostArray):
                self._staged[start : start + argument.words.size] = argument.words
            elif block is not None:
                root, offset = argument.address.root()
                engine.place(root)
                self._bind(block, root.place + offset)
        fresh: dict[Block, BlockRef] = {}
        for block in self._fresh:
            fresh[block] = engine.ref(Block(block.size))
            engine.place(fresh[block].block)
            self._bind(block, fresh[block].block.place)
        self._bind(self._plan.scratch, engine.scratch(self._plan.scratch.size))
        if self._table_changed:
            self._table.write(self._plan.table)
            self._table_changed = False
        if self._starts[-1]:
            engine.memory.write(self._inputs.block.place or 0, self._staged)
        engine.submit(self._commands, self._table, timestamps)
        given = {
            block: argument
            for argument, block in zip(leaves, self._arguments, strict=True)
            if block is not None
        }
        return _changed(self._results, lambda leaf: _result(leaf, fresh, given))

    def _stand_in(self, leaf: Any) -> Any:
        """The argument of the step while it is recorded."""
        start = self._starts[len(self._arguments)]
        if isinstance(leaf, HostArray):
            self._arguments.append(None)
            return Tensor(self._inputs, leaf.shape, offset=start, dtype=leaf.dtype)
        if isinstance(leaf, Tensor):
            begin, end = leaf.span[1:]
            block = Block(end - begin)
            block.bound = True
            self._arguments.append(block)
            return Tensor(self._engine.ref(block), leaf.shape, leaf.strides, 0, leaf.factor, leaf.dtype)
        self._arguments.append(None)
        return leaf

    def _bind(self, block: Block, place: int | None) -> None:
        assert place is not None
        if self._bound.get(block) != place:
            bind(self._plan, block, place)
            self._bound[block] = place
            self._table_changed = True


def _result(recorded: Any, fresh: dict[Block, BlockRef], given: dict[Block, Tensor]) -> Any:
    """A result of this replay, where ``recorded`` is the one that was recorded."""
    if not isinstance(recorded, Tensor):
        return recorded
    block, offset = recorded.address.root()
    if block in fresh:
        ref = fresh[block]
    elif block in given:
        ref, offset = given[block].ref, given[block].offset + offset
    else:
        return recorded
    return Tensor(ref, recorded.shape, recorded.strides, offset, recorded.factor, recorded.dtype)


def _recorded_jobs(
    engine: Engine, step: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[list[Job], Any]:
    """Run a step and return its jobs, which are not submitted, and its results."""
    engine.recording = True
    try:
        results = step(*arguments)
        return engine.jobs, results
    finally:
        engine.jobs = []
        engine.recording = False


def _holders(jobs: list[Job]) -> list[Any]:
    """References to the blocks that have a place of their own."""
    blocks = {span.root().block: None for job in jobs for span in (*job.reads, *job.writes)}
    return [block.holder() for block in blocks if block.place is not None]


def _prepared(leaf: Any) -> Any:
    return HostArray(leaf) if isinstance(leaf, (np.ndarray, list)) else leaf


def _signature(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return (leaf.shape, leaf.strides, leaf.factor, leaf.dtype)
    if isinstance(leaf, HostArray):
        return (leaf.shape, leaf.dtype)
    return leaf


def _leaves(tree: Any) -> Iterator[Any]:
    """The leaves of tuples and dataclasses, in order."""
    if isinstance(tree, tuple):
        for part in tree:
            yield from _leaves(part)
    elif is_dataclass(tree) and not isinstance(tree, type):
        for field in fields(tree):
            yield from _leaves(getattr(tree, field.name))
    else:
        yield tree


def _changed(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The same tuples and dataclasses around changed leaves."""
    if isinstance(tree, tuple):
        return tuple(_changed(part, change) for part in tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        parts = {field.name: _changed(getattr(tree, field.name), change) for field in fields(tree)}
        return replace(tree, **parts)
    return change(tree)
