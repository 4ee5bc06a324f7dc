"""Paths in model directories, which people publish."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from jsl_seq2seq.store.card import quoted
from jsl_seq2seq.store.metadata import published


def test_a_path_says_nothing_about_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert published(Path("data/私.tsv")) == Path("data/私.tsv")
    assert published(Path("../data.tsv")) == Path("../data.tsv")
    assert published(Path.cwd() / "data" / "a.tsv") == Path("data/a.tsv")
    assert published(Path.cwd()) == Path()
    assert published(tmp_path / "elsewhere" / "a.tsv") == Path("a.tsv")
    assert published(Path("/")) == Path("/")


@pytest.mark.parametrize(
    "name", ["models/first", "モデル 1/最初", "a b", "$HOME", "it's", 'a"b', "a;b", "a!b", "(1)"]
)
def test_a_shell_reads_back_what_was_quoted(name: str) -> None:
    assert shlex.split(quoted(Path(name))) == [name]


def test_ordinary_names_need_no_quotes() -> None:
    assert quoted(Path("models/モデル-1")) == "models/モデル-1"
    assert quoted(Path("モデル 1")) == '"モデル 1"'
