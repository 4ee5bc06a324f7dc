"""Tab-separated corpus files: no header, ``#`` starts a comment line.

日本語文<TAB><タグ1> <タグ2> ...<TAB>現象（省略可）
"""

from __future__ import annotations

from collections.abc import Iterator

from .format import Format, Lines, Row

HINT = "1 行は「日本語文<TAB><タグ1> <タグ2> …」の形です（<TAB> はタブ文字）。"


def _rows(lines: Lines) -> Iterator[Row]:
    for line in lines:
        if line.strip() and not line.startswith("#"):
            columns = line.rstrip("\t \r\n").split("\t")
            if len(columns) not in (2, 3):
                raise lines.error(
                    f": タブで区切られた列が {len(columns)} 個あります。",
                    HINT,
                    code="wrong-columns",
                    found=len(columns),
                )
            yield Row(lines.number, columns[0], columns[1], columns[2] if len(columns) > 2 else "")


TSV = Format(HINT, _rows)
