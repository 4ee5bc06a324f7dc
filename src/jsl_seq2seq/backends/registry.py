"""Which backend runs the model: the one that is named, or the best one that this machine has."""

from __future__ import annotations

import ctypes
import importlib
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ..errors import Failure, JslError, UserError
from ..extras import is_missing, reason
from ..settings.environment import started_processes
from .backend import Backend, Request

Result = TypeVar("Result")

BACKENDS: dict[str, dict[str, str]] = {
    "ndarray": {"fp32": "numpy", "int8": "int8"},
    "numba": {"fp32": "numba"},
    "wgpu": {"fp32": "wgpu"},
    "torch": {"fp32": "torch", "bf16": "torch"},
}
"""Backend -> precision -> the module here whose ``open_backend(Request) -> Backend`` opens it.

A module, and with it the backend's library, is imported only when it is used. It may offer
``device_names() -> list[str]`` if it has several devices.
"""

AUTO = "auto"
NAMES = tuple(BACKENDS)
PRECISIONS = {"fp32": ("training", "translation"), "bf16": ("training",), "int8": ("translation",)}
"""Precision -> what it is for."""

SMALL = 8_000_000
"""Parameters up to which a CPU translates a sentence sooner than a GPU is initialized."""


@dataclass(frozen=True)
class Selection:
    """A backend, one of its devices (``None``: its only or best one) and a precision."""

    name: str
    device: str | None = None
    precision: str = "fp32"


def choose_backend(
    name: str = AUTO,
    device: str | None = None,
    translating: int | None = None,
    precision: str = "fp32",
    together: bool = False,
) -> Backend:
    """The backend called ``name``.

    ``auto`` takes PyTorch if it is installed and has a GPU here, else WebGPU if there is a real GPU, else NumPy;
    with a precision that only some backends have, the first of those.

    Args:
        device: which of the backend's devices; an adapter's number or part of its name for ``wgpu``, ``cuda``,
            ``mps`` or ``cpu`` for ``torch``.
        translating: the model's number of parameters, if it is only to translate; ``auto`` then leaves
            small models on the CPU.
        precision: ``fp32``, or ``bf16`` to train with on ``torch``, or ``int8`` to translate with on the CPU.
        together: train with the other processes that ``torchrun`` started, if it did.

    Raises:
        UserError: an unknown name, or a backend or device that this machine does not have.
        Failure: the backend is there and does not work.
    """
    _check_precision(precision, "training" if translating is None else "translation")
    several = together and started_processes() > 1
    request = Request(device, precision, together=several)
    if name == AUTO:
        if several:
            return _open("torch", request)
        able = [each for each, precisions in BACKENDS.items() if precision in precisions]
        return _best(device, translating) if precision == "fp32" else _open(able[0], request)
    if name not in BACKENDS:
        raise UserError(
            f"知らないバックエンドです: {name}",
            f"使える名前は {', '.join((AUTO, *NAMES))} です。",
            code="unknown-backend",
            backend=name,
            known=(AUTO, *NAMES),
        )
    return _open(name, request)


def all_backends() -> list[tuple[Selection, Backend | JslError]]:
    """Every backend and device of this machine, opened, or why it cannot be."""
    found: list[tuple[Selection, Backend | JslError]] = []
    for name, precisions in BACKENDS.items():
        first = {module: precision for precision, module in reversed(precisions.items())}
        for module, precision in reversed(first.items()):
            for device in _devices(module):
                found.append((Selection(name, device, precision), _opened(name, Request(device, precision))))
    return found


def _open(name: str, request: Request) -> Backend:
    modules = BACKENDS[name]
    if request.precision not in modules:
        able = [each for each, precisions in BACKENDS.items() if request.precision in precisions]
        raise UserError(
            f"{name} バックエンドは {request.precision} では計算できません（できるのは {'、'.join(modules)} です）。",
            f"{request.precision} で計算できるのは {'、'.join(able)} バックエンドです。",
            code="precision-not-on-backend",
            backend=name,
            precision=request.precision,
            able=able,
        )
    backend = _tried(name, modules[request.precision], lambda module: module.open_backend(request))
    if request.together and backend.processes.world_size == 1:
        raise UserError(
            f"{name} バックエンドは、複数のプロセスで学習できません。",
            "torch バックエンドを使うか、torchrun を使わずに実行してください。",
            code="backend-without-process-group",
            backend=name,
        )
    return backend


def _check_precision(precision: str, purpose: str) -> None:
    """Raises UserError for a precision that is unknown, or not for training or not for translation."""
    usable = [each for each, purposes in PRECISIONS.items() if purpose in purposes]
    facts = {"precision": precision, "usable": usable}
    if precision not in PRECISIONS:
        raise UserError(
            f"知らない precision です: {precision}",
            f"使えるのは {'、'.join(usable)} です。",
            code="unknown-precision",
            setting="precision",
            **facts,
        )
    if precision not in usable:
        is_for, is_not = ("翻訳", "学習") if purpose == "training" else ("学習", "翻訳")
        raise UserError(
            f"{precision} は{is_for}のための精度で、{is_not}には使えません。",
            f"{' か '.join(usable)} を指定してください。",
            code="precision-for-other-purpose",
            purpose=purpose,
            **facts,
        )


def _best(device: str | None, translating: int | None) -> Backend:
    if device is not None:
        raise UserError(
            "device だけでは、どのバックエンドの装置か決まりません。",
            "backend も指定してください。",
            code="device-without-backend",
            setting="device",
            device=device,
        )
    if translating is not None and translating <= SMALL:
        return _numpy("小さなモデルの翻訳は CPU がいちばん速いため")
    problems = []
    try:
        if _torch_has_gpu():
            return _open("torch", Request())
    except JslError as error:
        problems.append(error.what.rstrip("。"))
    try:
        return _open("wgpu", Request(hardware=True))
    except JslError as error:
        return _numpy("、".join([*problems, error.what.rstrip("。")]))


def _numpy(why: str) -> Backend:
    return replace(_open("ndarray", Request()), reason=f"NumPy・CPU、自動選択: {why}")


def _torch_has_gpu() -> bool:
    """Whether PyTorch is installed and could have a GPU, without the seconds that importing it takes."""
    if is_missing("torch"):
        return False
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return _tried("torch", "torch", lambda module: module.best_device()) != "cpu"


def _tried(name: str, module: str, use: Callable[[Any], Result]) -> Result:
    """What ``use`` makes of a backend's module. Whatever its libraries raise becomes a Failure with the reason."""
    try:
        return use(importlib.import_module(f".{module}", __package__))
    except (JslError, MemoryError):
        raise
    except Exception as error:
        raise Failure(
            f"{name} バックエンドを使えません（{reason(error)}）。",
            "ライブラリーとドライバーを入れ直すか、別のバックエンドを使ってください。",
            code="backend-broken",
            backend=name,
            reason=reason(error),
        ) from error


def _devices(module: str) -> list[str | None]:
    """The devices that a module lists; ``None``, its only or best one, if it lists none or cannot be imported."""
    try:
        listed = _tried(module, module, lambda found: getattr(found, "device_names", list)())
    except JslError:
        return [None]
    return listed or [None]


def _opened(name: str, request: Request) -> Backend | JslError:
    try:
        return _open(name, request)
    except JslError as error:
        return error
