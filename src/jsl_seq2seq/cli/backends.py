"""``jsl-seq2seq backends``: what this machine can compute with, whether it works, and how fast."""

from __future__ import annotations

from typing import Any

from ..backends.registry import INT8, all_backends, choose_backend
from ..errors import JslError
from ..evaluation.self_test import self_test, translating_self_test
from .console import say, say_json


def show_backends(as_json: bool) -> bool:
    """Try every backend and device and print one line each; whether all that are there work."""
    rows = [_row(label, backend) for label, backend in all_backends()]
    chosen = choose_backend()
    if as_json:
        for row in rows:
            say_json(row)
        return all(row["works"] is not False for row in rows)
    for row in rows:
        say(f"{row['name']:<26} {_verdict(row)}")
        say(f"{'':<26} {row['detail']}")
    say(f"\n--backend auto で学習すると {chosen.name} を使います（{chosen.reason}）。")
    return all(row["works"] is not False for row in rows)


def _row(label: str, backend: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": label,
        "does": "translate" if label == INT8 else "train",
        "works": None,
        "detail": "",
        "difference": None,
        "milliseconds": None,
    }
    if isinstance(backend, JslError):
        return row | {"detail": str(backend).replace("\n", " ")}
    try:
        test = translating_self_test if backend.only_translates else self_test
        result = test(backend)
    except JslError as error:
        return row | {"works": False, "detail": error.what}
    return row | {
        "works": result.passed,
        "detail": backend.open(None).device,
        "difference": result.difference,
        "milliseconds": result.seconds * 1000,
    }


def _verdict(row: dict[str, Any]) -> str:
    if row["works"] is None:
        return "ありません"
    if row["milliseconds"] is None:
        return "動きません"
    answer = "正しく動きます" if row["works"] else "答えが NumPy と合いません"
    what = "学習 1 ステップ" if row["does"] == "train" else "翻訳だけ。8 文の 1 回の計算"
    return f"{answer}（{what} {row['milliseconds']:.1f} ミリ秒、NumPy との差 {row['difference']:.0e}）"
