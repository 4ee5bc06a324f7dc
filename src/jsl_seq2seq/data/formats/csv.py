"""Comma-separated corpus files with a header (RFC 4180), as spreadsheets write them.

source,tags,phenomenon
"はい、わかります",<はい> <分かる>,返事
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...errors import UserError
from .format import PHENOMENON_NAMES, PUBLISHED_NAMES, SOURCE_NAMES, TARGET_NAMES, Format, Lines, Row

HINT = (
    "1 行目に列の名前（source,tags）を、2 行目から 1 行に 1 文を書きます。"
    'コンマや改行を含む文は " で囲み、中の " は "" と書きます。'
)
_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_HEADER = 10_000
_UNCLOSED = ("unexpected end", "larger than field limit")
"""How the csv module says that a quotation mark was never closed."""


class _Columns(NamedTuple):
    names: tuple[str, ...]
    source: int
    target: int
    phenomenon: int | None


def _rows(lines: Lines) -> Iterator[Row]:
    delimiter, columns = _header(lines)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = lines.number + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken(error, lines, number) from None
        if not any(field.strip() for field in fields):
            continue
        spare = [field for field in fields[len(columns.names) :] if field.strip()]
        if len(fields) <= max(columns.source, columns.target) or spare:
            raise lines.error(
                f": 列が {len(fields)} 個あります（1 行目は {len(columns.names)} 個）。",
                f'区切りの「{_shown(delimiter)}」を含む文は " で囲みます。',
                code="wrong-columns",
                line=number,
                found=len(fields),
                expected=len(columns.names),
            )
        at = columns.phenomenon
        yield Row(
            number,
            fields[columns.source],
            fields[columns.target],
            fields[at] if at is not None and at < len(fields) else "",
            columns.target + 1,
            columns.names[columns.target],
        )


def _header(lines: Lines) -> tuple[str, _Columns]:
    """The delimiter is the one with which the header names both sides: nothing is guessed from the data."""
    header = next((line for line in lines if line.strip()), "")
    for delimiter in _DELIMITERS:
        names = tuple(
            name.strip() for name in next(csv.reader([header[:_LONGEST_HEADER]], delimiter=delimiter), [])
        )
        for wanted in ((SOURCE_NAMES, TARGET_NAMES), *(((a,), (b,)) for a, b in PUBLISHED_NAMES)):
            source, target = (_find(names, side, lines) for side in wanted)
            if source is not None and target is not None:
                return delimiter, _Columns(names, source, target, _find(names, PHENOMENON_NAMES, lines))
    raise lines.error(
        f"に、列の名前がありません（{header.strip()[:40] or '空'}）。",
        f"文の列は {'、'.join(SOURCE_NAMES)}、タグの列は {'、'.join(TARGET_NAMES)} のどれかの名前にします。"
        "区切りは , か ; か | かタブです。",
        code="no-header",
        line=max(lines.number, 1),
        found=header.strip()[:_LONGEST_HEADER],
    )


def _find(names: Sequence[str], wanted: Sequence[str], lines: Lines) -> int | None:
    found = [index for index, name in enumerate(names) if name.lower() in wanted]
    if len(found) > 1:
        raise lines.error(
            f": 同じ意味の列が {len(found)} つあります（{'、'.join(names[index] for index in found)}）。",
            "使わない列の名前を変えるか、消してください。",
            code="repeated-column",
            found=[names[index] for index in found],
        )
    return found[0] if found else None


def _broken(error: csv.Error, lines: Lines, number: int) -> UserError:
    if any(sign in str(error) for sign in _UNCLOSED):
        return lines.error(
            'から始まる " が、閉じていません。',
            '文の中の " は "" と 2 つ書き、全体を " で囲みます。',
            code="quote-not-closed",
            line=number,
        )
    return lines.error(
        'を CSV として読めません。閉じた " のすぐ後に、区切りでない文字があります。'
        if "expected after" in str(error)
        else f"を CSV として読めません（{error}）。",
        HINT,
        code="not-csv",
        line=number,
    )


def _shown(delimiter: str) -> str:
    return "タブ" if delimiter == "\t" else delimiter


CSV = Format(HINT, _rows)
