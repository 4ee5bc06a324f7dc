"""No option silently does nothing: each one always has an effect, or stands in the table of what it needs. And where
exports go."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer.main

from jsl_seq2seq.cli.app import COMMANDS, application, require_effects
from jsl_seq2seq.cli.options import NEEDS, NOT_BESIDE
from jsl_seq2seq.cli.train import _StopRequest
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import load_model

from ..processes import POSIX
from ..refusals import refused
from .conftest import Program
from .options import training

ALWAYS = {
    "--backend",
    "--beam", "--data", "--device", "--dictionary", "--export-attn", "--export-weights", "--html", "--json",
    "--load", "--n-best", "--precision", "--predict", "--quiet", "--report", "--strict",
    "--input", "--output",
    # train
    "--accumulate", "--batch-size", "--batch-tokens", "--checkpoint-every", "--clip-norm", "--compare", "--config",
    "--consistency",
    "--d-ff", "--d-model",
    "--dropout", "--epochs", "--eval", "--label-smoothing", "--learning-rate", "--max-seq-len", "--min-count",
    "--n-heads",
    "--n-layers", "--no-training-state", "--position-shift", "--preset", "--save", "--save-config", "--schedule",
    "--seed", "--seeds",
    "--source-units", "--substitutions", "--target-tokenizer", "--target-units", "--tensorboard",
    "--tied-embeddings", "--valid", "--warmup-steps",
    # corpus, export
    "--format", "--curve",
    "--label", "--lexicon", "--target-loss",
    # serve
    "--access-log", "--allow-host", "--allow-origin", "--host", "--model", "--port", "--token-file", "--trusted-proxy",
}  # fmt: skip
"""Options that have an effect whatever else is given, in every command that has them. ``--export-attn`` needs a
sentence, which ``predict`` always has."""

BY_VALUE = {
    "--average", "--keep", "--length-penalty", "--metric", "--patience", "--resume", "--subword-vocab",
    "--target-vocab",
}  # fmt: skip
"""Options that are refused, where they would do nothing, by what they are about: see tests/training."""


def options_of(verb: str) -> set[str]:
    command = typer.main.get_command(application([verb])).commands[verb]  # type: ignore[attr-defined]
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")} - {
        "--help"
    }


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_option_is_classified(verb: str) -> None:
    conditional = set(NEEDS.get(verb, {})) | set(NOT_BESIDE.get(verb, {}))
    unclassified = options_of(verb) - conditional - ALWAYS - BY_VALUE
    assert not unclassified, "say in cli/options.py what they need, or here that they always have an effect"
    assert {name for name in conditional if name.startswith("--")} <= options_of(verb)


ROWS = [
    (verb, option, needed, "needs") for verb, rows in NEEDS.items() for option, needed in rows.items()
] + [(verb, option, others, "beside") for verb, rows in NOT_BESIDE.items() for option, others in rows.items()]


@pytest.mark.parametrize(("verb", "option", "others", "kind"), ROWS)
def test_every_row_of_the_table(verb: str, option: str, others: tuple[str, ...], kind: str) -> None:
    alone, together = {option: "2"}, [{option: "2", other: "2"} for other in others]
    good, bad = (together, [alone]) if kind == "needs" else ([alone], together)
    for given in bad:
        with refused(UserError, option, others[0], code="option-without-effect", option=option):
            require_effects(verb, given)
    for given in good:
        try:
            require_effects(verb, given)
        except UserError as error:  # another row: --force-export --export-attn without --predict
            assert error.facts["option"] != option


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "あ", "--force-export"],
        ["--predict", "あ", "--export-dir", "x"],
        ["predict", "あ", "--beam", "1", "--length-penalty=1"],
        ["evaluate", "--data", "x", "--length-penalty", "1"],
        ["corpus", "--output", "x"],
        ["corpus", "somewhere", "--label", "x"],
        ["train", "--export-attn"],
        ["train", "--batch-size", "4", "--batch-tokens", "40"],
        ["train", "--average", "3"],
        ["train", "--keep", "best", "--patience", "1"],
        ["train", "--patience", "1"],
        ["train", "--metric", "exact"],
    ],
    ids=" ".join,
)
def test_typed_without_what_they_need(program: Program, tmp_path: Path, arguments: list[str]) -> None:
    code, out, err = program(*arguments)
    assert (code, out) == (2, "") and "エラー" in err and "→" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("order", ["ABC", "BCA", "CAB", "CBA"])
@pytest.mark.parametrize("form", ["predict", "flags", "mixed", "equals"])
def test_sentences_are_translated_in_the_order_they_were_typed(
    program: Program, model: Path, order: str, form: str
) -> None:
    texts = {"A": "ありがとう", "B": "だいじょうぶです", "C": "わたしはたべます"}
    wanted = {"A": "<ありがとう>", "B": "<OK>", "C": "<私> <食べる>"}
    arguments = {
        "predict": ["predict", *order],
        "flags": [part for one in order for part in ("--predict", one)],
        "mixed": ["predict", order[0], "--predict", order[1], order[2]],
        "equals": ["predict", f"--predict={order[0]}", order[1], f"--predict={order[2]}"],
    }[form]
    arguments = [
        texts.get(one, one if "=" not in one else f"--predict={texts[one[-1]]}") for one in arguments
    ]
    done = program(*arguments, "--load", model, "--quiet")
    assert done.out.splitlines() == [wanted[one] for one in order]


@pytest.mark.parametrize("text", ["わたしはたべます", "わたしはたべます。ありがとう"])
def test_several_translations_are_ordered_by_the_score_that_is_shown(
    program: Program, open_model: Path, model: Path, text: str
) -> None:
    for load in (model, open_model):
        done = program(
            "predict", text, "--load", load, "--n-best", "4", "--beam", "6", "--length-penalty", "1"
        )
        scores = [float(line.split("点数 ")[1].rstrip("）")) for line in done.out.splitlines()]
        assert len(scores) > 1 and scores == sorted(scores, reverse=True)
        assert "点数の大きい順" in done.err


@pytest.mark.parametrize(
    ("how", "option"), [("finished", "--load"), ("interrupted", "--resume"), ("patience", "--load")]
)
def test_overwriting_a_model_is_said_even_with_quiet(
    program: Program, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, option: str
) -> None:
    """And how to go on with the one that is there: a run that patience has ended is not resumed."""
    before = training(data, tmp_path / "m", epochs=30 if how == "patience" else 2)
    if how == "patience":
        before += ["--valid", str(data), "--patience", "1", "--learning-rate", "1"]
    if how == "interrupted":
        monkeypatch.setattr(_StopRequest, "asked", lambda _: True)
    program("train", *before, "--quiet")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    model = load_model(tmp_path / "m")
    assert model.interrupted == (how == "interrupted")
    assert (model.progress.epoch < model.progress.until) == (how != "finished")
    done = program("train", *training(data, tmp_path / "m"), "--quiet")
    assert done.code == 0 and "上書き" in done.err and option in done.err


@POSIX
@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "--load", "m", "--export-weights", "encoder.final_norm"],
        ["predict", "--load", "m", "--export-weights", "encoder.final_norm", "ありがとう"],
        ["predict", "--load", "m", "--export-attn", "ありがとう"],
        ["train", "--save", "m", "--resume", "--epochs", "1", "--export-weights", "encoder.final_norm"],
        ["train", "--save", "m", "--resume", "--epochs", "1", "--predict", "ありがとう", "--export-attn"],
    ],
    ids=lambda arguments: " ".join(arguments[:1] + arguments[4:5]),
)
@pytest.mark.parametrize("goal", ["outside", "nothing"])
def test_exports_do_not_follow_a_link_in_a_model_directory(
    program: Program, model: Path, tmp_path: Path, goal: str, arguments: list[str]
) -> None:
    """Whoever passes a model on may have put one there."""
    model.rename(tmp_path / "m")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "attention.html").write_text("mine", encoding="utf-8")
    (tmp_path / "m" / "exports").symlink_to(tmp_path / goal)
    before = (tmp_path / "m" / "config.json").read_bytes()
    done = program(*arguments)
    assert done.code == 2 and "リンク" in done.err and "--export-dir" in done.err
    assert [path.read_text(encoding="utf-8") for path in (tmp_path / "outside").iterdir()] == ["mine"]
    assert not (tmp_path / "nothing").exists()
    assert (tmp_path / "m" / "config.json").read_bytes() == before
    again = [arguments[0], "--export-dir", "elsewhere", *arguments[1:]]
    if arguments[0] != "train":
        assert program(*again).code == 0 and any((tmp_path / "elsewhere").iterdir())
