"""The README's commands, given to the real command line, train the very same weights again."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.cli.console import run
from jsl_seq2seq.interop.burn import import_burn
from jsl_seq2seq.settings import TrainingConfig
from jsl_seq2seq.store import SavedModel, Stage, load_model, save_model
from jsl_seq2seq.store.metadata import stages_of, with_stage
from jsl_seq2seq.training import TrainingJob, TrainingRequest

from ..interop.burn.synthetic import Original
from ..small_models import EIGHT_LINES, SMALL, same_arrays, same_training_state, small_job

VALID_LINES = "わたしはいきます\t<私> <飲む>\nありがとう\t<ありがとう>\n"
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "every option": {
        "accumulate": 2,
        "schedule": "cosine",
        "dropout": 0.1,
        "label_smoothing": 0.05,
        "clip_norm": 0.5,
        "position_shift": 3,
        "keep": "average",
        "average": 2,
        "seed": 5,
        "tied_embeddings": True,
    },
    # the other size has no effect, and so the command leaves it at its default
    "tokens": {"batch_tokens": 40, "batch_size": TrainingConfig.batch_size, "schedule": "inverse-sqrt"},
    "patience": {"keep": "best", "patience": 1, "epochs": 30},
    "words": {"source_units": "word", "target_units": "words"},
    "characters": {"target_tokenizer": "char", "substitutions": 2},
    "subwords": {"source_units": "subword", "subword_vocab": 40},
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with data in it, where what is recorded is a relative path."""
    monkeypatch.chdir(tmp_path)
    for name, lines in (("eight.tsv", EIGHT_LINES), ("検証 1.tsv", VALID_LINES)):
        Path(name).write_text(lines, encoding="utf-8")
    return tmp_path


def commands(directory: Path) -> list[list[str]]:
    """What the README says to type to train it again."""
    text = (directory / "README.md").read_text(encoding="utf-8")
    _, _, again = text.partition("はじめから再現する")
    return [shlex.split(block) for block in re.findall(r"```\n(.*?)\n```", again)]


def typed_again(directory: Path) -> SavedModel:
    """Everything the README says, done; the model that the last command saves."""
    found = commands(directory)
    for words in found:
        assert words[0] == "jsl-seq2seq"
        assert run([*words[1:], "--quiet"]) == 0
    return load_model(Path(found[-1][found[-1].index("--save") + 1]), training_state=True)


