"""``jsl-seq2seq backends``: what this machine can compute with, whether it works, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from ..backends.interface import TrainingOps
from ..backends.registry import PRECISIONS, Selection, all_backends, choose_backend
from ..errors import JslError
from ..training.self_test import self_test, translating_self_test
from . import options as opt
from .console import error_to_dict, say, say_json


def backends(as_json: opt.Json = False) -> None:
    rows = [_row(selection, backend) for selection, backend in all_backends()]
    if as_json:
        for row in rows:
            say_json(row)
    else:
        _show(rows)
    if any(row["works"] is False for row in rows):
        raise typer.Exit(1)


def _show(rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        say(f"{row['name']:<26} {_verdict(row)}")
        say(f"{'':<26} {row['detail']}")
    chosen = choose_backend()
    say(f"\n--backend auto で学習すると {chosen.name} を使います（{chosen.reason}）。")


def _row(selection: Selection, backend: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": _label(selection),
        "does": "train" if "training" in PRECISIONS[selection.precision] else "translate",
        "works": None,
        "detail": "",
        "difference": None,
        "milliseconds": None,
        "code": None,
    }
    if isinstance(backend, JslError):
        return row | {"detail": _words(backend), "code": backend.code}
    try:
        test = self_test if isinstance(backend.open(None), TrainingOps) else translating_self_test
        result = test(backend)
    except JslError as error:
        return row | {"works": False, "detail": error_to_dict(error)["error"], "code": error.code}
    return row | {
        "works": result.passed,
        "detail": backend.open(None).device,
        "difference": result.difference,
        "milliseconds": result.seconds * 1000,
    }


def _label(selection: Selection) -> str:
    """The options that select it."""
    device = "" if selection.device is None else f" --device {selection.device}"
    return (
        selection.name
        + device
        + ("" if selection.precision == "fp32" else f" --precision {selection.precision}")
    )


def _verdict(row: dict[str, Any]) -> str:
    if row["works"] is None:
        return "ありません"
    if row["milliseconds"] is None:
        return "動きません"
    answer = "正しく動きます" if row["works"] else "答えが NumPy と合いません"
    what = "学習 1 ステップ" if row["does"] == "train" else "翻訳だけ。8 文の 1 回の計算"
    return f"{answer}（{what} {row['milliseconds']:.1f} ミリ秒、NumPy との差 {row['difference']:.0e}）"


def _words(error: JslError) -> str:
    said = error_to_dict(error)
    return f"{said['error']} {said['hint']}".rstrip()
