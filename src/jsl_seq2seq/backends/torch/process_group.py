"""Several processes that train one model together, as ``torchrun`` starts them.

Each process computes the gradient of its share of every batch, weighted by how many tokens the share has; the
gradients are added up over all processes, and every process takes the same step of Adam. That is what PyTorch's
DistributedDataParallel does. It is done by hand here because gradients are one flat array anyway: one sum for
each step suffices, goes into the CUDA graph with the rest, and counts tokens where DDP would count processes.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from ... import extras
from ...errors import Failure
from ...settings.environment import has_rank, local_rank, started_processes
from ..process_group import ProcessGroup

_PATIENCE = timedelta(minutes=30)
"""How long a process may be silent, as rank 0 is while it saves."""

Result = TypeVar("Result")


def device_of_this_process(device: str) -> str:
    """``cuda`` is GPU number LOCAL_RANK in each process of a group."""
    return f"cuda:{local_rank()}" if device == "cuda" and started_together() else device


def started_together() -> bool:
    """Whether ``torchrun`` started this process with others."""
    return started_processes() > 1 and has_rank()


class TorchProcessGroup(ProcessGroup):
    """The processes that ``torchrun`` started: NCCL between GPUs, gloo between CPUs and for values on the host.

    Raises:
        Failure: the other processes cannot be reached, on any call.
    """

    def __init__(self, device: torch.device) -> None:
        if not dist.is_initialized():
            kind = "nccl" if device.type == "cuda" else "gloo"
            _or_fail(lambda: dist.init_process_group(kind, timeout=_PATIENCE))
            atexit.register(_leave)
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self._hosts: Any = dist.group.WORLD
        if dist.get_backend() != "gloo":
            self._hosts = _or_fail(lambda: dist.new_group(backend="gloo", timeout=_PATIENCE))

    def all_reduce_array(self, array: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in place."""
        _or_fail(lambda: dist.all_reduce(array))
        return array

    def all_reduce(self, *values: float) -> list[float]:
        tensor = torch.tensor(values, dtype=torch.float64)
        _or_fail(lambda: dist.all_reduce(tensor, group=self._hosts))
        return tensor.tolist()

    def all_equal(self, text: str) -> bool:
        gathered: list[str] = [""] * self.world_size
        _or_fail(lambda: dist.all_gather_object(gathered, text, group=self._hosts))
        return len(set(gathered)) == 1


def _or_fail(communicate: Callable[[], Result]) -> Result:
    try:
        return communicate()
    except (RuntimeError, ValueError, OSError) as error:  # ValueError: MASTER_PORT and the like are nonsense
        reason = extras.reason(error)
        raise Failure(
            f"一緒に学習していた別のプロセスが止まったか、つながらないので、このプロセスも止めます（{reason}）。",
            "先に止まったプロセスのメッセージを見てください。最後の途中保存は無事で、そこから再開できます。",
            code="process-lost",
            reason=reason,
        ) from None


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
