"""The words that the analyser uses besides the lexicon, from ``assets/analyser/words.tsv``."""

from __future__ import annotations

from importlib import resources

from ..errors import UserError


def read_tables() -> dict[str, dict[str, str]]:
    """By kind, each spelling and its tags separated by spaces; empty for a word that is not signed.

    Raises:
        UserError: a row has not three columns; names the line.
    """
    source = resources.files("jsl_seq2seq") / "assets" / "analyser" / "words.tsv"
    tables: dict[str, dict[str, str]] = {}
    for number, line in enumerate(source.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != 3:
            raise UserError(
                f"words.tsv の {number} 行目: 列が三つありません。",
                "「種類<TAB>表記<TAB>タグ」の形にしてください。",
                code="analyser-row",
                line=number,
            )
        kind, spellings, tags = cells
        table = tables.setdefault(kind, {})
        for spelling in spellings.split("|"):
            table.setdefault(spelling, "" if tags == "-" else tags)
    return tables
