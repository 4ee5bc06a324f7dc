"""Deferred results: an operation is noted, and computed when the next operation is known.

``add(x, linear(y))`` is one kernel on a GPU, and two if the linear layer is computed at once. So :mod:`.training`
and :mod:`.decoding` return a :class:`Deferred` where a larger operation may follow. That operation may read its
parts; every other use, PyTorch's functions included, computes it and gets the tensor it stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .dropout import Drop


class Deferred:
    """A tensor that is computed at its first use.

    Args:
        compute: computes it with PyTorch's operations.
    """

    def __init__(self, shape: torch.Size, compute: Callable[[], torch.Tensor]) -> None:
        self.shape, self._compute = shape, compute
        self._tensor: torch.Tensor | None = None

    @property
    def pending(self) -> bool:
        """Whether it has not been computed."""
        return self._tensor is None

    def tensor(self) -> torch.Tensor:
        """The tensor."""
        if self._tensor is None:
            self._tensor = self._compute()
        return self._tensor

    def set(self, tensor: torch.Tensor) -> None:
        """Its value, which another kernel computed along with its own."""
        self._tensor = tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tensor(), name)

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = {name: computed(value) for name, value in (kwargs or {}).items()}
        return function(*map(computed, args), **named)


class DeferredLinear(Deferred):
    """drop(x W + b).

    Attributes:
        x: [..., I]; may be deferred itself.
        drop: the dropout, if any.
    """

    def __init__(
        self,
        x: torch.Tensor | Deferred,
        weight: torch.Tensor,
        bias: torch.Tensor,
        compute: Callable[[], torch.Tensor],
        drop: Drop | None = None,
    ) -> None:
        super().__init__(torch.Size((*x.shape[:-1], weight.shape[1])), compute)
        self.x, self.weight, self.bias, self.drop = x, weight, bias, drop


class DeferredSum(Deferred):
    """residual + sublayer, of the same shape."""

    def __init__(
        self, residual: torch.Tensor, sublayer: DeferredLinear, compute: Callable[[], torch.Tensor]
    ) -> None:
        super().__init__(residual.shape, compute)
        self.residual, self.sublayer = residual, sublayer


class DeferredNorm(Deferred):
    """LayerNorm(x)."""

    def __init__(
        self,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        epsilon: float,
        compute: Callable[[], torch.Tensor],
    ) -> None:
        super().__init__(x.shape, compute)
        self.x, self.weight, self.bias, self.epsilon = x, weight, bias, epsilon


class DeferredRows(Deferred):
    """factor · table[ids]."""

    def __init__(
        self, table: torch.Tensor, ids: torch.Tensor, factor: float, compute: Callable[[], torch.Tensor]
    ) -> None:
        super().__init__(torch.Size((*ids.shape, table.shape[1])), compute)
        self.table, self.ids, self.factor = table, ids, factor


class DeferredLogProbs(Deferred):
    """log softmax(logits) + added."""

    def __init__(
        self, logits: torch.Tensor, added: torch.Tensor | None, compute: Callable[[], torch.Tensor]
    ) -> None:
        super().__init__(logits.shape, compute)
        self.logits, self.added = logits, added


class CacheBuffer(Deferred):
    """A cache [B, H, C, E], and the write of one position that is noted and not done yet.

    Attention writes the position in the kernel that reads the cache (:meth:`take_write`). Any other use of the
    buffer does the write first, so that it is in place for every reader.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        super().__init__(tensor.shape, lambda: tensor)
        self.set(tensor)
        self._write: tuple[torch.Tensor, torch.Tensor] | None = None

    def defer_write(self, values: torch.Tensor, position: torch.Tensor) -> None:
        """Note the write of ``values`` [B, H, 1, E] at ``position`` [1]; an earlier one is done now."""
        self.tensor()
        self._write = values, position

    @property
    def write_position(self) -> torch.Tensor | None:
        """The position [1] of a write that is noted and not done."""
        return None if self._write is None else self._write[1]

    def take_write(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The buffer without the noted write, its values and its position: the caller does the write."""
        assert self._write is not None
        (values, position), self._write = self._write, None
        return super().tensor(), values, position

    def tensor(self) -> torch.Tensor:
        """The buffer, with the write done."""
        buffer = super().tensor()
        if self._write is not None:
            (values, position), self._write = self._write, None
            buffer.index_copy_(2, position, values)
        return buffer


def computed(x: Any) -> Any:
    """The tensor that ``x`` is or stands for; anything else as it is."""
    return x.tensor() if isinstance(x, Deferred) else x
