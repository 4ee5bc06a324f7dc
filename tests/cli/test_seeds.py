"""The same training with several seeds: models, mean and deviation, and going on after an interruption."""

from __future__ import annotations

import json
import signal
import statistics
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.cli import train as cli_train
from jsl_seq2seq.cli.config_file import TRAIN_CONFIG, recorded
from jsl_seq2seq.cli.seeds import parse_seeds
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.training import TrainingJob

from ..processes import POSIX
from ..refusals import refused
from ..small_models import same_training_state
from .conftest import Program
from .options import training


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (0, 1, 2)), (" 1 ", (0,)), ("4,2, 9", (4, 2, 9)), ("7,", (7,)), ("0,1", (0, 1))]
)
def test_how_many_or_which(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", "x", "0", "-1", "1.5", "1,x", ",", "1,,2", "1;2", "2,2", "1001", "٣", "9" * 30]
)
def test_what_is_neither(text: str) -> None:
    with refused(UserError, "seeds"):
        parse_seeds(text)


def repeated(data: Path, save: Path, *more: str | Path, seeds: str = "3", epochs: int = 2) -> list[str]:
    return ["train", *training(data, save, epochs), "--valid", str(data), "--seeds", seeds, *map(str, more)]


def test_each_seed_is_the_training_with_that_seed(program: Program, data: Path, tmp_path: Path) -> None:
    done = program(*repeated(data, tmp_path / "x", seeds="0,5"))
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "x").iterdir()} == {
        "seed-0",
        "seed-5",
        "seeds.json",
        TRAIN_CONFIG,
    }
    alone = program("train", *training(data, tmp_path / "m"), "--valid", data, "--seed", "5", "--quiet")
    assert alone.code == 0
    models = [load_model(tmp_path / name, training_state=True) for name in ("x/seed-5", "m")]
    assert same_training_state(*models) and models[0].training == models[1].training
    assert recorded(tmp_path / "x" / "seed-5" / TRAIN_CONFIG) == recorded(tmp_path / "m" / TRAIN_CONFIG)


def test_mean_and_standard_deviation(program: Program, data: Path, tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text(
        "わたしはたべます\t<私> <食べる>\nえきはどこですか\t<駅> <場所> <何> <何>\n", encoding="utf-8"
    )
    more = [
        "--metric",
        "chrf",
        "--eval",
        "test.tsv",
        "--eval",
        data,
        "--beam",
        "2",
        "--learning-rate",
        "0.03",
    ]
    done = program(*repeated(data, tmp_path / "x", *more, epochs=12))
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "x" / "seeds.json").read_text(encoding="utf-8"))
    assert told["seeds"] == [0, 1, 2] and [run["seed"] for run in told["runs"]] == [0, 1, 2]
    losses = [run["last"]["loss"] for run in told["runs"]]
    assert len(set(losses)) == 3
    assert told["figures"]["loss"] == {
        "mean": pytest.approx(statistics.fmean(losses)),
        "std": pytest.approx(statistics.stdev(losses)),
        "n": 3,
    }
    chrf = [run["best"]["valid_chrf"] for run in told["runs"]]
    assert told["figures"]["valid_chrf"]["mean"] == pytest.approx(statistics.fmean(chrf))
    assert "valid_bleu" not in told["figures"]
    # what evaluate says of each model
    figures = []
    for seed in range(3):
        one = program(
            "evaluate", "--load", f"x/seed-{seed}", "--data", "test.tsv", "--beam", "2", "--json", "--quiet"
        )
        figures.append(json.loads(one.out))
        assert told["runs"][seed]["test"][0]["tag_error_rate"] == figures[-1]["tag_error_rate"]
    first, second = told["test"]
    assert (first["data"], second["data"]) == ("test.tsv", str(data))
    rates = [one["tag_error_rate"] for one in figures]
    assert first["figures"]["tag_error_rate"]["std"] == pytest.approx(statistics.stdev(rates))
    assert first["figures"]["bleu"]["mean"] == pytest.approx(
        statistics.fmean(one["bleu"]["value"] for one in figures)
    )
    assert "bleu" not in second["figures"]  # no reference has four tags
    # the tables
    lines = done.out.splitlines()
    mean = next(line for line in lines if line.startswith(f"{tmp_path / 'x'} の平均"))
    assert f"{statistics.fmean(losses):.4f}" in mean and f"{statistics.fmean(chrf):.1f}" in mean
    assert (
        sum("test.tsv" in line for line in lines) == 5 and "BLEU|" in done.err and "学習に使った" in done.err
    )


