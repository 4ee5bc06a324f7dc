"""Which operations a device gets: with our own kernels where they work, and without them everywhere else."""

from __future__ import annotations

import functools

import torch

from ..interface import Recorder
from .device import best_device
from .ops import TorchOps
from .process_group import TorchProcessGroup


def open_ops(
    recorder: Recorder | None = None,
    device: str | None = None,
    precision: str = "fp32",
    processes: TorchProcessGroup | None = None,
) -> TorchOps:
    """Operations for training, with a recorder, or for translating, without one; see :class:`TorchOps`."""
    device = device or best_device()
    return _kind(torch.device(device).type, recorder is not None)(
        recorder, device, precision=precision, processes=processes
    )


def _kind(device: str, training: bool) -> type[TorchOps]:
    if device != "cuda" or not kernels_work():
        return TorchOps
    # these import Triton
    if training:
        from .training import TrainingOps  # noqa: PLC0415

        return TrainingOps
    from .decoding import DecodingOps  # noqa: PLC0415

    return DecodingOps


@functools.cache
def kernels_work() -> bool:
    """Whether Triton is there and its compiler works, tried once on a few numbers."""
    try:
        from .kernels.sums import column_sums  # noqa: PLC0415

        return column_sums(torch.ones(1, 2, 3, device="cuda")).tolist() == [[2.0, 2.0, 2.0]]
    except Exception:  # whatever goes wrong in a compiler, there is another way
        return False
