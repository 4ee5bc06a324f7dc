"""What every page must be."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_VOID = {"meta", "br", "img", "path", "rect", "circle", "stop", "use"}


class Checker(HTMLParser):
    """Every tag is closed in order, nothing comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        self.outside += [
            value for name, value in attrs if name in ("src", "href") and value and value[0] != "#"
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag


def check_page(page: str) -> None:
    checker = Checker()
    checker.feed(page)
    assert checker.open == [] and checker.outside == []
    assert '<html lang="ja">' in page and "日本手話そのものではありません" in page
    assert not re.search(r"url\(|@import|<script|<link", page)
