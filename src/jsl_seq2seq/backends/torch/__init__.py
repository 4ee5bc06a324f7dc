"""PyTorch: CUDA, Apple's MPS, and the CPU. Differentiation and fused attention are PyTorch's own."""

from .device import best_device, describe
from .opening import open_ops
from .ops import TorchOps
from .process_group import TorchProcessGroup, device_of_this_process, started_together

__all__ = [
    "TorchOps",
    "TorchProcessGroup",
    "best_device",
    "describe",
    "device_of_this_process",
    "open_ops",
    "started_together",
]
