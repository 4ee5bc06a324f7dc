"""The README.md that is written beside every model."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from jsl_seq2seq.store import EpochMetrics, Example
from jsl_seq2seq.store.card import render_readme

from ..small_models import EIGHT_LINES, trained_small, translator_of


def commands(text: str) -> list[list[str]]:
    """Every command in it, as a shell would split it."""
    return [shlex.split(block) for block in re.findall(r"```\n(.*?)\n```", text)]


def rows(text: str) -> list[list[str]]:
    """Cells of every table row, as Markdown sees them."""
    found = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in found]


def test_settings_result_and_the_note_that_tags_are_not_jsl() -> None:
    model = trained_small()
    text = render_readme(model, Path("models/最初 の"))
    assert text.startswith("# 最初 の\n")
    assert "日本手話そのものではありません" in text
    assert ["d_model", "8"] in rows(text) and ["seed", "0"] in rows(text)
    assert f"{model.history[0].loss:.4g} → {model.history[-1].loss:.4g}" in text
    assert "120 エポック（360 ステップ）" in text


def test_examples_are_what_the_model_really_says() -> None:
    model = trained_small()
    assert len(model.examples) == 5
    text, translator = render_readme(model, Path("m")), translator_of(model)
    for example in model.examples:
        assert [example.source, f"`{translator.translate(example.source)}`", "正解"] in rows(text)


def test_a_wrong_example_is_called_wrong() -> None:
    wrong = Example("だいじょうぶです", ("OK",), ("はい", "a|b"))
    text = render_readme(replace(trained_small(), examples=(wrong,)), Path("m"))
    assert ["だいじょうぶです", r"`<はい> <a\|b>`", "不正解（正しくは `<OK>`）"] in rows(text)


def test_tags_are_never_taken_for_html() -> None:
    text = re.sub(r"`[^`]*`", "", render_readme(trained_small(), Path("m")))
    assert not re.search(r"<[A-Za-z]", text)


def test_validation_is_told() -> None:
    last = EpochMetrics(1, 0.5, 1.0, 10.0, valid_loss=0.75, valid_exact=0.5)
    text = render_readme(replace(trained_small(), history=(last,)), Path("m"))
    assert "検証データの損失: 0.7500" in text and "完全一致: 50.0%" in text


def test_where_it_came_from() -> None:
    model = trained_small()
    (stage,) = model.stages
    text = render_readme(
        replace(
            model,
            stages=(replace(stage, valid_name="data/valid 1.tsv"),),
            metadata=model.metadata | {"git_commit": "c0ffee", "precision": "bf16"},
        ),
        Path("m"),
    )
    assert ["検証データ", "data/valid 1.tsv"] in rows(text)
    assert ["git のコミット", "c0ffee"] in rows(text) and ["計算の精度", "bf16"] in rows(text)
    assert commands(text)[-1][-4:-2] == ["--valid", "data/valid 1.tsv"]
    assert ["検証データ", "なし"] in rows(render_readme(model, Path("m")))


def test_several_processes_are_started_by_torchrun() -> None:
    model = trained_small()
    stages = (replace(model.stages[0], processes=4, backend="torch", device="0", checkpoint_every=2),)
    again = commands(render_readme(replace(model, stages=stages), Path("m")))[-1]
    assert again[:5] == ["torchrun", "--nproc-per-node", "4", "-m", "jsl_seq2seq"]
    for option, value in (("--backend", "torch"), ("--device", "0"), ("--checkpoint-every", "2")):
        assert again[again.index(option) + 1] == value


def test_no_history_no_examples() -> None:
    text = render_readme(replace(trained_small(), history=(), examples=(), metadata={}), Path("m"))
    assert "学習していません" in text and "ありません。" in text


@pytest.mark.parametrize("name", ["m", "my model", ".", "..", "/", "a/b c/d"])
def test_commands_load_continue_and_reproduce(name: str, tmp_path: Path) -> None:
    data = tmp_path / "my data.tsv"
    data.write_text(EIGHT_LINES, encoding="utf-8")
    model = trained_small()
    stages = (replace(model.stages[0], data_name=str(data)),)
    model = replace(model, data_name=str(data), stages=stages)
    translate, go_on, again = commands(render_readme(model, Path(name)))
    assert translate[:3] == ["jsl-seq2seq", "--load", Path(name).as_posix()]
    assert go_on[:3] == translate[:3] and "--train" in go_on
    assert go_on[go_on.index("--data") + 1] == data.as_posix()
    options = dict(zip(again[2::2], again[3::2], strict=True))
    assert again[:2] == ["jsl-seq2seq", "--train"]
    assert options.pop("--save") == go_on[go_on.index("--save") + 1] != Path(name).as_posix()
    assert options == {
        "--epochs": "120",
        "--batch-size": "3",
        "--learning-rate": "0.01",
        "--warmup-steps": "10",
        "--dropout": "0.0",
        "--label-smoothing": "0.0",
        "--consistency": "0.0",
        "--clip-norm": "1.0",
        "--d-model": "8",
        "--n-heads": "2",
        "--n-layers": "1",
        "--d-ff": "16",
        "--max-seq-len": "24",
        "--seed": "0",
        "--schedule": "cosine",
        "--keep": "last",
        "--backend": "ndarray",
        "--precision": "fp32",
        "--data": data.as_posix(),
    }
