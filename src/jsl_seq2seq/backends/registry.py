"""Which backend runs the model: the one that was asked for, or the best one that this machine has."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import JslError, UserError
from .interface import Ops, Recorder
from .process_group import ProcessGroup

# each backend's library is imported only when that backend is looked at
# ruff: noqa: PLC0415

AUTO = "auto"
PRECISIONS = ("fp32", "bf16", "int8")
INT8 = "ndarray --precision int8"
"""What :func:`all_backends` calls NumPy's backend with weights of one byte."""
ALONE = ProcessGroup()
NAMES = ("ndarray", "wgpu", "torch")

SMALL = 5_000_000
"""Parameters up to which a CPU translates a sentence sooner than a GPU is ready to begin."""


@dataclass(frozen=True)
class Backend:
    """A backend that is there.

    Attributes:
        open: makes its operations; a recorder makes them differentiable.
        reason: what it runs on and why it was chosen, in Japanese, one line.
        processes: those that train together.
        only_translates: whether it cannot train.
    """

    name: str
    open: Callable[[Recorder | None], Ops]
    reason: str
    processes: ProcessGroup = ALONE
    only_translates: bool = False


def choose_backend(
    name: str = AUTO,
    device: str | None = None,
    translating: int | None = None,
    precision: str = "fp32",
    together: bool = False,
) -> Backend:
    """The backend that ``--backend name`` asks for.

    ``auto`` takes PyTorch if it is installed and has a GPU here, else WebGPU if there is a real GPU, else NumPy.

    Args:
        device: which of the backend's devices; an adapter's number or part of its name for ``wgpu``, ``cuda``,
            ``mps`` or ``cpu`` for ``torch``.
        translating: how many parameters the model has, if it is only to translate; ``auto`` then leaves
            small models on the CPU.
        precision: ``fp32``, or ``bf16`` to train with on ``torch``, or ``int8`` to translate with on the CPU.
        together: train with the other processes that ``torchrun`` started, if it did.

    Raises:
        UserError: an unknown name, or a backend or device that this machine does not have.
        Failure: the backend is there and does not work.
    """
    if precision not in PRECISIONS:
        usable = [each for each in PRECISIONS if each != ("int8" if translating is None else "bf16")]
        raise UserError(f"知らない --precision です: {precision}", f"使えるのは {'、'.join(usable)} です。")
    if precision == "int8":
        return _int8(name, device, translating)
    if precision == "bf16" and translating is not None:
        raise UserError(
            "bf16 は学習のための精度で、翻訳には使えません。", "fp32 か int8 を指定してください。"
        )
    processes = int(os.environ.get("WORLD_SIZE", "1")) if together else 1
    if name == AUTO and processes == 1 and precision == "fp32":
        return _best(device, translating)
    if name in (AUTO, "torch"):
        return _torch(device, precision, processes > 1)
    if processes > 1:
        raise UserError(
            f"{name} バックエンドは、複数のプロセスで学習できません。",
            "--backend torch を指定するか、torchrun を使わずに実行してください。",
        )
    if precision != "fp32":
        raise UserError(
            f"{name} バックエンドは --precision {precision} では計算できません（いつも fp32 です）。",
            "--precision を外すか、--backend torch を指定してください。",
        )
    if name == "ndarray":
        if device is not None:
            raise UserError("ndarray バックエンドに --device はありません（いつも CPU です）。")
        return _ndarray("指定どおり")
    if name == "wgpu":
        return _wgpu(device)
    raise UserError(f"知らないバックエンドです: {name}", f"使える名前は {', '.join((AUTO, *NAMES))} です。")


def _best(device: str | None, translating: int | None) -> Backend:
    if device is not None:
        raise UserError(
            "--device だけでは、どのバックエンドの装置か決まりません。",
            "--backend wgpu か --backend torch と一緒に指定してください（一覧: jsl-seq2seq backends）。",
        )
    if translating is not None and translating <= SMALL:
        return _ndarray("自動選択: 小さなモデルの翻訳は CPU がいちばん速いため")
    if _torch_has_gpu():
        return _torch(None)
    try:
        return _wgpu(None, software=False)
    except JslError as error:
        return _ndarray(f"自動選択: {error.what.rstrip('。')}")


