"""Words of the user's own from the command line: given, and kept beside a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Program


def test_given_words(program: Program, open_model: Path, tmp_path: Path) -> None:
    (tmp_path / "one.tsv").write_text("龍\t<竜>\n", encoding="utf-8")
    (tmp_path / "other.tsv").write_text("飲む\t<ごくごく>\n龍\t<ドラゴン>\n", encoding="utf-8")
    both = ["--dictionary", "one.tsv", "--dictionary", "other.tsv"]
    done = program("predict", "--load", open_model, *both, "龍を飲む", "--json", "--quiet")
    tags = json.loads(done.out)["tags"]
    assert [(one["tag"], one["entry"]) for one in tags if "entry" in one] == [
        ("ドラゴン", "龍"),
        ("ごくごく", "飲む"),
    ]
    done = program("--load", open_model, "--predict", "龍を飲む", "--dictionary", "one.tsv", "--quiet")
    assert done.out.startswith("<竜> ")


def test_kept_words(program: Program, open_model: Path) -> None:
    done = program("dictionary", "add", open_model, "龍", "<竜> <本>")
    assert done.code == 0 and "龍 → <竜> <本>" in done.out
    assert "語彙にないタグ" in done.err and "<竜>" in done.err and "<本>" not in done.err.split("語彙")[1]
    assert program("dictionary", "add", open_model, "虎", "<本>", "--quiet") == (0, "", "")
    assert program("dictionary", "list", open_model).out == "龍  <竜> <本>\n虎  <本>\n"
    done = program("predict", "--load", open_model, "龍を飲む", "--quiet")
    assert done.out.startswith("<竜> <本> ")
    assert program("verify", open_model).code == 0
    assert "dictionary.tsv" not in program("verify", open_model).err
    assert program("dictionary", "remove", open_model, "龍").out == "辞書から消しました: 龍\n"
    [line] = program("dictionary", "list", open_model, "--json").out.splitlines()
    assert json.loads(line) == {"word": "虎", "tags": ["本"]}
    done = program("dictionary", "remove", open_model, "龍", "--json")
    assert done.code == 2 and json.loads(done.out)["code"] == "dictionary-word-missing"


def test_adding_as_json(program: Program, open_model: Path) -> None:
    done = program("dictionary", "add", open_model, "龍", "<竜>", "--json")
    assert json.loads(done.out) == {"word": "龍", "tags": ["竜"], "unknown_tags": ["竜"]}
    done = program("dictionary", "remove", open_model, "龍", "--json")
    assert json.loads(done.out) == {"word": "龍", "removed": True}


def test_a_dictionary_stays_when_a_model_is_continued(
    program: Program, open_model: Path, tmp_path: Path
) -> None:
    program("dictionary", "add", open_model, "龍", "<竜>")
    (tmp_path / "more.tsv").write_text("本を飲む\t<本> <飲む>\n", encoding="utf-8")
    done = program(
        "train", "--load", open_model, "--data", "more.tsv", "--epochs", "1", "--save", open_model, "--quiet"
    )
    assert done.code == 0, done.err
    assert (open_model / "dictionary.tsv").read_text(encoding="utf-8") == "龍\t<竜>\n"


def test_tags_without_brackets(program: Program, open_model: Path) -> None:
    done = program("dictionary", "add", open_model, "龍", "竜")
    assert done.code == 2 and "< と > で囲み" in done.err


def test_the_shipped_model_by_its_name(program: Program) -> None:
    assert program("dictionary", "list", "builtin") == (0, "", "0 語\n")
    assert program("verify", "builtin").code == 0
    done = program("compare", "builtin", "builtin", "--quiet")
    assert (done.code, done.out) == (0, "計算は同じです。\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "DIR"],
        ["add", "DIR", "龍"],
        ["list", "DIR", "龍"],
        ["remove", "DIR"],
        ["show", "DIR"],
        ["list"],
    ],
)
def test_what_is_missing_is_said(program: Program, open_model: Path, arguments: list[str]) -> None:
    done = program("dictionary", *[open_model if one == "DIR" else one for one in arguments])
    assert (done.code, done.out) == (2, "") and done.err.startswith("エラー: ")


def test_a_model_without_open_words_refuses(program: Program, model: Path, tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("龍\t<竜>\n", encoding="utf-8")
    for arguments in (
        ["dictionary", "add", model, "龍", "<竜>"],
        ["predict", "--load", model, "ありがとう", "--dictionary", "words.tsv"],
        ["evaluate", "--load", model, "--data", "words.tsv", "--dictionary", "words.tsv"],
    ):
        done = program(*arguments)
        assert (done.code, done.out) == (2, "") and "辞書を使えません" in done.err
    assert not (model / "dictionary.tsv").exists()


def test_a_wrong_line_is_named(program: Program, open_model: Path, tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("龍 <竜>\n", encoding="utf-8")
    done = program("predict", "--load", open_model, "龍", "--dictionary", "words.tsv")
    assert done.code == 2 and "words.tsv の 1 行目" in done.err and "タブ" in done.err
