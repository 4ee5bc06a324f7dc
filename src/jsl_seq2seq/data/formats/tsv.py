"""Tab-separated corpus files: no header, ``#`` starts a comment line.

日本語文<TAB><タグ1> <タグ2> ...<TAB>現象（省略可）
"""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import UserError
from .base import Format, Row
from .lines import Lines

HINT = "1 行は「日本語文<TAB><タグ1> <タグ2> …」の形です（<TAB> はタブ文字）。"


def _rows(lines: Lines) -> Iterator[Row]:
    offset = lines.offset
    for line in lines:
        if line.strip() and not line.startswith("#"):
            columns = line.rstrip("\t \r\n").split("\t")
            if len(columns) not in (2, 3):
                raise UserError(
                    f"{lines.name} の {lines.number} 行目: タブで区切られた列が {len(columns)} 個あります。",
                    HINT,
                )
            yield Row(lines.number, offset, columns[0], columns[1], columns[2] if columns[2:] else "")
        offset = lines.offset


TSV = Format(HINT, lambda lines: _rows)
