"""Reverse-mode differentiation for array libraries that have none (NumPy and WebGPU).

A tape keeps, for every operation that ran, its result, its inputs and the function that takes a gradient
back through it. Walking the tape from its end multiplies the chain rule out (Griewank & Walther 2008,
ch. 3; Baydin et al. 2018, §3.2). The operations' own gradients stand beside their formulas in ``ops/``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .interface import Array, Vjp


class Tape:
    """Records operations while a loss is computed; :meth:`gradients` plays them back once."""

    def __init__(self) -> None:
        self._entries: list[tuple[Array, tuple[Array, ...], Vjp]] = []

    def record(self, output: Array, inputs: tuple[Array, ...], vjp: Vjp) -> None:
        """Remember one operation. Arrays are known by identity, so the tape keeps them alive."""
        self._entries.append((output, inputs, vjp))

    def gradients(
        self, loss: Array, wanted: Sequence[Array], add: Callable[[Array, Array], Array]
    ) -> list[Array | None]:
        """d loss / d array for each array in ``wanted``; ``None`` where the loss does not depend on it.

        Args:
            add: a + b of the backend, unrecorded; sums the gradients of an array that was used twice.

        The tape is empty afterwards, and entries are let go as they are used, so memory falls as it walks.
        """
        gradients: dict[int, Array] = {id(loss): 1.0}
        keep = {id(array) for array in wanted}
        while self._entries:
            output, inputs, vjp = self._entries.pop()
            gradient = gradients.get(id(output)) if id(output) in keep else gradients.pop(id(output), None)
            if gradient is None:
                continue  # nothing that the loss depends on came from here
            for array, part in zip(inputs, vjp(gradient), strict=True):
                known = gradients.get(id(array))
                gradients[id(array)] = part if known is None else add(known, part)
        return [gradients.get(id(array)) for array in wanted]
