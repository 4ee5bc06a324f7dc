"""Translating on the CPU in float32 with networks compiled by Numba: the passes of :mod:`.int8`, weights not rounded.

Results differ from NumPy's in the last digits, as sums are added up in another order.
"""

from __future__ import annotations

from .backend import Backend, Request
from .int8 import CompiledOps, compile_passes, refuse_device


def open_backend(request: Request) -> Backend:
    """The CPU with compiled networks. Raises UserError if a device is asked for, or without a working Numba."""
    refuse_device("numba", request)
    compile_passes()
    return Backend("numba", lambda _: CompiledOps(), f"{CompiledOps().device}、指定どおり")
