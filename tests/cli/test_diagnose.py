"""Asking why from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Program


def test_a_sentence_from_all_sides(program: Program, model: Path, tmp_path: Path) -> None:
    done = program("diagnose", "--load", model, "えきはどこですか", "--html", "図/診断.html")
    assert done.code == 0
    assert done.out.startswith("えきはどこですか → <駅> <場所> <何>（確からしさ ")
    for word in ("  1. <駅> ", "（終わり）", "1 文字目 え", "文字を 1 つ消すと"):
        assert word in done.out
    assert "日本手話そのものではありません" in done.err
    assert "<svg" in (tmp_path / "図" / "診断.html").read_text(encoding="utf-8")


def test_json(program: Program, model: Path) -> None:
    done = program("diagnose", "--load", model, "ありがとう", "--json", "--quiet")
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert [place["tag"] for place in found["places"]] == ["ありがとう", None]
    assert len(found["deletions"]) == len(found["units"]) == 5


def test_one_character(program: Program, model: Path) -> None:
    done = program("diagnose", "--load", model, "わ", "--quiet")
    assert done.code == 0 and "1 文字の文" in done.out


def test_what_is_missing_is_said(program: Program, model: Path) -> None:
    assert program("diagnose", "--load", model).code == 2
    assert "訳せる文字がありません" in program("diagnose", "--load", model, "龍").err
