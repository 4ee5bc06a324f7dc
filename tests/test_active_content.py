"""What looks like markup, or tells a terminal to do something, in sentences, tags and the names of files and folders:
every command that writes pages, pictures, cards and records, from the training on.

What is printed is checked for all inputs by :mod:`tests.hostile`, the page of the server in tests/serve/test_page.py.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

pytest.importorskip(
    "resource", reason="Windows has no such names of files, and tests.hostile no limits of resources"
)

from .hostile import FORMATS, Outcome, complaints, run

MARKUP = "<svg/onload=alert(1)>"
"""An element without a space: a tag, a word and a name of a file can be one."""
ACTING = "\x1b[31m\x07\x9b\u202e"
NAME = f"{MARKUP.replace('/', ' ')}\"'&{ACTING}"
SMALLEST = ["--d-model", "8", "--n-heads", "2", "--n-layers", "1", "--d-ff", "8", "--epochs", "2"]
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Elements(HTMLParser):
    """The names of the elements and attributes that a browser would find."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.acting: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [
            name for name, value in attrs if name.startswith("on") or (value or "").startswith("javascript:")
        ]
        self.acting += [f"{tag} {name}" for name in names]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hostile files in a folder of a hostile name, the current one."""
    found = tmp_path / NAME
    found.mkdir()
    monkeypatch.chdir(found)
    pairs = [
        (f"わたし{MARKUP}{ACTING}", ["私", MARKUP]),
        ("あなた", [f"あ{ACTING}", "私"]),
        ("ありがとう", ["私"]),
    ]
    (found / f"{NAME}.jsonl").write_text(
        "".join(json.dumps({"source": text, "tags": tags}) + "\n" for text, tags in pairs), encoding="utf-8"
    )
    return found


def done(*arguments: str) -> Outcome:
    outcome = run([*arguments])
    assert not outcome.code and complaints("texts", [*arguments], outcome) == [], outcome
    return outcome


def test_what_is_looked_for_would_be_found() -> None:
    card = MarkdownIt("commonmark")
    for written in (MARKUP, MARKUP.replace("/", " "), "<a href='javascript:alert(1)'>x</a>"):
        assert len(Elements(written).acting) == 1
        assert Elements(card.render(f"`{written}`")).acting == []
    assert len(Elements(card.render(MARKUP.replace("/", " "))).acting) == 1
    assert all(_CONTROL.search(one) for one in ACTING.replace("[31m", ""))


def test_every_file_that_is_written(folder: Path) -> None:
    data, model = f"{NAME}.jsonl", f"m{NAME}"
    text = f"わたし{MARKUP}{ACTING}"
    done("train", "--data", data, "--valid", data, "--save", model, *SMALLEST)
    done("predict", "--load", model, "--export-attn", "--export-dir", f"a{NAME}", "--", text)
    done("diagnose", "--load", model, "--html", f"d{NAME}.html", "--", text)
    done("evaluate", "--load", model, "--data", data, "--report", f"r{NAME}")
    done("export", "--load", model, "--export-weights", "encoder.embedding", "--export-dir", f"w{NAME}")
    done("runs", model, model, "--curve", f"c{NAME}.svg")
    done("compare", model, model, "--data", data)
    done("verify", model)
    for name in FORMATS:
        done("export", "--format", name, model, f"e{name}{NAME}")
    written = [path for path in folder.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in written}
    assert {".html", ".svg", ".md", ".csv", ".json"} <= kinds
    for path in written:
        if path.suffix in (".html", ".svg", ".md", ".csv", ".json", ".jsonl", ".toml") and path.name != data:
            content = path.read_text(encoding="utf-8")
            assert not _CONTROL.search(content), path
            if path.suffix == ".html":
                assert Elements(content).acting == [], path
            elif path.suffix == ".md":
                assert Elements(MarkdownIt("commonmark").enable("table").render(content)).acting == [], path
            elif path.suffix == ".svg":
                names = {name for one in ElementTree.fromstring(content).iter() for name in one.attrib}
                assert not [name for name in names if name.startswith("on")], path
