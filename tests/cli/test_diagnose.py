"""Asking why from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from jsl_seq2seq.store import save_model

from ..small_models import trained_words
from .conftest import Program


def test_a_sentence_from_all_sides(program: Program, model: Path, tmp_path: Path) -> None:
    done = program("diagnose", "--load", model, "えきはどこですか", "--html", "図/診断.html")
    assert done.code == 0
    assert done.out.startswith("えきはどこですか → <駅> <場所> <何>（確からしさ ")
    for word in ("  1. <駅> ", "<EOS> ", "1 文字目 え", "文字を 1 つ消すと"):
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


def test_words_are_not_called_characters(program: Program, tmp_path: Path) -> None:
    save_model(trained_words(), tmp_path / "m")
    done = program("diagnose", "--load", tmp_path / "m", "Heute scheint", "--html", "m.html")
    assert done.code == 0
    for said in (
        "Heute scheint → HEUTE SONNE（",
        "語と確率",
        "見た語",
        "1. HEUTE ",
        "1 語目 Heute",
        "語を 1 つ消すと",
    ):
        assert said in done.out
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert "見た語" in page and "消した語" in page
    for text in (done.out, done.err.split("バックエンド")[1], page):
        assert "文字" not in text and "<HEUTE>" not in text and "&lt;HEUTE&gt;" not in text
    assert "1 語の文なので、語を消して" in program("diagnose", "--load", tmp_path / "m", "Heute").out
    assert "訳せる語がありません" in program("diagnose", "--load", tmp_path / "m", "Guten").err


def test_what_is_missing_is_said(program: Program, model: Path) -> None:
    assert program("diagnose", "--load", model).code == 2
    assert "訳せる文字がありません" in program("diagnose", "--load", model, "龍").err


def test_open_words_are_diagnosed_letter_by_letter(program: Program, open_model: Path) -> None:
    done = program("diagnose", "--load", open_model, "龍と本を受け取る", "--html", "why.html")
    assert done.code == 0
    assert done.out.startswith("龍と本を受け取る → ")
    for said in ("1 文字目 龍", ". <+ ", ". 受 ", ". > "):
        assert said in done.out


def test_with_a_dictionary(program: Program, open_model: Path, tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("コーヒー\t<飲料>\n", encoding="utf-8")
    done = program("diagnose", "--load", open_model, "コーヒーを飲む", "--dictionary", "words.tsv", "--json")
    found = json.loads(done.out)
    assert "飲料" in found["tags"] and found["units"][0] == "コーヒー"
