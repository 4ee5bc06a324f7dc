"""Reading frozen settings from plain values, refusing what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
            code="unknown-keys",
            section=where,
            keys=unknown,
        )
    missing = [name for name, field in known.items() if name not in values and field.default is MISSING]
    if missing:
        raise UserError(
            f"設定 {where} に必要な項目がありません: {', '.join(missing)}",
            code="missing-keys",
            section=where,
            keys=missing,
        )
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
        raise UserError(
            f"設定 {where} は {expected} のはずですが、{value!r} でした。",
            code="mistyped-value",
            key=where,
            expected=expected,
            found=value,
        )
    return value


def require_range(setting: str, value: float, low: float, high: float) -> None:
    """Raise UserError unless ``low`` ≤ ``value`` ≤ ``high``; NaN is never in between.

    Args:
        setting: the name of the field or argument.
    """
    if not low <= value <= high:
        raise UserError(
            f"{setting} は {low:,} から {high:,} までにしてください（いまの値: {_shown(value)}）。",
            code="setting-out-of-range",
            setting=setting,
            value=value,
            low=low,
            high=high,
        )


def require_choice(setting: str, value: Any, choices: Sequence[str]) -> None:
    """Raise UserError unless ``value`` is one of ``choices``.

    Args:
        setting: the name of the field or argument.
    """
    if value not in choices:
        raise UserError(
            f"知らない {setting} です: {value!r}",
            f"使えるのは {'、'.join(choices)} です。",
            code="unknown-choice",
            setting=setting,
            value=value,
            choices=tuple(choices),
        )


def _shown(value: float) -> str:
    """The number, cut where nobody would read on."""
    shown = str(value)
    return shown if len(shown) <= _SHOWN_DIGITS else f"{shown[:_SHOWN_DIGITS]}…、{len(shown)} 文字"