def trained(data: str = "eight.tsv", load: str | None = None, **options: Any) -> SavedModel:
    """Two epochs with validation, saved in ``models/first``."""
    wanted = options if load else SMALL | {"epochs": 2} | options
    request = TrainingRequest(
        wanted,
        "ndarray",
        data=Path(data),
        valid=Path("検証 1.tsv"),
        load=Path(load) if load else None,
    )
    model = TrainingJob(request).run().model
    save_model(model, Path("models/first"))
    return model


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
def test_one_command_trains_the_same_weights(desk: Path, options: dict[str, Any]) -> None:
    if "subword_vocab" in options:
        pytest.importorskip("tokenizers")
    if "source_units" in options:  # words of a foreign text, whose validation data must know its tags
        Path("検証 1.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    model = trained(**options)
    assert len(model.stages) == len(commands(Path("models/first"))) == 1
    again = typed_again(Path("models/first"))
    assert same_training_state(again, model)
    assert (again.config, again.training, again.data_digest) == (
        model.config,
        model.training,
        model.data_digest,
    )
    assert again.stages[0].valid_digest == model.stages[0].valid_digest != ""


def test_two_stages_are_two_commands(desk: Path) -> None:
    trained()
    Path("more.tsv").write_text("".join(EIGHT_LINES.splitlines(True)[:4]), encoding="utf-8")
    model = trained("more.tsv", load="models/first", epochs=2, learning_rate=0.003, dropout=0.1)
    first, second = model.stages
    assert (first.start, first.end, second.start, second.end) == (0, 2, 2, 4)
    assert (first.data_name, second.data_name) == ("eight.tsv", "more.tsv")
    assert len(commands(Path("models/first"))) == 2
    assert load_model(Path("models/first")).stages == model.stages
    assert same_training_state(typed_again(Path("models/first")), model)


def test_a_later_stage_switches_off_what_the_first_had(desk: Path) -> None:
    """Whatever a command that goes on from a model leaves out stays as it was in that model."""
    trained(
        accumulate=2, position_shift=2, patience=9, batch_tokens=60, keep="average", average=2, dropout=0.1
    )
    off = {"accumulate": 1, "position_shift": 0, "patience": 0, "batch_tokens": 0, "keep": "last"}
    model = trained(load="models/first", epochs=2, dropout=0.0, **off)
    assert len(model.stages) == 2
    assert same_training_state(typed_again(Path("models/first")), model)


def test_going_on_with_the_same_options_is_the_same_stage(desk: Path) -> None:
    trained(schedule="constant")
    model = trained(load="models/first", epochs=3)
    assert [(stage.start, stage.end, stage.until) for stage in model.stages] == [(0, 5, 5)]
    assert len(commands(Path("models/first"))) == 1
    assert same_training_state(typed_again(Path("models/first")), model)


def test_a_training_state_that_was_not_saved(desk: Path) -> None:
    save_model(replace(trained(), moments=None), Path("models/first"))
    assert "--no-training-state" in commands(Path("models/first"))[-1]
    model = trained(load="models/first", epochs=2)
    assert [stage.training_state for stage in model.stages] == [False, True]
    assert same_training_state(typed_again(Path("models/first")), model)


def test_an_interrupted_training_says_so(desk: Path) -> None:
    job = small_job(desk, epochs=5, schedule="constant")
    asked = iter(range(100))
    model = job.run(should_stop=lambda: next(asked) >= 4).model
    assert model.stages[0].interrupted and (model.stages[0].end, model.stages[0].until) == (1, 5)
    save_model(model, Path("m"))
    assert "切れ目で止めたのでなければ" in Path("m/README.md").read_text(encoding="utf-8")
    slope = replace(model.stages[0], settings=model.stages[0].settings | {"schedule": "cosine"})
    save_model(replace(model, stages=(slope,)), Path("cosine"))
    assert "学習率の下がり方" in Path("cosine/README.md").read_text(encoding="utf-8")
    save_model(small_job(desk, load=Path("m"), epochs=4).run().model, Path("m"))
    assert "途中で止めた" not in Path("m/README.md").read_text(encoding="utf-8")


def test_a_model_of_a_release_without_stages(desk: Path) -> None:
    model = trained()
    save_model(replace(model, stages=()), Path("models/first"))
    (stage,) = stages_of(load_model(Path("models/first")))
    assert (stage.start, stage.until, stage.data_name, stage.backend) == (0, 2, "eight.tsv", "ndarray")
    assert same_training_state(typed_again(Path("models/first")), model)


def test_an_imported_model_begins_with_its_import(desk: Path) -> None:
    import_burn(Original(n_layers=1).write(desk / "元のフォルダー"), Path("models/first"))
    assert "再現" not in Path("models/first/README.md").read_text(encoding="utf-8")
    Path("short.tsv").write_text("たべます\t<食べる>\n", encoding="utf-8")
    shutil.copy("short.tsv", "検証 1.tsv")
    model = trained("short.tsv", load="models/first", epochs=2, learning_rate=0.01)
    bring, train = commands(Path("models/first"))
    assert bring[1] == "import-burn" and train[train.index("--load") + 1] == bring[-1]
    assert run([*bring[1:], "--quiet"]) == 0 and run([*train[1:], "--quiet"]) == 0
    again = load_model(Path(train[train.index("--save") + 1]))
    assert same_arrays(again.parameters, model.parameters)


@pytest.mark.parametrize("options", [{}, {"keep": "average"}, {"keep": "best", "patience": 3}], ids=str)
def test_a_run_that_was_resumed_is_one_stage(desk: Path, options: dict[str, Any]) -> None:
    wanted = SMALL | {"epochs": 5} | options
    request = TrainingRequest(wanted, "ndarray", data=Path("eight.tsv"), valid=Path("検証 1.tsv"))
    asked = iter(range(100))
    save_model(TrainingJob(request).run(should_stop=lambda: next(asked) >= 4).model, Path("models/first"))
    model = TrainingJob(replace(request, load=Path("models/first"), resume=True)).run().model
    save_model(model, Path("models/first"))
    assert [(stage.start, stage.interrupted) for stage in model.stages] == [(0, False)]
    assert same_training_state(typed_again(Path("models/first")), model)


def test_a_run_that_continues_another_is_a_stage_with_a_schedule_of_its_own(desk: Path) -> None:
    trained()
    model = trained(load="models/first", epochs=3)
    assert [(stage.start, stage.end) for stage in model.stages] == [(0, 2), (2, 5)]
    assert same_training_state(typed_again(Path("models/first")), model)


def stage(**changes: Any) -> Stage:
    settings = {"keep": "last", "schedule": "constant", "patience": 0} | changes.pop("settings", {})
    return replace(Stage(0, 2, 2, False, settings, "a.tsv", "d", backend="ndarray"), **changes)


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ({}, {}, True),
        ({}, {"checkpoint_every": 3, "trained_at": "later"}, True),
        ({}, {"data_digest": "e"}, False),
        ({}, {"valid_name": "v.tsv"}, False),
        ({}, {"backend": "torch"}, False),
        ({}, {"precision": "bf16"}, False),
        ({}, {"git_commit": "f" * 40}, False),
        ({}, {"settings": {"learning_rate": 0.1}}, False),
        ({"training_state": False}, {}, False),
        ({"settings": {"keep": "best"}}, {"settings": {"keep": "best"}}, False),
        ({"settings": {"patience": 3}}, {"settings": {"patience": 3}}, False),
        ({"settings": {"schedule": "cosine"}}, {"settings": {"schedule": "cosine"}}, False),
        ({"until": 4, "settings": {"schedule": "cosine"}}, {"settings": {"schedule": "cosine"}}, True),
    ],
    ids=str,
)
def test_when_two_runs_are_one(first: dict[str, Any], second: dict[str, Any], merged: bool) -> None:
    latest = stage(start=2, end=4, until=4, **second)
    found = with_stage((stage(**first),), latest)
    assert len(found) == (1 if merged else 2)
    assert found[0].start == 0 and found[-1].end == 4


@pytest.mark.parametrize(("changed", "stages"), [({}, [(0, 4)]), ({"learning_rate": 0.1}, [(0, 2), (2, 4)])])
def test_a_resumed_run_is_the_same_stage_until_its_settings_change(
    changed: dict[str, Any], stages: list[tuple[int, int]]
) -> None:
    first = stage(until=4, settings={"keep": "best", "patience": 3, "schedule": "cosine"})
    latest = replace(first, end=4, settings=first.settings | changed)
    assert [(one.start, one.end) for one in with_stage((first,), latest)] == stages


def test_stages_travel_as_plain_json() -> None:
    one = stage(units={"subword_vocab": 9}, device="0")
    assert Stage.from_json(json.loads(json.dumps(asdict(one)))) == one
    assert Stage.from_json({**asdict(one), "a key of a later release": 1}) == one
