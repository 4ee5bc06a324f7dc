"""Results that wait: an operation is told, and done when it is known what becomes of its result.

``add(x, linear(y))`` is one kernel on a GPU, and two if the linear layer is computed as soon as it is told. So
:mod:`.training` and :mod:`.decoding` hand out a :class:`Waiting` where a larger operation may follow. Whoever
follows may take it apart; to everyone else, PyTorch's functions included, it is the tensor it stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .dropout import Drop


class Waiting:
    """A tensor that is computed when somebody looks at it.

    Args:
        compute: the usual way to it.
    """

    def __init__(self, shape: torch.Size, compute: Callable[[], torch.Tensor]) -> None:
        self.shape, self._compute = shape, compute
        self._tensor: torch.Tensor | None = None

    @property
    def waits(self) -> bool:
        """Whether it has not been computed."""
        return self._tensor is None

    def now(self) -> torch.Tensor:
        """The tensor."""
        if self._tensor is None:
            self._tensor = self._compute()
        return self._tensor

    def settle(self, tensor: torch.Tensor) -> None:
        """It came out beside something else."""
        self._tensor = tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now(), name)

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = {name: now(value) for name, value in (kwargs or {}).items()}
        return function(*map(now, args), **named)


class WaitingLinear(Waiting):
    """x W + b, which may be dropped from.

    Attributes:
        x: [..., I]; may wait itself.
        drop: what falls, if any does.
    """

    def __init__(
        self,
        x: torch.Tensor | Waiting,
        weight: torch.Tensor,
        bias: torch.Tensor,
        compute: Callable[[], torch.Tensor],
        drop: Drop | None = None,
    ) -> None:
        super().__init__(torch.Size((*x.shape[:-1], weight.shape[1])), compute)
        self.x, self.weight, self.bias, self.drop = x, weight, bias, drop


class WaitingSum(Waiting):
    """residual + sublayer, of the same shape."""

    def __init__(
        self, residual: torch.Tensor, sublayer: WaitingLinear, compute: Callable[[], torch.Tensor]
    ) -> None:
        super().__init__(residual.shape, compute)
        self.residual, self.sublayer = residual, sublayer


class WaitingNorm(Waiting):
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


class WaitingRows(Waiting):
    """factor · table[ids]."""

    def __init__(
        self, table: torch.Tensor, ids: torch.Tensor, factor: float, compute: Callable[[], torch.Tensor]
    ) -> None:
        super().__init__(torch.Size((*ids.shape, table.shape[1])), compute)
        self.table, self.ids, self.factor = table, ids, factor


class WaitingLogProbs(Waiting):
    """log softmax(logits) + added."""

    def __init__(
        self, logits: torch.Tensor, added: torch.Tensor | None, compute: Callable[[], torch.Tensor]
    ) -> None:
        super().__init__(logits.shape, compute)
        self.logits, self.added = logits, added


class WaitingWrite(Waiting):
    """A cache that gets something new at a place only the device knows; nobody looks at it but through this."""

    def __init__(
        self,
        buffer: torch.Tensor,
        values: torch.Tensor,
        place: torch.Tensor,
        compute: Callable[[], torch.Tensor],
    ) -> None:
        super().__init__(buffer.shape, compute)
        self.buffer, self.values, self.place = buffer, values, place


def now(x: Any) -> Any:
    """The tensor that ``x`` is or stands for; anything else as it is."""
    return x.now() if isinstance(x, Waiting) else x
