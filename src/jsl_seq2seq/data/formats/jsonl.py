"""Corpus files with one JSON object a line.

{"source": "わたしはたべます", "tags": ["私", "食べる"], "phenomenon": "平叙"}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import UserError
from .base import PHENOMENON_NAMES, SOURCE_NAMES, TARGET_NAMES, Format, Row
from .lines import Lines

HINT = '1 行は {"source": "日本語文", "tags": ["タグ1", "タグ2"]} の形です。'


def _rows(lines: Lines) -> Iterator[Row]:
    offset = lines.offset
    for line in lines:
        if line.strip():
            where = f"{lines.name} の {lines.number} 行目"
            values = _object(line, where)
            source = _text(_one(values, SOURCE_NAMES, where), SOURCE_NAMES, where)
            phenomenon = _text(_one(values, PHENOMENON_NAMES, where, ""), PHENOMENON_NAMES, where)
            target = _target(_one(values, TARGET_NAMES, where), where)
            yield Row(lines.number, offset, source, target, phenomenon)
        offset = lines.offset


def _object(line: str, where: str) -> Mapping[str, Any]:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}の {error.colno} 文字目から先を JSON として読めません（{error.msg}）。", HINT
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}を JSON として読めません（{error}）。", HINT) from None
    if not isinstance(values, dict):
        raise UserError(
            f"{where}が {{…}} の形ではありません。",
            f"全体を [ ] で囲んだ JSON ではなく、1 行に 1 文の JSONL にします。{HINT}",
        )
    return values


def _one(values: Mapping[str, Any], names: Sequence[str], where: str, default: Any = None) -> Any:
    found = [name for name in names if values.get(name) is not None]
    if len(found) > 1:
        raise UserError(f"{where}に、同じ意味の項目が 2 つあります（{'、'.join(found)}）。", HINT)
    if not found and default is None:
        raise UserError(f"{where}に、{'、'.join(names)} のどの項目もありません。", HINT)
    return values[found[0]] if found else default


def _text(value: Any, names: Sequence[str], where: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{where}: {names[0]} が文字列ではありません。", HINT)
    return value


def _target(value: Any, where: str) -> str | tuple[str, ...]:
    """A list is one tag an item; a text is read as elsewhere, where a tag's brackets may be left out."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if isinstance(value, str):
        return value if "<" in value or ">" in value else tuple(value.split())
    raise UserError(f"{where}: タグが、文字列でも文字列の並びでもありません。", HINT)


JSONL = Format(HINT, lambda lines: _rows)