def test_json_and_quiet(program: Program, data: Path, tmp_path: Path) -> None:
    done = program(*repeated(data, tmp_path / "x", "--json", "--quiet", seeds="2"))
    assert done.err == "" and json.loads(done.out) == json.loads(
        (tmp_path / "x" / "seeds.json").read_text(encoding="utf-8")
    )
    quiet = program(*repeated(data, tmp_path / "y", "--quiet", seeds="1"))
    assert quiet.err == "" and quiet.out.splitlines()[1].startswith(str(tmp_path / "y" / "seed-0"))
    told = json.loads((tmp_path / "y" / "seeds.json").read_text(encoding="utf-8"))
    assert told["figures"]["loss"]["std"] is None


def test_runs_shows_them(program: Program, data: Path, tmp_path: Path) -> None:
    assert program(*repeated(data, tmp_path / "x", "--quiet")).code == 0
    done = program("runs", tmp_path / "x", tmp_path / "x" / "seed-1", "--curve", "c.svg")
    names = [line.split("  ")[0] for line in done.out.splitlines()[1:7]]
    assert names == [
        *(str(tmp_path / "x" / f"seed-{seed}") for seed in (0, 1, 2, 1)),
        f"{tmp_path / 'x'} の平均",
        f"{tmp_path / 'x'} の標準偏差",
    ]
    *runs, group = map(json.loads, program("runs", tmp_path / "x", "--json").out.splitlines())
    assert len(runs) == 3 and group["runs"] == 3
    told = json.loads((tmp_path / "x" / "seeds.json").read_text(encoding="utf-8"))
    assert group["figures"] == told["figures"]


