"""Log-probabilities of given translations on the command line: the numbers of the library and of the server."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from jsl_seq2seq import Translator
from jsl_seq2seq.store import save_model

from ..small_models import trained_otherwise
from .conftest import Program


def test_one_pair(program: Program, model: Path) -> None:
    done = program("score", "わたしはたべます", "<私> <食べる>", "--load", model)
    wanted = Translator.load(model, backend="ndarray").score("わたしはたべます", ["私", "食べる"])
    assert done.code == 0
    assert done.out == (
        f"わたしはたべます → <私> <食べる>（対数確率 {wanted.log_prob:.4f}、1 個あたり {wanted.log_prob / 3:.4f}、"
        f"パープレキシティ {math.exp(-wanted.log_prob / 3):.4g}）\n"
    )
    quiet = program("score", "わたしはたべます", "<私> <食べる>", "--load", model, "--quiet")
    assert (quiet.out, quiet.err) == (f"{wanted.log_prob:.6g}\n", "")


def test_json_has_the_numbers_of_the_library(program: Program, model: Path, data: Path) -> None:
    """In the form of POST /v1/score, whose test is in tests/serve."""
    done = program("score", "--data", data, "--load", model, "--json", "--quiet")
    found = [json.loads(line) for line in done.out.splitlines()]
    pairs = [(one["text"], one["tags"]) for one in found]
    scores = Translator.load(model, backend="ndarray").score_batch(pairs)
    assert len(found) == 8 and [one.to_dict() for one in scores] == found
    for one in found:
        assert one["log_prob"] == pytest.approx(math.fsum(one["log_probs"]))
        assert one["per_token"] == pytest.approx(one["log_prob"] / (len(one["tags"]) + 1))
        assert one["perplexity"] == pytest.approx(math.exp(-one["per_token"]))


def test_a_file_has_a_total_and_names_the_lines_that_cannot_be_scored(
    program: Program, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "s.tsv").write_text(
        "# 文と訳\nありがとう\t<ありがとう>\nわたしはたべます\t<私> <走る>\n龍\t<私>\nわたしはのみます\t<私> <飲む>\n",
        encoding="utf-8",
    )
    done = program("score", "--data", "s.tsv", "--load", model)
    assert done.code == 0 and len(done.out.splitlines()) == 2
    assert "3 行目: このモデルにないタグです: <走る>" in done.err and "4 行目: " in done.err
    assert "4 文のうち 2 文は" in done.err
    translator = Translator.load(model, backend="ndarray")
    scores = translator.score_batch([("ありがとう", ["ありがとう"]), ("わたしはのみます", ["私", "飲む"])])
    total = sum(one.log_prob for one in scores)
    assert f"2 文の合計: 対数確率 {total:.4f}、1 個あたり {total / 5:.4f}" in done.err
    lines = [
        json.loads(line)
        for line in program("score", "--data", "s.tsv", "--load", model, "--json").out.splitlines()
    ]
    assert [("error" in one, one.get("line"), one.get("code")) for one in lines] == [
        (False, None, None), (True, 3, "unknown-tag"), (True, 4, "nothing-to-translate"), (False, None, None),
    ]  # fmt: skip
    quiet = program("score", "--data", "s.tsv", "--load", model, "--quiet").out.split("\n")
    assert [bool(line) for line in quiet] == [True, False, False, True, False]  # a line for each pair


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "文と、その訳"),
        (["ありがとう"], "文と、その訳"),
        (["ありがとう", "ありがとう"], "< と >"),
        (["ありがとう", "<有難う>"], "<有難う>"),
        (["ありがとう", "<EOS>"], "<EOS>"),
        (["龍", "<私>"], "龍"),
        (["", "<私>"], "訳せる"),
        (["ありがとう", "<私>", "<私>"], "余分な引数"),
        (["ありがとう", "<私>", "--data", "x.tsv"], "--data"),
        (["--data", "x.tsv"], "x.tsv"),
    ],
    ids=" ".join,
)
def test_mistakes(program: Program, model: Path, arguments: list[str], named: str) -> None:
    done = program("score", *arguments, "--load", model)
    assert (done.code, done.out) == (2, "") and named in done.err and "Traceback" not in done.err


def test_an_empty_translation_and_open_words(program: Program, open_model: Path) -> None:
    done = program("score", "本です。", "", "--load", open_model)
    assert done.code == 0 and "（タグなし）（対数確率 -" in done.out
    done = program("score", "お茶を飲みます", "<+お茶> <飲む>", "--load", open_model, "--json")
    assert len(json.loads(done.out)["log_probs"]) == 3  # an open word's letters together, and the end


def test_a_line_for_every_line_also_for_those_that_stand_there_twice(
    program: Program, model: Path, tmp_path: Path
) -> None:
    line = "ありがとう\t<ありがとう>\n"
    (tmp_path / "s.tsv").write_text(line + "わたしはのみます\t<私> <飲む>\n" + line, encoding="utf-8")
    lines = program("score", "--data", "s.tsv", "--load", model, "--quiet").out.splitlines()
    assert len(lines) == 3 and lines[0] == lines[2] != lines[1]


def test_several_models_score_together(program: Program, model: Path, tmp_path: Path) -> None:
    save_model(trained_otherwise(), tmp_path / "other")
    pair = ["score", "わたしはたべます", "<私> <食べる>", "--json", "--quiet"]
    paths = [[model], [tmp_path / "other"], [model, tmp_path / "other"]]
    a, b, both = [
        json.loads(program(*pair, *[word for path in each for word in ("--load", path)]).out)["log_probs"]
        for each in paths
    ]
    mean = [math.log((math.exp(x) + math.exp(y)) / 2) for x, y in zip(a, b, strict=True)]
    assert both == pytest.approx(mean, abs=1e-5) and a != pytest.approx(b, abs=1e-3)
