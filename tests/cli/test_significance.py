"""``evaluate --compare``: models and files of translations on the same sentences."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from jsl_seq2seq.evaluation import significance
from jsl_seq2seq.store import save_model

from ..small_models import small_job, trained_words
from .conftest import Program


@pytest.fixture(autouse=True)
def few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they find is tests/evaluation's subject."""
    monkeypatch.setattr(significance, "RESAMPLES", 100)
    monkeypatch.setattr(significance, "TRIALS", 200)


@pytest.fixture
def test(tmp_path: Path, data: Path) -> Path:
    """A comment, a blank line, a repetition, and a sentence with four tags."""
    lines = data.read_text(encoding="utf-8").splitlines()
    text = ["# 試験", lines[0], "", lines[0], *lines[1:], "えきはどこですか。\t<駅> <場所> <何> <何>"]
    (tmp_path / "test.tsv").write_text("\n".join(text) + "\n", encoding="utf-8")
    return tmp_path / "test.tsv"


@pytest.fixture
def weak(tmp_path: Path) -> Path:
    """A model that has learnt hardly anything."""
    save_model(small_job(tmp_path, epochs=2).run().model, tmp_path / "weak")
    return tmp_path / "weak"


def test_two_models(program: Program, model: Path, weak: Path, test: Path) -> None:
    done = program("evaluate", "--compare", model, weak, "--data", test)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == f"{test}（10 文）" and lines[1].split() == ["完全一致", "BLEU", "chrF"]
    assert lines[2].startswith(str(model)) and lines[3].startswith(str(weak))
    assert "95 % 区間" in done.out and f"・{weak} の完全一致は、{model} より 90.0 ポイント低い" in done.out
    assert "差があると言えます" in done.out and "署名: BLEU|" in done.err and "学習に使った" in done.err
    assert "train --seeds" in done.err and "p は、" in done.err
    quiet = program("evaluate", "--compare", model, weak, "--data", test, "--quiet")
    assert quiet.err == "" and "・" not in quiet.out


def test_the_figures_are_those_of_evaluate(program: Program, model: Path, weak: Path, test: Path) -> None:
    done = program("evaluate", "--compare", model, weak, "--data", test, "--beam", "2", "--json", "--quiet")
    told = json.loads(done.out)
    for path, system in zip((model, weak), told["systems"], strict=True):
        alone = program("evaluate", "--load", path, "--data", test, "--beam", "2", "--json", "--quiet")
        found = json.loads(alone.out)
        assert (system["exact"], system["bleu"], system["chrf"]) == (
            found["exact_rate"], found["bleu"]["value"], found["chrf"]["value"],
        )  # fmt: skip
    by_metric = {one["metric"]: one for one in told["differences"]}
    assert by_metric["bleu"]["difference"] == told["systems"][1]["bleu"] - told["systems"][0]["bleu"]
    assert by_metric["exact"]["p_randomization"] == 2 / 2**9  # nine of ten, all in one direction
    assert by_metric["exact"]["changed"] == 10


@pytest.mark.parametrize("order", ["sentences", "lines"])
@pytest.mark.parametrize("form", ["txt", "jsonl"])
def test_files_of_translations(
    program: Program, model: Path, test: Path, tmp_path: Path, order: str, form: str
) -> None:
    """As predict writes them, for each sentence or for each line of the file: nothing differs."""
    texts = [line.split("\t")[0] for line in test.read_text(encoding="utf-8").splitlines()]
    if order != "lines":
        texts = [text for text in texts if text and text[0] != "#"]
    (tmp_path / "in.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    out = tmp_path / f"out.{form}"
    json_too = ["--json"] if form == "jsonl" else []
    made = program("predict", "--load", model, "--input", "in.txt", "--output", out, "--quiet", *json_too)
    assert made.code == 0
    done = program("evaluate", "--compare", model, out, out, "--data", test, "--json", "--quiet")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [one["name"] for one in told["systems"]] == [str(model), str(out), f"{out}（2）"]
    assert all(one["changed"] == 0 and one["p_bootstrap"] is None for one in told["differences"])
    assert told["systems"][1]["exact"] == 9 / 10


def test_files_alone_need_no_model(program: Program, tmp_path: Path) -> None:
    """Also of words, without brackets."""
    (tmp_path / "t.tsv").write_text("Morgen regnet es\tMORGEN REGEN\nEs schneit\tSCHNEE\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("MORGEN REGEN\nREGEN\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("MORGEN REGEN\nSCHNEE\n", encoding="utf-8")
    done = program("evaluate", "--compare", "a.txt", "b.txt", "--data", "t.tsv")
    assert done.code == 0 and "50.0%" in done.out and "差があるとも、同じだとも言えません" in done.out
    assert "訳し方" not in done.err


def test_several_files_one_line_each(
    program: Program, model: Path, weak: Path, data: Path, test: Path
) -> None:
    done = program("evaluate", "--compare", model, weak, "--data", data, "--data", test, "--json", "--quiet")
    assert [json.loads(line)["data"] for line in done.out.splitlines()] == [str(data), str(test)]


def test_without_sacrebleu(
    program: Program, model: Path, weak: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "sacrebleu"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    done = program("evaluate", "--compare", model, weak, "--data", data)
    assert done.code == 0 and "完全一致" in done.out and "BLEU" not in done.out
    assert "pip install 'jsl-seq2seq[evaluate]'" in done.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--compare"], "2 つ以上"),
        (["--compare", "m"], "2 つ以上"),
        (["m", "weak"], "--compare"),
        (["--compare", "m", "weak", "--load", "m"], "--load"),
        (["--compare", "m", "weak", "--report", "r"], "--report"),
        (["--compare", "m", "nothing"], "nothing"),
        (["--compare", "m", "short.txt"], "行の数（1）"),
        (["--compare", "m", "wrong.txt"], "wrong.txt の 2 行目"),
        (["--compare", "m", "words"], "違うように読みます"),
        (["--compare", "m", "weak", "--beam", "0"], "--beam"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(
    program: Program, model: Path, weak: Path, tmp_path: Path, arguments: list[str], named: str
) -> None:
    model.rename(tmp_path / "m")
    save_model(trained_words(), tmp_path / "words")
    (tmp_path / "t.tsv").write_text(
        "ありがとう\t<ありがとう>\nわたしはたべます\t<私> <食べる>\n", encoding="utf-8"
    )
    (tmp_path / "short.txt").write_text("<ありがとう>\n", encoding="utf-8")
    (tmp_path / "wrong.txt").write_text("<ありがとう>\nわたし → <私>（確からしさ 90%）\n", encoding="utf-8")
    done = program("evaluate", *arguments, "--data", "t.tsv")
    assert (done.code, done.out) == (2, "") and named in done.err and "Traceback" not in done.err
