"""Which backend runs the model: by name, or the best one that this machine has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import UserError
from .base import Ops, Recorder

AUTO = "auto"
NAMES = ("ndarray", "wgpu", "torch")


@dataclass(frozen=True)
class Backend:
    """A backend that is there and works.

    Attributes:
        open: makes its operations; a recorder makes them differentiable.
        reason: why this one, in Japanese, one line.
    """

    name: str
    open: Callable[[Recorder | None], Ops]
    reason: str


def choose_backend(name: str = AUTO) -> Backend:
    """The backend that ``--backend name`` asks for.

    Raises:
        UserError: an unknown name, or a backend that this version or this machine does not have.
    """
    if name == AUTO:
        return _ndarray("自動選択: この版で使えるのは NumPy（CPU）だけです")
    if name == "ndarray":
        return _ndarray("指定どおり")
    if name in NAMES:
        raise UserError(
            f"バックエンド {name} はこの版にはまだありません。",
            "--backend ndarray（NumPy）か --backend auto を使ってください。",
        )
    raise UserError(f"知らないバックエンドです: {name}", f"使える名前は {', '.join((AUTO, *NAMES))} です。")


def _ndarray(reason: str) -> Backend:
    from .numpy import NumpyOps  # noqa: PLC0415  each backend's library is imported only when it is used

    return Backend("ndarray", NumpyOps, reason)
