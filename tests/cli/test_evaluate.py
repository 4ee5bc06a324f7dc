"""Judging a model from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jsl_seq2seq.cli.console import columns
from jsl_seq2seq.store import save_model

from ..backend_cases import require
from ..small_models import trained_otherwise
from .conftest import Program


def test_a_table_and_a_report(program: Program, model: Path, data: Path, tmp_path: Path) -> None:
    done = program("evaluate", "--load", model, "--data", data, "--data", data, "--report", "報告")
    assert done.code == 0
    head, *rows = done.out.splitlines()
    assert head.split() == ["データ", "由来", "文", "完全一致", "タグ誤り率", "BLEU", "chrF"]
    assert len(rows) == 2 and all("100.0%" in row and "0.0%" in row for row in rows)
    assert all(row.split()[-2:] == ["-", "100.0"] for row in rows)  # no reference has four tags
    assert "BLEU は計算できません" in done.err and "CHRF|" in done.err and "日本手話" in done.err
    assert "学習に使った" in done.err
    assert {path.name for path in (tmp_path / "報告").glob("[!.]*")} == {"report.html", "report.json"}


def test_a_report_says_what_was_computed_in(
    program: Program, model: Path, data: Path, tmp_path: Path
) -> None:
    require("int8")
    done = program(
        "evaluate", "--load", model, "--data", data, "--precision", "int8", "--report", "r", "--quiet"
    )
    assert (done.code, done.err) == (0, "")
    told = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    assert told["backend"] == "ndarray int8"


def test_quiet_is_only_the_table(program: Program, model: Path, data: Path) -> None:
    done = program("evaluate", "--load", model, "--data", data, "--quiet", "--beam", "3")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 2


def test_json_a_line_for_each_file(program: Program, model: Path, data: Path) -> None:
    done = program("evaluate", "--load", model, "--data", data, "--data", data, "--json", "--quiet")
    first, second = map(json.loads, done.out.splitlines())
    assert first == second
    assert (first["sentences"], first["exact_rate"], first["tag_error_rate"]) == (8, 1.0, 0.0)
    assert first["bleu"] is None and "results" not in first
    assert first["chrf"]["signature"].startswith("CHRF|")


def test_every_line_of_a_test_counts(program: Program, model: Path, tmp_path: Path) -> None:
    right, wrong = "ありがとう\t<ありがとう>\n", "だいじょうぶです\t<私>\n"
    (tmp_path / "x.tsv").write_text(3 * right + wrong, encoding="utf-8")
    told = json.loads(program("evaluate", "--load", model, "--data", "x.tsv", "--json", "--quiet").out)
    assert (told["sentences"], told["exact_rate"]) == (4, 0.75)
    assert "2 回くり返されています" in told["notes"][0]


def test_bleu_comes_with_its_signature(program: Program, model: Path, tmp_path: Path) -> None:
    (tmp_path / "long.tsv").write_text("わたしはたべます\t<私> <食べる> <私> <食べる>\n", encoding="utf-8")
    done = program("evaluate", "--load", model, "--data", "long.tsv", "--json", "--quiet")
    assert "tok:none" in json.loads(done.out)["bleu"]["signature"]
    assert "tok:none" in program("evaluate", "--load", model, "--data", "long.tsv").err


@pytest.mark.parametrize("arguments", [[], ["--load", "m"], ["--load", "m", "--data", "x.tsv"]])
def test_what_is_missing_is_said(program: Program, arguments: list[str]) -> None:
    done = program("evaluate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("エラー: ")


@pytest.mark.parametrize("options", [["--beam", "0"], ["--beam", "2", "--length-penalty", "-1"]])
def test_impossible_searches(program: Program, model: Path, data: Path, options: list[str]) -> None:
    done = program("evaluate", "--load", model, "--data", data, *options)
    assert done.code == 2 and "までにしてください" in done.err and options[-2] in done.err


def test_columns_are_as_wide_as_they_look() -> None:
    assert columns([["あa゙ｱ", "1"], ["abcd", "2"]]) == ["あa゙ｱ  1", "abcd  2"]
    assert columns([["あ", "1"], ["bc", "22"], ["", "3"]], numbers=[1]) == ["あ   1", "bc  22", "     3"]


def test_references_with_open_words(program: Program, open_model: Path, tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text(
        "コーヒーを飲む\t<+コーヒー> <飲む>\n龍を飲む\t<+龍> <飲む>\n本です。\t<本>\n", encoding="utf-8"
    )
    done = program("evaluate", "--load", open_model, "--data", "test.tsv", "--json", "--quiet")
    [found] = map(json.loads, done.out.splitlines())
    assert done.code == 0 and found["unknown_tags"] == ["+龍"]
    done = program("evaluate", "--load", open_model, "--data", "test.tsv")
    assert "100.0%" in done.out
    (tmp_path / "words.tsv").write_text("龍\t<竜>\n", encoding="utf-8")
    done = program("evaluate", "--load", open_model, "--data", "test.tsv", "--dictionary", "words.tsv")
    assert "66.7%" in done.out


def test_several_models_are_judged_together(
    program: Program, model: Path, data: Path, tmp_path: Path
) -> None:
    save_model(trained_otherwise(), tmp_path / "other")
    arguments = ["evaluate", "--load", model, "--load", tmp_path / "other", "--data", data]
    done = program(*arguments, "--backend", "ndarray", "--report", "r", "--json")
    assert (done.code, json.loads(done.out)["trained_on"]["sentences"]) == (0, 8)
    told = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    assert told["model"] == f"{model} + {tmp_path / 'other'}" and told["seed"] is None
    assert [len(one) for one in told["model_sha256"].split(" + ")] == [64, 64]
