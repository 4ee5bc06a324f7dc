"""Memory, of the host or of a device, that does not suffice: how it is recognized, and computing in halves."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_WORDS = re.compile(r"out of memory|can't allocate memory|not enough memory|_ALLOC_FAILED", re.IGNORECASE)
"""In the RuntimeErrors of PyTorch: of CUDA and MPS, of its allocator for the CPU, and of CUDA's libraries."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of the host or of a device, did not suffice."""
    return (
        isinstance(error, MemoryError)
        or getattr(error, "code", None) == "gpu-out-of-memory"
        # PyTorch is not imported here
        or (isinstance(error, RuntimeError) and _WORDS.search(str(error)) is not None)
        # the end of a graph's capture fails, too, where memory did not suffice in it
        or (isinstance(error, RuntimeError) and is_out_of_memory(error.__context__ or Exception()))
    )


def in_halves(
    compute: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    alone: Callable[[Exception], Result],
    release: Callable[[], object] = lambda: None,
) -> list[Result]:
    """``compute(items)``; where memory does not suffice for that, the results of one half of the items behind those
    of the other.

    Args:
        items: at least one.
        alone: raises, or returns the result, where memory does not suffice for a single item.
        release: gives back memory that is kept for later, before anything else is computed.
    """
    try:
        return list(compute(items))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        if len(items) == 1:
            try:
                return [alone(error)]
            finally:
                release()
    # outside of the handler, whose traceback keeps the arrays
    release()
    half = len(items) // 2
    return [
        *in_halves(compute, items[:half], alone, release),
        *in_halves(compute, items[half:], alone, release),
    ]
