"""WebGPU through wgpu-py, with WGSL written here (``kernels/``)."""

from __future__ import annotations

from ..backend import Backend, Request
from .device import Adapter, choose_adapter, list_adapters
from .engine import Engine
from .ops import WgpuOps


def open_backend(request: Request) -> Backend:
    """One adapter of this machine; raises what :func:`choose_adapter` raises."""
    adapter = choose_adapter(request.device, software=not request.hardware)
    return Backend("wgpu", lambda tape: WgpuOps(tape, str(adapter.index)), str(adapter))


def device_names() -> list[str]:
    """The adapters' numbers."""
    return [str(adapter.index) for adapter in list_adapters()]


__all__ = ["Adapter", "Engine", "WgpuOps", "choose_adapter", "device_names", "list_adapters", "open_backend"]
