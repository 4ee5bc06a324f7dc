"""A request for a backend and its answer: the argument and the result of each backend's ``open_backend``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import UserError
from .interface import DecodingOps, TrainingOps
from .process_group import ProcessGroup
from .tape import Tape

SINGLE = ProcessGroup()


@dataclass(frozen=True)
class Request:
    """What a backend is opened for.

    Attributes:
        device: one of the backend's devices, by its name or number; ``None`` for the best one.
        precision: ``fp32``, ``bf16`` or ``int8``.
        hardware: refuse devices that are simulated in software.
        together: join the process group that ``torchrun`` started.
    """

    device: str | None = None
    precision: str = "fp32"
    hardware: bool = False
    together: bool = False


@dataclass(frozen=True)
class Backend:
    """A backend of this machine, on one device and in one precision.

    Attributes:
        open: makes its operations; with a tape they are differentiable.
        reason: the device and why it was chosen, in Japanese, one line.
        processes: the process group that trains together.
    """

    name: str
    open: Callable[[Tape | None], DecodingOps]
    reason: str
    processes: ProcessGroup = SINGLE

    def training_ops(self, tape: Tape | None) -> TrainingOps:
        """Operations that can train.

        Raises:
            UserError: the backend's type lacks :class:`~.interface.TrainingOps`.
        """
        ops = self.open(tape)
        if not isinstance(ops, TrainingOps):
            raise UserError(
                f"{self.name} バックエンド（{ops.precision}）では学習できません。",
                "バックエンドを auto にすると、この機械で学習できるものを選びます。",
                code="backend-cannot-train",
                backend=self.name,
                precision=ops.precision,
            )
        return ops
