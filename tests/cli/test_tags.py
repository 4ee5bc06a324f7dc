"""Listing and searching a model's tags."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Program, Result


def tags_of(done: Result) -> list[list[str]]:
    assert done.code == 0
    return [json.loads(line)["tags"] for line in done.out.splitlines()]


def test_every_tag_once(program: Program, model: Path) -> None:
    done = program("tags", "--load", model, "--json")
    single = [tags[0] for tags in tags_of(done) if len(tags) == 1]
    assert len(single) == len(set(single)) == 15
    eat = next(one for one in map(json.loads, done.out.splitlines()) if one["tags"] == ["食べる"])
    assert {"食べる", "たべる"} <= set(eat["spellings"]) and "食べる" in eat["example"]["tags"]


@pytest.mark.parametrize(
    ("part", "tags"),
    [
        ("食べ", ["食べる"]),
        ("たべ", ["食べる"]),
        ("タベ", ["食べる"]),
        ("ok", ["OK"]),
        ("ＯＫ", ["OK"]),
        ("おはよう", ["朝 挨拶"]),
        ("龍", []),
    ],
)
def test_searching(program: Program, model: Path, part: str, tags: list[str]) -> None:
    assert tags_of(program("tags", part, "--load", model, "--json")) == [one.split() for one in tags]
    done = program("tags", part, "--load", model)
    written = [" ".join(f"<{tag}>" for tag in one.split()) for one in tags]
    assert [line.split("  ")[0] for line in done.out.splitlines()] == written
    assert f"{len(tags)} 件" in done.err and ("→" in done.err) == (not tags)


def test_characters_of_open_words_are_no_tags(program: Program, open_model: Path) -> None:
    found = tags_of(program("tags", "--load", open_model, "--json"))
    assert {tag for tags in found for tag in tags} == {"飲む", "本", "ありがとう"}


def test_of_the_shipped_model(program: Program) -> None:
    done = program("tags", "めしあが")
    assert done.out.startswith("<食べる>") and "召し上がる" in done.out and "例: " in done.out
