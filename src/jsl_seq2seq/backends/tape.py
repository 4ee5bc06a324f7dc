"""Reverse-mode differentiation for array libraries that have none (NumPy and WebGPU).

A tape keeps an entry for every operation that ran: its result, its inputs and its vector-Jacobian product.
Walking the entries from the last to the first multiplies the chain rule out (Griewank & Walther 2008, ch. 3;
Baydin et al. 2018, §3.2). The operations' vector-Jacobian products stand beside their formulas in each backend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Vjp = Callable[[Any], tuple[Any, ...]]
"""Vector-Jacobian product of one operation: the output's gradient in, one gradient per input out."""


class Tape:
    """Records operations while a loss is computed; :meth:`gradients` walks them backwards once."""

    def __init__(self) -> None:
        self._entries: list[tuple[Any, tuple[Any, ...], Vjp]] = []

    def record(self, output: Any, inputs: tuple[Any, ...], vjp: Vjp) -> None:
        """Append an entry. Arrays are compared by identity, so the tape keeps them alive."""
        self._entries.append((output, inputs, vjp))

    def clear(self) -> None:
        """Drop all entries, and the arrays with them: of a computation that failed."""
        self._entries.clear()

    def gradients(self, loss: Any, wanted: Sequence[Any], add: Callable[[Any, Any], Any]) -> list[Any | None]:
        """d loss / d array for each array in ``wanted``; ``None`` where the loss does not depend on it.

        Args:
            add: a + b of the backend, unrecorded; sums the gradients of an array that was used twice.

        The tape is empty afterwards. Entries are dropped as they are used, so memory falls during the walk.
        """
        gradients: dict[int, Any] = {id(loss): 1.0}
        keep = {id(array) for array in wanted}
        while self._entries:
            output, inputs, vjp = self._entries.pop()
            gradient = gradients.get(id(output)) if id(output) in keep else gradients.pop(id(output), None)
            if gradient is None:
                continue  # the loss does not depend on this operation
            for array, part in zip(inputs, vjp(gradient), strict=True):
                known = gradients.get(id(array))
                gradients[id(array)] = part if known is None else add(known, part)
        return [gradients.get(id(array)) for array in wanted]