def _ndarray(reason: str) -> Backend:
    from .numpy import NumpyOps

    return Backend("ndarray", NumpyOps, f"NumPy・CPU、{reason}")


def _int8(name: str, device: str | None, translating: int | None) -> Backend:
    if translating is None:
        raise UserError(
            "int8 は翻訳のための精度で、学習には使えません。",
            "--precision に fp32 か bf16 を指定してください。",
        )
    if name not in (AUTO, "ndarray") or device is not None:
        raise UserError(
            "--precision int8 は CPU（ndarray バックエンド）だけで使えます。",
            "--backend と --device を外すか、--precision を外してください。",
        )
    if importlib.util.find_spec("numba") is None:
        raise UserError(
            "Numba が入っていないので、int8 では計算できません。",
            "pip install 'jsl-seq2seq[int8]' で入ります。",
        )
    try:
        from .int8 import Int8Ops
    except ImportError as error:  # what Numba says to a NumPy that it does not know
        raise UserError(
            f"Numba が動かないので、int8 では計算できません（{str(error).splitlines()[0]}）。",
            "pip install -U 'jsl-seq2seq[int8]' で、合う版が入ります。",
        ) from None
    return Backend("ndarray", lambda _: Int8Ops(), f"{Int8Ops().device}、int8", only_translates=True)


def _wgpu(device: str | None, software: bool = True) -> Backend:
    from .wgpu import WgpuOps, choose_adapter

    adapter = choose_adapter(device, software)
    return Backend("wgpu", lambda recorder: WgpuOps(recorder, str(adapter.index)), str(adapter))


def _torch(device: str | None, precision: str = "fp32", together: bool = False) -> Backend:
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            "PyTorch が入っていないので、torch バックエンドは使えません。",
            "pip install 'jsl-seq2seq[torch]' で入ります。",
        )
    from .torch import TorchOps, TorchProcessGroup, best_device, device_of_this_process, open_ops

    chosen = device_of_this_process(device or best_device())
    try:
        ops = TorchOps(None, chosen)
        ops.zeros((1,))
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"PyTorch の装置 {chosen} は使えません（{str(error).splitlines()[0]}）。",
            "--device cuda、mps、cpu のうち、この機械にあるものを指定してください。",
        ) from None
    processes = TorchProcessGroup(ops.torch_device) if together else None
    reason = ops.device if precision == "fp32" else f"{ops.device}、{precision}"
    if processes:
        reason += f"、{processes.world_size} プロセス"

    def open_(recorder: Recorder | None) -> TorchOps:
        return open_ops(recorder, chosen, precision, processes)

    return Backend("torch", open_, reason, processes or ALONE)


def _torch_has_gpu() -> bool:
    """Whether PyTorch is installed and could have a GPU, without the seconds that importing it takes."""
    if importlib.util.find_spec("torch") is None:
        return False
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    from .torch import best_device

    return best_device() != "cpu"


def all_backends() -> list[tuple[str, Backend | JslError]]:
    """Every backend and device of this machine under a name for people, or why it cannot be used."""
    found: list[tuple[str, Backend | JslError]] = [
        ("ndarray", choose_backend("ndarray")),
        (INT8, _or_why_not(lambda: choose_backend(translating=0, precision="int8"))),
    ]
    try:
        from .wgpu import list_adapters

        adapters = list_adapters()
        if not adapters:
            choose_backend("wgpu")  # raises with the advice that belongs here
        found += [
            (f"wgpu --device {adapter.index}", choose_backend("wgpu", str(adapter.index)))
            for adapter in adapters
        ]
    except JslError as error:
        found.append(("wgpu", error))
    found.append(("torch", _or_why_not(lambda: choose_backend("torch"))))
    return found


def _or_why_not(choose: Callable[[], Backend]) -> Backend | JslError:
    try:
        return choose()
    except JslError as error:
        return error
