"""Text that crosses the program's border.

In: JSON as RFC 8259 has it, with bounds on what reading may cost. The standard library's reader takes ``NaN``,
``1e999`` and numbers of thousands of digits, and recurses as deep as its input is nested; its writer prints ``NaN``.

Out: text of unknown origin made safe for where it is shown, which may be a terminal, JSON, a Markdown file or a
picture. A tag, a sentence or a file name may hold characters that act instead of being seen: ESC begins commands to
a terminal, U+202E turns the direction of what follows, a line separator begins a line that nobody wrote.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from functools import cache
from itertools import accumulate
from typing import Any, NoReturn

UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Control characters (C0 and C1), marks of direction, line and paragraph separators, invisible operators,
annotations, tag characters, noncharacters, halves of surrogate pairs. The joiners U+200C and U+200D, with which
Persian and Hindi are written, and variation selectors are none of them."""

_MARKDOWN = re.compile(r"([\\`*_\[\]|~>$@]|:(?=//)|(?<=www)\.)")
_BACKTICKS = re.compile("`+")

MAX_DEPTH = 50
MAX_VALUES = 2_000_000
MAX_DIGITS = 300
"""Bounds of what is read, unless others are given: nesting, values, digits of an integer, so that any is a float64."""

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
_STRING = re.compile(rb'"[^"]*"?')


def parse_json(content: bytes | str, max_values: int = MAX_VALUES) -> Any:
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


def format_json(
    values: Any, ascii_only: bool = False, indent: int | None = None, compact: bool = False
) -> str:
    """The JSON text of a value.

    Numbers that JSON does not have become ``null``. Characters that act on a terminal or a reader's eye (control
    characters, marks of direction, line separators, halves of surrogate pairs) are written as ``\\u....``.

    Args:
        compact: without blanks.
    """
    encoder = _encoder(ascii_only, indent, compact)
    try:
        text = encoder.encode(values)
    except ValueError:
        text = encoder.encode(_finite(values))
    return UNSAFE.sub(_escaped, text)


@cache
def _encoder(ascii_only: bool, indent: int | None, compact: bool) -> json.JSONEncoder:
    separators = (",", ":") if compact else None
    return json.JSONEncoder(ensure_ascii=ascii_only, indent=indent, allow_nan=False, separators=separators)


def canonical_json(values: Any) -> bytes:
    """One spelling of a value, for checksums: ASCII, sorted keys, no blanks.

    Raises:
        ValueError: it holds a number that JSON does not have.
    """
    text = json.dumps(values, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def for_terminal(text: str, lines: bool = True) -> str:
    """The text with unsafe characters as ``\\x1b`` or ``\\u202e``.

    Args:
        lines: whether line feeds and tabs stay. Without, the result is one line.
    """
    return UNSAFE.sub(_kept_lines if lines else _visible, text)


def one_line(text: str) -> str:
    """:func:`for_terminal` without line feeds and tabs: what a program reads line by line, and field by field."""
    return for_terminal(text, lines=False)


def for_markdown(text: str) -> str:
    """One line of Markdown that shows the text as it is: no markup, no HTML, no links."""
    return _MARKDOWN.sub(r"\\\1", one_line(text).replace("&", "&amp;").replace("<", "&lt;"))


def markdown_code(text: str) -> str:
    """The text as inline code, in as many backticks as no run inside has."""
    text = one_line(text)
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def markdown_block(text: str) -> str:
    """One line as a code block."""
    text = one_line(text)
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def in_toml(content: str) -> str:
    """TOML whose strings are quoted with ``"``, with unsafe characters in them as ``\\u....``. Half a surrogate pair
    stays: TOML has no other way to write it, and no encoding does."""
    return UNSAFE.sub(_escaped_in_toml, content)


def has_surrogates(text: str) -> bool:
    """Whether there is half a surrogate pair in a text, which no encoding writes."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def substitute(text: str, by: str = "□") -> str:
    """The text with ``by`` for every unsafe character; those that are invisible in themselves are left out.

    Line feeds and tabs stay.
    """
    return UNSAFE.sub(lambda found: _substituted(found[0], by), text)


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


def _escaped_in_toml(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] in "\n\t" or 0xD800 <= code < 0xE000:
        return found[0]
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _units(character: str) -> tuple[int, ...]:
    """The UTF-16 code units of a character."""
    code = ord(character)
    if code < 0x10000:
        return (code,)
    return 0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code - 0x10000 & 0x3FF)


def _substituted(character: str, by: str) -> str:
    if character in "\n\t":
        return character
    return "" if unicodedata.category(character) == "Cf" else by


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _kept_lines(found: re.Match[str]) -> str:
    return found[0] if found[0] in "\n\t" else _visible(found)


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)
