"""JSON as RFC 8259 has it, in and out: no NaN, no Infinity, and bounds on what reading may cost.

The standard library's reader takes ``NaN``, ``1e999`` and numbers of thousands of digits, and recurses as deep as
its input is nested; its writer prints ``NaN``.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any, NoReturn

from .printable import UNSAFE

MAX_DEPTH = 50
MAX_VALUES = 2_000_000
MAX_DIGITS = 300
"""Bounds of what is read, unless others are given: nesting, values, digits of an integer, so that any is a float64."""

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
_STRING = re.compile(rb'"[^"]*"?')


def loads(content: bytes | str, max_values: int = MAX_VALUES) -> Any:
    """The value that a JSON text describes.

    Raises:
        ValueError: it is no JSON, is nested too deep, has too many values, or holds a number that no float64 or
            no integer of :data:`MAX_DIGITS` digits holds. A :class:`json.JSONDecodeError` has the place.
    """
    found = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if found.count(b",") + found.count(b":") > max_values:
        raise ValueError(f"値が多すぎます（{max_values:,} 個まで）")
    if found.count(b"[") + found.count(b"{") > MAX_DEPTH and _depth(found) > MAX_DEPTH:
        raise ValueError(f"入れ子が深すぎます（{MAX_DEPTH} 段まで）")
    return json.loads(content, parse_int=_integer, parse_float=_float, parse_constant=_no_number)


def dumps(values: Any, ascii_only: bool = False, indent: int | None = None, compact: bool = False) -> str:
    """The JSON text of a value.

    Numbers that JSON does not have become ``null``. Characters that act on a terminal or a reader's eye (control
    characters, marks of direction, line separators, halves of surrogate pairs) are written as ``\\u....``.

    Args:
        compact: without blanks.
    """
    separators = (",", ":") if compact else None
    encoder = json.JSONEncoder(ensure_ascii=ascii_only, indent=indent, allow_nan=False, separators=separators)
    try:
        text = encoder.encode(values)
    except ValueError:
        text = encoder.encode(_finite(values))
    return UNSAFE.sub(_escaped, text)


def canonical(values: Any) -> bytes:
    """One spelling of a value, for checksums: ASCII, sorted keys, no blanks.

    Raises:
        ValueError: it holds a number that JSON does not have.
    """
    text = json.dumps(values, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def _depth(content: bytes) -> int:
    """How deep brackets stand in each other outside of strings: passes over bytes only, none over values."""
    unescaped = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = _STRING.sub(b"", unescaped.translate(None, _OTHERS).replace(b'""', b""))
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"桁の多すぎる数です（{len(digits):,} 桁）")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"大きすぎる数です: {digits[:20]}")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"JSON にない数です: {name}")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0] in "\n\t" else "".join(f"\\u{unit:04x}" for unit in _units(found[0]))


def _units(character: str) -> tuple[int, ...]:
    """The UTF-16 code units of a character."""
    code = ord(character)
    if code < 0x10000:
        return (code,)
    return 0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code - 0x10000 & 0x3FF)
