"""Comma-separated corpus files with a header (RFC 4180), as spreadsheets write them.

source,tags,phenomenon
"はい、わかります",<はい> <分かる>,返事
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ...errors import UserError
from .base import PHENOMENON_NAMES, SOURCE_NAMES, TARGET_NAMES, Format, Row, Rows
from .lines import Lines

HINT = (
    "1 行目に列の名前（source,tags）を、2 行目から 1 行に 1 文を書きます。"
    'コンマや改行を含む文は " で囲み、中の " は "" と書きます。'
)
_DELIMITERS = (",", ";", "\t")
_LONGEST_HEADER = 10_000
_UNCLOSED = ("unexpected end", "larger than field limit")
"""How the csv module says that a quotation mark was never closed."""


class _Columns(NamedTuple):
    names: tuple[str, ...]
    source: int
    target: int
    phenomenon: int | None


def _start(lines: Lines) -> Rows:
    """The delimiter is the one with which the header names both sides: nothing is guessed from the data."""
    header = next((line for line in lines if line.strip()), "")
    for delimiter in _DELIMITERS:
        names = tuple(
            name.strip() for name in next(csv.reader([header[:_LONGEST_HEADER]], delimiter=delimiter), [])
        )
        source, target = _find(names, SOURCE_NAMES, lines), _find(names, TARGET_NAMES, lines)
        if source is not None and target is not None:
            columns = _Columns(names, source, target, _find(names, PHENOMENON_NAMES, lines))
            return partial(_rows, delimiter=delimiter, columns=columns)
    raise UserError(
        f"{lines.name} の {max(lines.number, 1)} 行目に、列の名前がありません（{header.strip()[:40] or '空'}）。",
        f"文の列は {'、'.join(SOURCE_NAMES)}、タグの列は {'、'.join(TARGET_NAMES)} のどれかの名前にします。"
        "区切りは , か ; かタブです。",
    )


def _find(names: Sequence[str], wanted: Sequence[str], lines: Lines) -> int | None:
    found = [index for index, name in enumerate(names) if name.lower() in wanted]
    if len(found) > 1:
        raise UserError(
            f"{lines.name} の {lines.number} 行目: 同じ意味の列が {len(found)} つあります"
            f"（{'、'.join(names[index] for index in found)}）。",
            "使わない列の名前を変えるか、消してください。",
        )
    return found[0] if found else None


def _rows(lines: Lines, delimiter: str, columns: _Columns) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        offset, number = lines.offset, lines.number + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken(error, f"{lines.name} の {number} 行目") from None
        if not any(field.strip() for field in fields):
            continue
        spare = [field for field in fields[len(columns.names) :] if field.strip()]
        if len(fields) <= max(columns.source, columns.target) or spare:
            raise UserError(
                f"{lines.name} の {number} 行目: 列が {len(fields)} 個あります（1 行目は {len(columns.names)} 個）。",
                f'区切りの「{_shown(delimiter)}」を含む文は " で囲みます。',
            )
        at = columns.phenomenon
        phenomenon = fields[at] if at is not None and at < len(fields) else ""
        yield Row(
            number,
            offset,
            fields[columns.source],
            fields[columns.target],
            phenomenon,
            columns.target + 1,
            columns.names[columns.target],
        )


def _broken(error: csv.Error, where: str) -> UserError:
    if any(sign in str(error) for sign in _UNCLOSED):
        return UserError(
            f'{where}から始まる " が、閉じていません。', '文の中の " は "" と 2 つ書き、全体を " で囲みます。'
        )
    return UserError(
        f'{where}を CSV として読めません。閉じた " のすぐ後に、区切りでない文字があります。'
        if "expected after" in str(error)
        else f"{where}を CSV として読めません（{error}）。",
        HINT,
    )


def _shown(delimiter: str) -> str:
    return "タブ" if delimiter == "\t" else delimiter


CSV = Format(HINT, _start)
