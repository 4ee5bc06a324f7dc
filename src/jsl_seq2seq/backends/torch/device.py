"""Which of PyTorch's devices this machine has."""

from __future__ import annotations

import torch


def best_device() -> str:
    """``cuda`` or ``mps`` if PyTorch has one here, else ``cpu``."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def describe(device: torch.device) -> str:
    """A device's name for people to read."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    return f"{name} (PyTorch {torch.__version__})"
