"""Translating on the CPU with weights of one byte each, compiled by Numba."""

from __future__ import annotations

import os

from ...errors import UserError
from ...extras import is_missing, reason
from ..backend import Backend, Request

try:
    from .ops import Int8Ops
except Exception as problem:
    if is_missing("numba"):
        raise UserError(
            "Numba が入っていないので、int8 では計算できません。",
            "pip install 'jsl-seq2seq[int8]' で入ります。",
            code="numba-missing",
        ) from None
    raise UserError(  # in Numba's own words, such as those for a NumPy that is too new for it
        f"Numba が動かないので、int8 では計算できません（{reason(problem)}）。",
        "環境変数 NUMBA_DISABLE_JIT を外してください。"
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
        else "pip install -U 'jsl-seq2seq[int8]' で、合う版が入ります。",
        code="numba-broken",
        reason=reason(problem),
    ) from problem


def open_backend(request: Request) -> Backend:
    """The CPU with 8-bit weights, everything compiled. Raises UserError if a device is asked for."""
    if request.device is not None:
        raise UserError(
            "int8 の計算に device はありません（いつも CPU です）。",
            code="backend-without-devices",
            backend="ndarray",
            setting="device",
            device=request.device,
        )
    from . import passes as passes  # noqa: PLC0415  compiled here, where users are told that it takes a while

    return Backend("ndarray", lambda _: Int8Ops(), f"{Int8Ops().device}、int8")


__all__ = ["Int8Ops", "open_backend"]