@POSIX
@pytest.mark.parametrize("when", ["training", "saving"])
def test_what_is_finished_is_not_trained_again(
    program: Program, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Ctrl-C in the second of three seeds, in the middle or when it is saved; --resume ends as if it had not been."""
    assert program(*repeated(data, tmp_path / "whole", "--quiet")).code == 0
    saves: list[str] = []

    def interrupted(model: Any, directory: Path) -> None:
        saves.append(directory.name)
        if len(saves) == 3:  # the first save of the second seed
            signal.raise_signal(signal.SIGINT)
        save_model(model, directory)

    monkeypatch.setattr(cli_train, "save_model", interrupted)
    more = ["--checkpoint-every", "1"] if when == "training" else []
    if more:
        saves.append("")  # the first seed's checkpoint is one save more
    done = program(*repeated(data, tmp_path / "x", *more))
    assert done.code == 130 and "続ける: jsl-seq2seq train --config" in done.err
    finished = 1 if when == "training" else 2
    assert f"3 のうち {finished} の種" in done.err
    told = json.loads((tmp_path / "x" / "seeds.json").read_text(encoding="utf-8"))
    assert len(told["runs"]) == finished
    before = (tmp_path / "x" / "seed-0" / "config.json").read_bytes()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)

    trained: list[int] = []
    honest = TrainingJob.run

    def counted(self: TrainingJob, *arguments: Any, **named: Any) -> Any:
        trained.append(self.training.seed)
        return honest(self, *arguments, **named)

    monkeypatch.setattr(TrainingJob, "run", counted)
    again = program("train", "--config", "x/train.toml", "--save", "x", "--resume")
    assert again.code == 0, again.err
    assert trained == list(range(finished, 3)) and "もう終わっています" in again.err
    assert (tmp_path / "x" / "seed-0" / "config.json").read_bytes() == before
    for seed in range(3):
        one, other = (
            load_model(tmp_path / name / f"seed-{seed}", training_state=True) for name in ("x", "whole")
        )
        assert same_training_state(one, other)


def test_other_settings_are_not_mixed(program: Program, data: Path, tmp_path: Path) -> None:
    assert program(*repeated(data, tmp_path / "x", "--quiet", seeds="2")).code == 0
    done = program(*repeated(data, tmp_path / "x", "--resume", "--dropout", "0.1", seeds="3"))
    assert done.code == 2 and "違う設定" in done.err and "dropout" in done.err
    assert not (tmp_path / "x" / "seed-2").exists()
    assert program(*repeated(data, tmp_path / "x", "--resume", "--quiet", seeds="3")).code == 0
    assert (tmp_path / "x" / "seed-2" / "config.json").exists()


@pytest.mark.parametrize(
    "more",
    [
        ["--seeds", "x"], ["--seeds", "2", "--seed", "1"], ["--seeds", "2", "--predict", "ありがとう"],
        ["--seeds", "2", "--resume"], ["--eval", "nothing.tsv"],
        ["--eval", "データ 1.tsv", "--beam", "0"], ["--seeds", "2", "--eval", "nothing.tsv", "--save", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_mistakes_are_said_before_anything_is_learnt(
    program: Program, data: Path, tmp_path: Path, more: list[str]
) -> None:
    done = program("train", "--data", data, "--backend", "ndarray", *more)
    assert (done.code, done.out) == (2, "") and "エラー" in done.err
    assert [path.name for path in tmp_path.iterdir()] == [data.name]


@pytest.mark.parametrize("content", ['{"my": "seeds"}', '["seeds", "runs", "figures"]', "5", "mine", ""])
def test_other_peoples_files_stay(program: Program, data: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "seeds.json").write_text(content, encoding="utf-8")
    done = program(*repeated(data, tmp_path / "x"))
    assert done.code == 2 and "seeds.json" in done.err
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["seeds.json"]


def test_going_on_from_a_model(program: Program, data: Path, model: Path, tmp_path: Path) -> None:
    """--load beside --resume: a seed that has begun goes on, another begins with the model."""
    options = ["train", "--load", model, "--data", data, "--backend", "ndarray", "--epochs", "2", "--quiet"]
    assert program(*options, "--save", "x", "--seeds", "1", "--checkpoint-every", "1").code == 0
    model_of_0 = load_model(tmp_path / "x" / "seed-0", training_state=True)
    assert program(*options, "--save", "x", "--seeds", "2", "--resume").code == 0
    assert same_training_state(load_model(tmp_path / "x" / "seed-0", training_state=True), model_of_0)
    assert program(*options, "--save", "m", "--seed", "1").code == 0
    one, other = (load_model(tmp_path / name, training_state=True) for name in ("x/seed-1", "m"))
    assert same_training_state(one, other)


def test_a_test_file_after_one_training(program: Program, data: Path, tmp_path: Path) -> None:
    done = program("train", *training(data, tmp_path / "m"), "--eval", data)
    assert done.code == 0 and "タグ誤り率" in done.out and "署名" in done.err
    lines = program("train", *training(data, tmp_path / "n"), "--eval", data, "--json").out.splitlines()
    summary, found = map(json.loads, lines)
    assert summary["directory"] == str(tmp_path / "n") and found["sentences"] == 8


def test_every_line_of_a_test_file_counts_as_in_evaluate(
    program: Program, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "twice.tsv").write_text(2 * data.read_text(encoding="utf-8"), encoding="utf-8")
    made = program("train", *training(data, tmp_path / "m"), "--eval", "twice.tsv", "--json").out.splitlines()
    judged = program("evaluate", "--load", tmp_path / "m", "--data", "twice.tsv", "--json", "--quiet").out
    assert json.loads(made[1])["sentences"] == json.loads(judged)["sentences"] == 16
