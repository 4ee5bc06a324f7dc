"""PyTorch: CUDA, Apple's MPS, and the CPU. Differentiation and fused attention are PyTorch's own."""

from __future__ import annotations

import functools

from ...errors import UserError
from ...extras import is_missing, reason
from ..backend import SINGLE, Backend, Request
from ..tape import Tape

try:
    import torch

    from .ops import CudaOps, TorchOps, best_device, describe
    from .process_group import TorchProcessGroup, device_of_this_process, started_together
except Exception as problem:
    raise UserError(
        "PyTorch が入っていないので、torch バックエンドは使えません。"
        if is_missing("torch")
        else f"PyTorch を読み込めないので、torch バックエンドは使えません（{reason(problem)}）。",
        "pip install 'jsl-seq2seq[torch]' で入ります。",
        code="torch-missing",
        reason=reason(problem),
    ) from problem


def open_backend(request: Request) -> Backend:
    """PyTorch on one device, alone or in a process group.

    Raises:
        UserError: PyTorch cannot use the device.
        Failure: the other processes cannot be reached.
    """
    device = device_of_this_process(request.device or best_device())
    try:
        ops = TorchOps(None, device)
        ops.zeros((1,))
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"PyTorch の装置 {device} は使えません（{reason(error)}）。",
            "使えるのは cuda、mps、cpu のうち、この機械にあるものです。",
            code="torch-device-unusable",
            device=device,
            reason=str(error),
        ) from None
    group = TorchProcessGroup(ops.torch_device) if request.together else None
    chosen = ops.device if request.precision == "fp32" else f"{ops.device}、{request.precision}"
    if group:
        chosen += f"、{group.world_size} プロセス"
    return Backend(
        "torch", lambda tape: open_ops(tape, device, request.precision, group), chosen, group or SINGLE
    )


def open_ops(
    tape: Tape | None = None,
    device: str | None = None,
    precision: str = "fp32",
    group: TorchProcessGroup | None = None,
) -> TorchOps:
    """Operations for training, with a tape, or for translating, without one; see :class:`TorchOps`."""
    device = device or best_device()
    return _kind(torch.device(device).type, tape is not None)(tape, device, precision=precision, group=group)


def _kind(device: str, training: bool) -> type[TorchOps]:
    """Operations with our own Triton kernels where those work, and PyTorch's everywhere else."""
    if device != "cuda":
        return TorchOps
    if not kernels_work():
        return CudaOps
    # these import Triton
    if training:
        from .training import TritonTrainingOps  # noqa: PLC0415

        return TritonTrainingOps
    from .decoding import TritonDecodingOps  # noqa: PLC0415

    return TritonDecodingOps


@functools.cache
def kernels_work() -> bool:
    """Whether Triton is installed and its compiler works, tried once on a few numbers."""
    try:
        from .kernels.sums import column_sums  # noqa: PLC0415

        return column_sums(torch.ones(1, 2, 3, device="cuda")).tolist() == [[2.0, 2.0, 2.0]]
    except Exception:  # whatever fails in a compiler, PyTorch's operations still work
        return False


__all__ = [
    "CudaOps",
    "TorchOps",
    "TorchProcessGroup",
    "best_device",
    "describe",
    "device_of_this_process",
    "open_backend",
    "open_ops",
    "started_together",
]
