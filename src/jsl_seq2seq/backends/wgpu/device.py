"""Adapters: those of this machine, the choice of one, and a device with exactly the limits that kernels need."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from ...errors import Failure, UserError
from ...extras import reason
from ...settings.environment import set_runtime_folder

try:
    import wgpu
    import wgpu.backends.wgpu_native._api as wgpu_api
    from wgpu.backends.wgpu_native.extras import set_instance_extras
except Exception as error:
    raise Failure(
        f"wgpu を読み込めません（{reason(error)}）。",
        "pip install wgpu で入ります。入れられない機械では ndarray バックエンドを使ってください。",
        code="wgpu-missing",
        reason=reason(error),
    ) from error

HARDWARE, SOFTWARE = "hardware", "software"

native: Any = wgpu_api
"""wgpu-py's binding of the native library: ``lib``, ``libf`` (which raises its errors) and ``ffi``."""

_PREFERENCE = ("DiscreteGPU", "IntegratedGPU", "Unknown", "CPU")
_APIS = ("Vulkan", "Metal", "D3D12")
"""In wgpu's own names. OpenGL, which it supports too, is slower, and on some machines has too few storage buffers."""

LARGEST_MEMORY = 2**34
"""Indices are 32-bit and count 4-byte words."""


@dataclass(frozen=True)
class Adapter:
    """One way to compute on this machine: a GPU, or software that simulates one, behind a graphics API.

    Attributes:
        index: its number in :func:`list_adapters`.
        name: the maker's name for it.
        api: ``Vulkan``, ``Metal`` or ``D3D12``.
        kind: ``hardware`` or ``software``.
        binding: largest storage buffer binding in bytes, and so the most memory we use.
    """

    index: int
    name: str
    api: str
    kind: str
    binding: int
    handle: Any

    def __str__(self) -> str:
        return f"{self.name}（{self.api}{'' if self.kind == HARDWARE else '、ソフトウェア'}）"


_process: list[int] = []
"""The process that has begun to use the native library; it does not survive a fork."""


def require_own_process() -> None:
    """Raise Failure in a process that was forked from one that uses WebGPU: there every call would wait for ever."""
    if not _process:
        _process.append(os.getpid())
    if _process[0] != os.getpid():
        raise Failure(
            "WebGPU は、使い始めたあとで fork したプロセスでは使えません。",
            "multiprocessing では start method に spawn を指定するか、ndarray バックエンドを使ってください。",
            code="gpu-after-fork",
        )


def list_adapters() -> tuple[Adapter, ...]:
    """All adapters of this machine, the preferred first; enumerated once per process.

    Raises:
        Failure: they cannot be enumerated, for example because a driver is broken.
    """
    require_own_process()
    return _adapters()


@cache
def _adapters() -> tuple[Adapter, ...]:
    _prepare_instance()
    with translated_errors():
        found = wgpu.gpu.enumerate_adapters_sync()
    found = sorted((handle for handle in found if handle.info["backend_type"] in _APIS), key=_rank)
    return tuple(
        Adapter(
            index=index,
            name=str(handle.info["device"]) or str(handle.info["description"]) or "名前のないアダプター",
            api=str(handle.info["backend_type"]),
            kind=SOFTWARE if handle.info["adapter_type"] == "CPU" else HARDWARE,
            binding=min(
                handle.limits["max-storage-buffer-binding-size"],
                handle.limits["max-buffer-size"],
                LARGEST_MEMORY,
            ),
            handle=handle,
        )
        for index, handle in enumerate(found)
    )


def choose_adapter(wanted: str | None = None, software: bool = True) -> Adapter:
    """The adapter with this number or name, or the best one.

    Args:
        wanted: an index of :func:`list_adapters`, or part of a name.
        software: whether a software adapter may be chosen when ``wanted`` is ``None``.

    Raises:
        Failure: there is none.
        UserError: no adapter has that number or name.
    """
    adapters = list_adapters()
    if not adapters:
        raise Failure(
            "WebGPU で使えるアダプター（GPU）が見つかりません。",
            "GPU のドライバーを入れてください。Linux では Vulkan のローダーも要ります"
            "（Debian/Ubuntu: sudo apt install libvulkan1 mesa-vulkan-drivers）。"
            "GPU なしで使うなら ndarray バックエンドです。",
            code="gpu-not-found",
        )
    if wanted is not None:
        for adapter in adapters:
            if wanted == str(adapter.index) or (
                not wanted.isdigit() and wanted.lower() in adapter.name.lower()
            ):
                return adapter
        listed = "、".join(f"{adapter.index}: {adapter}" for adapter in adapters)
        raise UserError(
            f"そのようなアダプターはありません: {wanted}",
            f"使えるのは {listed} です。",
            code="unknown-adapter",
            device=wanted,
            known=[adapter.name for adapter in adapters],
        )
    if adapters[0].kind == SOFTWARE and not software:
        raise Failure(
            f"ハードウェアの GPU が見つかりません（あるのは {adapters[0]} だけです）。",
            "GPU なしで使うなら ndarray バックエンドのほうが速く動きます。",
            code="gpu-only-simulated",
            adapter=str(adapters[0]),
        )
    return adapters[0]


