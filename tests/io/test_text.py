"""No character that acts reaches a terminal, a page, a table or Markdown from a text of unknown origin."""

from __future__ import annotations

import csv
import io
import json
import sys
import tomllib
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.io.text import (
    for_markdown,
    for_terminal,
    format_json,
    has_surrogates,
    in_toml,
    markdown_block,
    markdown_code,
    one_line,
    parse_json,
    substitute,
)
from jsl_seq2seq.render.export import table_csv
from jsl_seq2seq.store.card import render_readme

from ..small_models import trained_small

ACTING = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    or unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    or character in "\u061c\u200e\u200f\ufeff\ufffe\uffff"
    or 0xE0000 <= ord(character) < 0xE0080
]
"""Every character of Unicode that commands a terminal, turns the direction of text, ends a line, or is half of one."""

MARKUP = "|`<>&\\*_[]()!#\"'=\n\t\r"
ANY_TEXT = st.text(st.characters() | st.sampled_from(ACTING) | st.sampled_from(MARKUP), max_size=30)


def test_every_acting_character_is_escaped() -> None:
    assert len(ACTING) > 2_000
    for character in ACTING:
        shown = one_line(f"a{character}b")
        assert shown.startswith("a\\") and shown.isprintable() and shown.endswith("b")
        assert for_terminal(character) == (character if character in "\n\t" else one_line(character))
        assert character in "\n\t" or character not in substitute(character)


def test_what_people_write_stays() -> None:
    for text in ("わたしは、食べます。", "می‌خواهم", "क्‍ष", "葛󠄀", "👩‍🍳", "½ ㌖ ｱ"):
        assert for_terminal(text) == one_line(text) == substitute(text) == text


@given(ANY_TEXT)
def test_terminal(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert not set(one_line(text)) & set(ACTING)
    assert not set(for_terminal(text)) & (set(ACTING) - {"\n", "\t"})


@given(ANY_TEXT)
def test_markdown(text: str) -> None:
    """No character that begins markup is left without its backslash."""
    shown = for_markdown(text)
    assert len(shown.splitlines()) <= 1 and not set(shown) & set(ACTING)
    bare = shown.replace("\\\\", "").replace("&amp;", "").replace("&lt;", "")
    for sign in "`*_[]|~>":
        assert bare.count(sign) == bare.count(f"\\{sign}")
    assert "<" not in bare and "&" not in bare


@given(ANY_TEXT)
def test_code(text: str) -> None:
    """The fence is longer than any run of backticks inside, so the code ends where it should."""
    code = markdown_code(text)
    fence = code[: len(code) - len(code.lstrip("`"))] if one_line(text).strip("`") else "`"
    assert fence not in one_line(text) or not one_line(text).strip("`")
    opened, inside, closed = markdown_block(text).split("\n")
    assert opened == closed and opened not in inside and set(opened) == {"`"}


@given(
    st.recursive(ANY_TEXT | st.floats() | st.integers() | st.none() | st.booleans(), st.lists, max_leaves=9)
)
def test_json_is_strict_and_harmless(values: object) -> None:
    for text in (format_json(values), format_json(values, ascii_only=True, compact=True)):
        assert not set(text) & (set(ACTING) - {"\n"})
        text.encode("utf-8")

        def refuse(name: str) -> None:
            raise AssertionError(name)

        assert without_nan(values) == json.loads(text, parse_constant=refuse)


def without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return [without_nan(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "content",
    [
        "NaN",
        "[Infinity]",
        '{"a": -Infinity}',
        "1e999",
        "-1e400",
        "9" * 400,
        "9" * 5_000,
        "[" * 51 + "]" * 51,
        '{"a":' * 60 + "1" + "}" * 60,
        "[" * 100_000,
        "[" + "1," * 2_000_001 + "1]",
        "",
        "{",
        "\ud800",
    ],
    ids=range(14),
)
def test_what_is_no_json(content: str) -> None:
    with pytest.raises(ValueError):
        parse_json(content)


@given(st.recursive(st.text(max_size=5), st.lists, max_leaves=60))
def test_brackets_in_strings_are_no_depth(values: object) -> None:
    text = json.dumps([values, "[{" * 60, '\\"[' * 60])
    assert parse_json(text) == json.loads(text)


@given(st.lists(ANY_TEXT, min_size=2, max_size=2))
def test_csv(labels: list[str]) -> None:
    text = table_csv(np.zeros((2, 2)), labels, labels, "corner", "title")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == 4
    for cell in (*rows[1][1:], rows[2][0], rows[3][0]):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))


HOSTILE = ["<script>x</script>", "```\n# x", "|a|b|", "\x1b]0;x\x07", "\u202egnp.exe", "\ud800"]


@given(ANY_TEXT.filter(lambda text: not has_surrogates(text)))
def test_toml(text: str) -> None:
    written = in_toml(tomli_w.dumps({"a": text, text: [text]}))
    assert not set(written) & (set(ACTING) - {"\n", "\t"})
    assert tomllib.loads(written) == {"a": text, text: [text]}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_readme(hostile: str, tmp_path: Path) -> None:
    model = trained_small()
    examples = tuple(replace(one, source=hostile) for one in model.examples)
    metadata = {**model.metadata, "device": hostile, "git_commit": hostile, "trained_at": hostile}
    model = replace(model, examples=examples, metadata=metadata, data_name=hostile)
    text = render_readme(model, tmp_path / "m")
    assert not set(text) & (set(ACTING) - {"\n"}) and "<script" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    assert text.count("\n```") % 2 == 0
