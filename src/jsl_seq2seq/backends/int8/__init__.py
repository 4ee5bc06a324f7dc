"""Translating on the CPU with networks compiled by Numba; their weights are one byte each, or float32."""

from __future__ import annotations

import warnings

from ...errors import UserError
from ...extras import is_missing, reason
from ...settings.environment import compiles_nothing
from ..backend import Backend, Request

if compiles_nothing():
    raise UserError(
        "Numba に何もコンパイルさせない設定なので、コンパイルした計算（int8 と numba バックエンド）はできません。",
        "環境変数 NUMBA_DISABLE_JIT を外してください。",
        code="numba-broken",
        reason="NUMBA_DISABLE_JIT",
    )
try:
    with warnings.catch_warnings():  # Numba prints a traceback for a variable of its own that it cannot read
        warnings.simplefilter("ignore")
        from .ops import CompiledOps, Int8Ops
except Exception as problem:
    if is_missing("numba"):
        raise UserError(
            "Numba が入っていないので、コンパイルした計算（int8 と numba バックエンド）はできません。",
            "pip install 'jsl-seq2seq[int8]' で入ります。",
            code="numba-missing",
        ) from None
    raise UserError(  # in Numba's own words, such as those for a NumPy that is too new for it
        f"Numba が動かないので、コンパイルした計算（int8 と numba バックエンド）はできません（{reason(problem)}）。",
        "pip install -U 'jsl-seq2seq[int8]' で、合う版が入ります。",
        code="numba-broken",
        reason=reason(problem),
    ) from problem


def open_backend(request: Request) -> Backend:
    """The CPU with 8-bit weights, everything compiled. Raises UserError if a device is asked for."""
    refuse_device("ndarray", request)
    compile_passes()
    return Backend("ndarray", lambda _: Int8Ops(), f"{Int8Ops().device}、int8")


def refuse_device(backend: str, request: Request) -> None:
    """Raises UserError if a device is asked for."""
    if request.device is not None:
        what = "int8 の計算" if request.precision == "int8" else f"{backend} バックエンド"
        raise UserError(
            f"{what}に device はありません（いつも CPU です）。",
            code="backend-without-devices",
            backend=backend,
            setting="device",
            device=request.device,
        )


def compile_passes() -> None:
    """Compile networks' passes, or load what an earlier process compiled; users are told if it takes a while."""
    from . import passes as passes  # noqa: PLC0415


__all__ = ["CompiledOps", "Int8Ops", "compile_passes", "open_backend", "refuse_device"]