def open_device(adapter: Adapter) -> Any:
    """A wgpu device with exactly the limits that our kernels use.

    All but the memory's size are WebGPU's defaults or less, so that what runs here runs everywhere.

    Raises:
        Failure: the adapter refuses.
    """
    limits = {
        "max-buffer-size": adapter.binding,
        "max-storage-buffer-binding-size": adapter.binding,
        "max-bind-groups": 1,
        "max-storage-buffers-per-shader-stage": 1,
        "max-uniform-buffers-per-shader-stage": 1,
        "max-dynamic-uniform-buffers-per-pipeline-layout": 1,
        "max-uniform-buffer-binding-size": 16384,
        "max-compute-invocations-per-workgroup": 256,
        "max-compute-workgroup-size-x": 256,
        "max-compute-workgroup-storage-size": 16384,
        "max-compute-workgroups-per-dimension": 65535,
    }
    available = adapter.handle.limits
    for name, value in limits.items():
        if available[name] < value:
            raise Failure(
                f"アダプター {adapter} は WebGPU の最低限に足りません（{name} が {available[name]}）。",
                "別のアダプターを選ぶか、ndarray バックエンドを使ってください。",
                code="adapter-below-minimum",
                adapter=str(adapter),
                name=name,
                limit=available[name],
                needed=value,
            )
    timing = "timestamp-query"
    features = [timing] if timing in adapter.handle.features else []
    with translated_errors():
        return adapter.handle.request_device_sync(
            label="jsl-seq2seq", required_features=features, required_limits=limits
        )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raises wgpu's exceptions as :class:`~jsl_seq2seq.errors.Failure`, in Japanese."""
    try:
        yield
    except wgpu.GPUOutOfMemoryError as error:
        raise out_of_memory() from error
    except (wgpu.GPUError, RuntimeError) as error:
        text = str(error).strip()
        if "memory" in text.lower() and "out" in text.lower():
            raise out_of_memory() from error
        if "lost" in text.lower():
            raise Failure(
                "GPU との接続が切れました（ドライバーの再起動や省電力、時間切れで起こります）。",
                "保存済みのモデルは無事です。もう一度実行してください。学習の続きは、それを読み込んでできます。",
                code="gpu-lost",
                reason=text,
            ) from error
        first = text.splitlines()[0] if text else type(error).__name__
        raise Failure(
            f"GPU の処理に失敗しました: {first}",
            "ドライバーを更新するか、別のアダプターを選ぶか、ndarray バックエンドを使ってください。",
            code="gpu-failed",
            reason=first,
        ) from error


def out_of_memory(wanted: int | None = None, limit: int | None = None) -> Failure:
    """The failure to raise when the device's memory does not suffice, sizes in bytes."""
    detail = (
        "" if wanted is None else f"（必要 {wanted / 2**20:,.0f} MiB、上限 {(limit or 0) / 2**20:,.0f} MiB）"
    )
    return Failure(
        f"GPU のメモリーが足りません{detail}。",
        "バッチを小さくするか、長い文を分けるか、ndarray バックエンドを使ってください。",
        code="gpu-out-of-memory",
        needed=wanted,
        limit=limit,
    )


@cache
def _prepare_instance() -> None:
    if sys.platform == "linux":
        set_runtime_folder(tempfile.gettempdir())
    try:
        set_instance_extras(backends=["Vulkan", "Metal", "DX12"])
    except (RuntimeError, KeyError):
        return  # someone else in this process uses wgpu already, and the list is filtered anyway


def _rank(handle: Any) -> tuple[int, int]:
    kind, api = str(handle.info["adapter_type"]), str(handle.info["backend_type"])
    return (
        _PREFERENCE.index(kind) if kind in _PREFERENCE else len(_PREFERENCE) - 2,
        _APIS.index(api),
    )


__all__ = ["Adapter", "choose_adapter", "list_adapters", "native", "open_device", "out_of_memory", "wgpu"]
