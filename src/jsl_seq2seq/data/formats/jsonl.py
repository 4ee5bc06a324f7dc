"""Corpus files with one JSON object a line.

{"source": "わたしはたべます", "tags": ["私", "食べる"], "phenomenon": "平叙"}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...io.text import parse_json
from .format import PHENOMENON_NAMES, SOURCE_NAMES, TARGET_NAMES, Format, Lines, Row

HINT = '1 行は {"source": "日本語文", "tags": ["タグ1", "タグ2"]} の形です。'


def _rows(lines: Lines) -> Iterator[Row]:
    for line in lines:
        if line.strip():
            values = _object(line, lines)
            source = _text(_one(values, SOURCE_NAMES, lines), SOURCE_NAMES, lines)
            phenomenon = _text(_one(values, PHENOMENON_NAMES, lines, ""), PHENOMENON_NAMES, lines)
            target = _target(_one(values, TARGET_NAMES, lines), lines)
            yield Row(lines.number, source, target, phenomenon)


def _object(line: str, lines: Lines) -> Mapping[str, Any]:
    try:
        values = parse_json(line)
    except json.JSONDecodeError as error:
        raise lines.error(
            f"の {error.colno} 文字目から先を JSON として読めません（{error.msg}）。",
            HINT,
            code="not-json",
            column=error.colno,
        ) from None
    except (ValueError, RecursionError) as error:
        raise lines.error(f"を JSON として読めません（{error}）。", HINT, code="not-json", column=0) from None
    if not isinstance(values, dict):
        raise lines.error(
            "が {…} の形ではありません。",
            f"全体を [ ] で囲んだ JSON ではなく、1 行に 1 文の JSONL にします。{HINT}",
            code="not-an-object",
        )
    return values


def _one(values: Mapping[str, Any], names: Sequence[str], lines: Lines, default: Any = None) -> Any:
    found = [name for name in names if values.get(name) is not None]
    if len(found) > 1:
        raise lines.error(
            f"に、同じ意味の項目が 2 つあります（{'、'.join(found)}）。",
            HINT,
            code="repeated-key",
            found=found,
        )
    if not found and default is None:
        raise lines.error(
            f"に、{'、'.join(names)} のどの項目もありません。", HINT, code="missing-key", names=tuple(names)
        )
    return values[found[0]] if found else default


def _text(value: Any, names: Sequence[str], lines: Lines) -> str:
    if not isinstance(value, str):
        raise lines.error(f": {names[0]} が文字列ではありません。", HINT, code="mistyped-key", key=names[0])
    return value


def _target(value: Any, lines: Lines) -> str | tuple[str, ...]:
    """A list is one tag an item; a text is read as elsewhere, where a tag's brackets may be left out."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if isinstance(value, str):
        return value if "<" in value or ">" in value else tuple(value.split())
    raise lines.error(
        ": タグが、文字列でも文字列の並びでもありません。", HINT, code="mistyped-key", key=TARGET_NAMES[0]
    )


JSONL = Format(HINT, _rows)
