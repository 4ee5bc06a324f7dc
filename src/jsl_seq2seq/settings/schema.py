"""Reading frozen settings from plain values, refusing what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from ..errors import UserError

Config = TypeVar("Config")
_SHOWN_DIGITS = 20
_PLAIN_TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


def from_mapping(cls: type[Config], values: Mapping[str, Any], where: str, **ready: Any) -> Config:
    """Build dataclass ``cls`` from JSON ``values``, refusing unknown, missing and mistyped keys.

    Args:
        where: the section's name, for messages.
        ready: fields that are built already and not read from ``values``.
    """
    known = {field.name: field for field in fields(cls) if field.name not in ready}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UserError(
            f"設定 {where} に知らない項目があります: {', '.join(unknown)}",
            "もっと新しい版で作られたモデルかもしれません。プログラムを更新してください。",
        )
    missing = [name for name, field in known.items() if name not in values and field.default is MISSING]
    if missing:
        raise UserError(f"設定 {where} に必要な項目がありません: {', '.join(missing)}")
    checked = {
        name: _typed(value, str(known[name].type), f"{where}.{name}") for name, value in values.items()
    }
    return cls(**checked, **ready)


def _typed(value: Any, expected: str, where: str) -> Any:
    plain = _PLAIN_TYPES[expected]
    if plain is float and type(value) is int:
        value = float(value)
    # bool is an int in Python, but `"d_model": true` is a damaged file, not a size of 1
    if type(value) is not plain:
        raise UserError(f"設定 {where} は {expected} のはずですが、{value!r} でした。")
    return value


def require_range(option: str, value: float, low: float, high: float) -> None:
    """Raise UserError unless ``low`` ≤ ``value`` ≤ ``high``; NaN is never in between.

    Args:
        option: what the user calls it.
    """
    if not low <= value <= high:
        shown = str(value)
        if len(shown) > _SHOWN_DIGITS:
            shown = f"{shown[:_SHOWN_DIGITS]}…、{len(shown)} 文字"
        raise UserError(f"{option} は {low:,} から {high:,} までにしてください（いまの値: {shown}）。")


def flag(name: str) -> str:
    """The command-line spelling of a field: ``batch_size`` -> ``--batch-size``."""
    return "--" + name.replace("_", "-")
