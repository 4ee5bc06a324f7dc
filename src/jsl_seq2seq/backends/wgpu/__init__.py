"""WebGPU through wgpu-py, with WGSL written here (``kernels/``)."""

from .device import Adapter, choose_adapter, list_adapters
from .engine import Engine
from .ops import WgpuOps

__all__ = ["Adapter", "Engine", "WgpuOps", "choose_adapter", "list_adapters"]
