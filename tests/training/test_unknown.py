"""Tags that the vocabulary lacks: in validation data, and below ``min_count``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.data import corpus, parse_corpus
from jsl_seq2seq.data.batching import EncodedPair, make_batch
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.evaluation import evaluate
from jsl_seq2seq.settings import UNK
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.training import TrainingJob, TrainingRequest
from jsl_seq2seq.training.trainer import Trainer

from ..processes import run_program
from ..refusals import refused
from ..small_models import EIGHT_LINES, same_training_state, small_job, trained_small, translator_of

UNKNOWN = """わたしはたべます\t<私> <食べる>
わたしはのみます\t<私> <新しい> <飲む>
ありがとう\t<感謝>
えきはどこですか\t<駅> <ええ>
龍龍\t<はい>
"""


@pytest.fixture(params=[0, 1 << 20], ids=["on disk", "in memory"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "IN_MEMORY", request.param)


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.usefixtures("place")
def test_unknown_tags_of_validation_data_are_counted_and_named(tmp_path: Path) -> None:
    job = small_job(tmp_path, valid=written(tmp_path, "valid.tsv", UNKNOWN), epochs=120)
    [tags] = [note for note in job.notes if "語彙にないタグ" in note]
    assert "valid.tsv" in tags and "3 種類" in tags and "<新しい>、<感謝>、<ええ>、3 文" in tags
    [left_out] = [note for note in job.notes if "損失に入れません" in note]
    assert "2 文" in left_out and "ありがとうなど" in left_out
    model = job.run().model
    assert model.history[-1].valid_loss is not None and math.isfinite(model.history[-1].valid_loss)
    assert model.history[-1].valid_exact == 1 / 5  # whatever has an unknown tag is wrong, and so is 龍龍
    plain = small_job(tmp_path, epochs=120).run().model
    assert same_training_state(model, plain)


def test_the_loss_of_what_is_known(tmp_path: Path) -> None:
    """It is the mean over the steps that produce a known tag (or the end) after known tags."""
    model = trained_small()
    trainer = Trainer(choose_backend("ndarray"), model.config, model.training, model.parameters)
    ids = model.tokenizers.target.vocabulary.ids_of(["私", "飲む"])
    source = model.tokenizers.source.encode("わたしはのみます").ids
    whole = make_batch([EncodedPair(source, ids)])
    partly = make_batch([EncodedPair(source, (ids[0], UNK, ids[1]))])
    np.testing.assert_array_equal(whole.target_in, partly.target_in)
    translator = translator_of(model)
    steps = translator.score("わたしはのみます", ("私", "飲む")).log_probs
    assert trainer.loss(whole) == pytest.approx(-sum(steps) / 3, rel=1e-5)
    assert trainer.loss(partly) == pytest.approx(-(steps[0] + steps[2]) / 2, rel=1e-5)
    assert partly.tokens == 2


def test_test_data_with_unknown_tags_are_evaluated() -> None:
    found = evaluate(translator_of(trained_small()), parse_corpus(UNKNOWN, "test.tsv"))
    assert found.unknown_tags == ("新しい", "感謝", "ええ") and found.scores.sentences == 5
    assert [result.exact for result in found.results] == [True, False, False, False, False]


@pytest.mark.usefixtures("place")
def test_rare_tags_and_characters_are_left_to_the_unknown(tmp_path: Path) -> None:
    data = written(tmp_path, "train.tsv", EIGHT_LINES + "わたしは龍です\t<私> <龍>\n龍\t<龍>\n虎\t<虎>\n")
    job = small_job(tmp_path, data=data, valid=data, epochs=2, min_count=2, schedule="constant")
    tokenizers = job.start.tokenizers
    assert tokenizers.target.vocabulary.tokens == ("私", "龍")
    assert "龍" in tokenizers.source.vocabulary and "虎" not in tokenizers.source.vocabulary
    assert any("語彙にないタグが" in note and "train.tsv" in note for note in job.notes)
    model = job.run().model
    save_model(model, tmp_path / "m")
    assert "--min-count 2" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    loaded = load_model(tmp_path / "m")
    assert loaded.tokenizers.hash == tokenizers.hash
    request = TrainingRequest(
        {"min_count": 2, "epochs": 3, "schedule": "constant"},
        "ndarray",
        data=data,
        valid=data,
        load=tmp_path / "m",
        resume=True,
    )
    resumed = TrainingJob(request).run().model
    whole = small_job(tmp_path, data=data, valid=data, epochs=3, min_count=2, schedule="constant").run().model
    assert same_training_state(resumed, whole)


def test_rare_tags_of_a_loaded_models_data_cannot_be_chosen_anew(tmp_path: Path) -> None:
    save_model(small_job(tmp_path, epochs=1).run().model, tmp_path / "m")
    with refused(UserError, "min_count", "新しいモデル"):
        small_job(tmp_path, load=tmp_path / "m", min_count=2)


@pytest.mark.parametrize(("value", "named"), [(0, "min_count"), (99, "99 回以上")])
def test_impossible_counts(tmp_path: Path, value: int, named: str) -> None:
    with refused(UserError, named):
        small_job(tmp_path, min_count=value)


CORPUS = {
    "train.csv": [
        ("am montag regen im norden", "MONTAG REGEN NORD"),
        ("am dienstag sonne im süden", "DIENSTAG SONNE SUED"),
        ("im norden sonne", "NORD SONNE"),
        ("am montag wind", "MONTAG WIND"),
    ],
    "dev.csv": [("am montag schnee im norden", "MONTAG SCHNEE NORD"), ("hagel", "HAGEL"), ("sonne", "SONNE")],
    "test.csv": [("am mittwoch wind im norden", "MITTWOCH WIND NORD"), ("regen", "REGEN")],
}
"""As published corpora are: a column of names, sentences, glosses; the dev and test sets have glosses of their own."""


def test_a_published_corpus_trains_and_is_evaluated(tmp_path: Path) -> None:
    for name, rows in CORPUS.items():
        lines = [f"{name}/{number}|{text}|{gloss}" for number, (text, gloss) in enumerate(rows)]
        text = "\n".join(["name|text|gloss", *lines, ""])
        written(tmp_path, name, text.replace("|", ","))
    shape = ["--d-model", "16", "--n-layers", "1", "--d-ff", "32", "--epochs", "60", "--backend", "ndarray"]
    units = ["--source-units", "word", "--target-units", "words", "--min-count", "1"]
    files = ["--data", "train.csv", "--valid", "dev.csv", "--save", "m"]
    run = run_program(["train", *shape, *units, *files], tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    told = run.stderr.decode()
    assert "SCHNEE、HAGEL" in told and told.count("語彙にない語") == 1
    run = run_program(["evaluate", "--load", "m", "--data", "test.csv", "--backend", "ndarray"], tmp_path)
    assert run.returncode == 0 and "MITTWOCH" in run.stdout.decode() + run.stderr.decode()


def test_hints_of_the_command_line(tmp_path: Path) -> None:
    options: list[Any] = ["--backend", "ndarray", "--data", "eight.tsv", "--min-count", "99"]
    written(tmp_path, "eight.tsv", EIGHT_LINES)
    run = run_program(["train", *options], tmp_path)
    assert run.returncode == 2 and "--min-count" in run.stderr.decode()
