"""CUDA graphs: a whole step as one launch.

A training step of this model is hundreds of kernels of a few microseconds each; launching them one by one takes
several times as long as running them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

_WARM_UP = 3
"""Calls that run uncaptured before the first graph: libraries initialize and choose their kernels."""

_GRAPHS = 128
"""Graphs kept at once; the least recently used is dropped. They share one pool of memory."""

_ALIGNMENT = 64
"""Bytes between whose multiples each argument begins."""

_ON_DEVICE = {"f": np.float32, "i": np.int64, "u": np.int64, "b": np.bool_}
"""The type on the device of an argument from the host; PyTorch indexes with, and hashes in, 64 bits."""


class CudaGraphs:
    """A step, captured once for each combination of argument shapes and replayed as one launch.

    Args:
        to_device: makes an argument a tensor on ``device``, for the calls that are not replayed.
    """

    def __init__(
        self, step: Callable[..., Any], to_device: Callable[[Any], torch.Tensor], device: torch.device
    ) -> None:
        self._step, self._to_device, self._device = step, to_device, device
        self._calls: dict[tuple, int] = {}
        self._graphs: OrderedDict[tuple, _Graph] = OrderedDict()
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, *arguments: Any) -> Any:
        key = tuple(np.shape(argument) for argument in arguments)
        if key not in self._graphs:
            self._calls[key] = self._calls.get(key, 0) + 1
            if self._calls[key] <= (1 if self._graphs else _WARM_UP):
                return detached(self._step(*(self._to_device(argument) for argument in arguments)))
            if len(self._graphs) == _GRAPHS:
                self._graphs.popitem(last=False)
            self._graphs[key] = _Graph(self._step, arguments, self._device, self._pool)
        self._graphs.move_to_end(key)
        return self._graphs[key].replay(arguments)


class _Graph:
    """One captured graph. Arguments from the host are copied to the device together, asynchronously."""

    def __init__(
        self, step: Callable[..., Any], arguments: tuple[Any, ...], device: torch.device, pool: Any
    ) -> None:
        self._layout: list[tuple[int, int, Any] | None] = []
        end = 0
        for argument in arguments:
            if isinstance(argument, torch.Tensor):
                self._layout.append(None)
                continue
            values = np.asarray(argument)
            dtype = np.dtype(_ON_DEVICE[values.dtype.kind])
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            end = start + values.size * dtype.itemsize
            self._layout.append((start, end, dtype))
        self._staging_area = torch.zeros(max(end, 1), dtype=torch.uint8, device=device)
        self._inputs = [
            argument.clone() if place is None else self._input(np.shape(argument), *place)
            for argument, place in zip(arguments, self._layout, strict=True)
        ]
        self._graph = torch.cuda.CUDAGraph()
        # other threads (NCCL's watchdog) may call CUDA meanwhile
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._results = _Results(detached(step(*self._inputs)))
        self._copied: list[tuple[torch.Tensor, int] | None] = [None] * len(arguments)

    def replay(self, arguments: tuple[Any, ...]) -> Any:
        """Run the graph with other arguments of the same shapes."""
        for number, (argument, place) in enumerate(zip(arguments, self._layout, strict=True)):
            if place is None:
                self._copy_in(number, argument)
        if any(self._layout):
            self._stage(arguments)
        self._graph.replay()
        return self._results.taken()

    def _stage(self, arguments: tuple[Any, ...]) -> None:
        """Copy the arguments from the host to the device."""
        # PyTorch's allocator of pinned memory does not reuse a block before the copy from it is done
        staged = torch.empty(
            self._staging_area.numel(), dtype=torch.uint8, pin_memory=self._staging_area.is_cuda
        )
        host = staged.numpy()
        for argument, place in zip(arguments, self._layout, strict=True):
            if place is not None:
                start, end, dtype = place
                host[start:end].view(dtype)[:] = np.asarray(argument).reshape(-1)
        self._staging_area.copy_(staged, non_blocking=True)

    def _copy_in(self, number: int, argument: torch.Tensor) -> None:
        """Copy an argument on the device into the graph's input, unless it is the one that was copied last."""
        copied = self._copied[number]
        if copied is None or copied[0] is not argument or copied[1] != argument._version:
            self._inputs[number].copy_(argument)
            self._copied[number] = (argument, argument._version)

    def _input(self, shape: tuple[int, ...], start: int, end: int, dtype: Any) -> torch.Tensor:
        kind = getattr(torch, np.dtype(dtype).name)
        return self._staging_area[start:end].view(kind).view(shape)


class _Results:
    """A step's result tensors, concatenated at its end: the next replay overwrites them, so :meth:`taken` copies them,
    in one copy.
    """

    def __init__(self, result: Any) -> None:
        self._result = result
        tensors: list[torch.Tensor] = []
        each(result, tensors.append)
        # wide types first: then every tensor begins at a multiple of its type's size
        order = sorted(range(len(tensors)), key=lambda index: -tensors[index].element_size())
        self._where = sorted(range(len(order)), key=order.__getitem__)
        in_bytes = [tensors[index].reshape(-1).view(torch.uint8) for index in order]
        self._sizes = [part.numel() for part in in_bytes]
        self._memory = torch.cat(in_bytes) if in_bytes else torch.empty(0, dtype=torch.uint8)

    def taken(self) -> Any:
        """The same tuple, tensor or ``None``, in memory of its own."""
        parts = self._memory.clone().split(self._sizes)
        in_turn = iter([parts[where] for where in self._where])
        return each(self._result, lambda tensor: next(in_turn).view(tensor.dtype).view(tensor.shape))


def detached(result: Any) -> Any:
    """A step's tensors without their autograd graph, which would keep its memory."""
    return each(result, torch.Tensor.detach)


def each(result: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """The same tuple, single tensor or ``None``, with every tensor changed, from the first to the last."""
    if isinstance(result, tuple):
        return tuple(map(change, result))
    return None if result is None else change(result)
