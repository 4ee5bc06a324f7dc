"""Conventions that can be switched: the same meaning, tagged in another way that published JSL shows.

``assets/conventions.tsv`` holds for each the tags as the grammar and the analyser write them, the other form, and which
one is chosen. docs/corpus.md lists the questions to signers behind them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from ..errors import UserError

_NUMBER = r"(?:(?:\d|10|百|千|万|億|点)(?: (?:\d|10|百|千|万|億|点))*)"
_UNITS = (
    "時", "分", "年", "月", "日", "円", "人", "階", "回", "番", "年生", "度", "メートル", "キロ", "時間", "週",
    "か月", "年齢", "パーセント", "センチ", "ミリ", "グラム", "トン", "リットル", "ドル", "倍", "ページ", "泊", "秒",
    "世紀", "割",
)  # fmt: skip
_CLASSES = {
    "{数}": _NUMBER,
    "{単位}": f"(?:{'|'.join(_UNITS)})",
    "{人}": "(?:私|あなた|彼|彼女|私たち|みんな)",
}


@dataclass(frozen=True)
class Convention:
    """One row of the table.

    Attributes:
        name: what it is about.
        now: a regular expression for the tags, separated by spaces, as rules write them.
        other: what replaces them in the other form.
        chosen: whether the other form is chosen.
    """

    name: str
    now: re.Pattern[str]
    other: str
    chosen: bool

    def apply(self, tags: str) -> str:
        """Tags separated by spaces, in the other form."""
        return " ".join(self.now.sub(self.other, tags).split())


def read_conventions(path: Path | None = None) -> tuple[Convention, ...]:
    """The table, or another one in a file of the same form.

    Raises:
        UserError: a row has not four columns, its pattern is none, or its choice is neither 今 nor 別.
    """
    source = path or resources.files("jsl_seq2seq") / "assets" / "conventions.tsv"
    found = []
    for number, line in enumerate(source.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        try:
            name, now, other, choice = cells
            if choice not in ("今", "別"):
                raise ValueError(choice)
            for written, pattern in _CLASSES.items():
                now = now.replace(written, pattern)
            start = "" if now.startswith(("^", " ?")) else "(?<![^ ])"
            found.append(Convention(name, re.compile(f"{start}{now}(?![^ ])"), other, choice == "別"))
        except (ValueError, re.error):
            raise UserError(
                f"conventions.tsv の {number} 行目を読めません。",
                "「名前<TAB>今の形<TAB>別の形<TAB>今（または 別）」の形にしてください。",
                code="convention-row",
                line=number,
            ) from None
    return tuple(found)


@cache
def _rewriting() -> Callable[[str], str] | None:
    """All chosen conventions of the table one after the other; None where none is chosen."""
    chosen = [one for one in read_conventions() if one.chosen]
    if not chosen:
        return None

    def rewrite(tags: str) -> str:
        for one in chosen:
            tags = one.apply(tags)
        return tags

    return rewrite


def rewrite(tags: Sequence[str], conventions: Iterable[Convention] | None = None) -> tuple[str, ...]:
    """Tags with the chosen conventions of the table applied, or with all of ``conventions``."""
    text = " ".join(tags)
    if conventions is not None:
        for one in conventions:
            text = one.apply(text)
        return tuple(text.split())
    chosen = _rewriting()
    return tuple(tags) if chosen is None else tuple(chosen(text).split())
