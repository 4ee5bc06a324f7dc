"""A whole training, and what is said about a request that cannot be carried out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.data import read_starter_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import EpochMetrics, SavedModel
from jsl_seq2seq.training import TrainingJob, TrainingRequest, TrainingResult

from ..refusals import refused
from ..small_models import (
    EIGHT_LINES,
    SMALL,
    eight_sentences,
    same_training_state,
    small_job,
    train,
    trained_small,
    trained_starter,
    translator_of,
)


def test_default_settings_learn_the_whole_starter_corpus() -> None:
    result = trained_starter()
    assert result.checked == len(read_starter_corpus().pairs)
    translator = translator_of(result.model)
    wrong = [
        (pair, translation.tags)
        for pair in read_starter_corpus().pairs
        for translation in [translator.translate(pair.source)]
        if translation.tags != pair.tags or not translation.finished
    ]
    assert not wrong
    assert result.exact == result.checked
    assert result.model.training.epochs == result.model.progress.epoch == len(result.model.history) == 200


def test_default_settings_are_the_reference_setting() -> None:
    model = trained_starter().model
    assert (model.config.d_model, model.config.n_heads, model.config.n_layers) == (16, 2, 4)
    assert (model.config.d_ff, model.training.batch_size, model.training.seed) == (32, 8, 0)


def learnt(seeds: range, **options: Any) -> dict[int, int]:
    """Seed -> how many of the 86 starter sentences come out exactly."""
    requests = {seed: TrainingRequest({"seed": seed, **options}, "ndarray") for seed in seeds}
    return {seed: TrainingJob(request).run().exact for seed, request in requests.items()}


def test_another_seed_learns_it_too() -> None:
    """In less than half of the default's epochs."""
    assert learnt(range(1, 2), epochs=80) == {1: 86}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("options", [{}, {"epochs": 80}, {"epochs": 100}], ids=str)
def test_at_least_29_of_30_seeds_learn_it(options: dict[str, int]) -> None:
    found = learnt(range(30), **options)
    assert sum(exact == 86 for exact in found.values()) >= 29, found


def test_the_weights_are_saved_before_anything_is_translated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong afterwards, such as a device that runs out of memory, is a note."""
    saved: list[SavedModel] = []
    good = small_job(tmp_path, epochs=2).run(save=saved.append)
    assert [len(model.examples) for model in saved] == [0, 5]
    assert same_training_state(*saved) and saved[1] is good.model

    def fails(*_: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("jsl_seq2seq.training.job.Translator", fails)
    saved.clear()
    result = small_job(tmp_path, epochs=2).run(save=saved.append)
    assert len(saved) == 1 and same_training_state(saved[0], good.model)
    assert "no room" in result.notes[0] and (result.exact, result.checked) == (0, 0)


def test_a_sentence_that_is_too_long_to_translate_does_not_cost_the_training(tmp_path: Path) -> None:
    data = tmp_path / "long.tsv"
    data.write_text("はい\t<はい>\n" + "あ" * 2001 + "\t<a>\n", encoding="utf-8")
    result = TrainingJob(
        TrainingRequest(SMALL | {"epochs": 1, "max_seq_len": 2001}, "ndarray", data=data)
    ).run()
    assert result.checked == 2 and result.model.examples[1].hypothesis == ()


def test_the_same_request_gives_the_same_model(tmp_path: Path) -> None:
    first, second = (train(tmp_path, epochs=3, dropout=0.1).model for _ in range(2))
    assert same_training_state(first, second)
    assert not same_training_state(train(tmp_path, epochs=3, dropout=0.1, seed=1).model, first)


def test_what_is_remembered(tmp_path: Path) -> None:
    result = train(tmp_path, epochs=2)
    assert result.model.data_name == "eight.tsv"  # and nothing about where it lies
    assert result.model.config.max_seq_len == 24
    assert len(result.model.examples) == 5 and result.checked == 8
    assert not result.interrupted
    spoken = {(example.source, example.reference) for example in result.model.examples}
    assert spoken <= {(pair.source, pair.tags) for pair in eight_sentences().pairs}


def test_examples_are_what_the_translator_says() -> None:
    translator = translator_of(trained_small())
    for example in trained_small().examples:
        assert translator.translate(example.source).tags == example.hypothesis


def test_the_model_grows_with_long_sentences(tmp_path: Path) -> None:
    data = tmp_path / "long.tsv"
    data.write_text("あ" * 70 + "\t" + "<a> " * 80 + "\n", encoding="utf-8")
    request = TrainingRequest({"epochs": 1}, "ndarray", data=data)
    assert TrainingJob(request).start.config.max_seq_len == 81  # 80 tags and the end


def test_too_long_sentences_are_named(tmp_path: Path) -> None:
    with refused(UserError, "eight.tsv", "おはようございます", "--max-seq-len 9"):
        small_job(tmp_path, max_seq_len=8)
    small_job(tmp_path, max_seq_len=9)


def test_a_tag_sequence_needs_room_for_its_end(tmp_path: Path) -> None:
    data = tmp_path / "tags.tsv"
    data.write_text("あ\t<a> <b> <c>\n", encoding="utf-8")
    with refused(UserError, "tags.tsv", "--max-seq-len 4"):
        small_job(tmp_path, data=data, max_seq_len=3)
    small_job(tmp_path, data=data, max_seq_len=4)


def test_one_sentence_is_enough(tmp_path: Path) -> None:
    data = tmp_path / "one.tsv"
    data.write_text("はい\t<はい>\n", encoding="utf-8")
    result = small_job(tmp_path, data=data, epochs=30).run()
    assert (result.exact, result.checked) == (1, 1)


def test_overlap_of_training_and_validation_data_is_said(tmp_path: Path) -> None:
    valid = tmp_path / "valid.tsv"
    valid.write_text(EIGHT_LINES.splitlines()[2] + "\nわたしはみます\t<私> <飲む>\n", encoding="utf-8")
    notes = small_job(tmp_path, valid=valid).notes
    assert any("検証データの 1 文" in note and "ありがとう" in note for note in notes)


def test_notes_about_the_files_are_passed_on(tmp_path: Path) -> None:
    data = tmp_path / "twice.tsv"
    data.write_text(EIGHT_LINES * 2, encoding="utf-8")
    assert any("8 回" in note for note in small_job(tmp_path, data=data).notes)


def test_validation_data_of_unknown_tags_alone_are_refused(tmp_path: Path) -> None:
    valid = tmp_path / "valid.tsv"
    valid.write_text("わたし\t<龍>\n", encoding="utf-8")
    with refused(UserError, "valid.tsv", "文が 1 つもありません", "わたし"):
        small_job(tmp_path, valid=valid)


def test_missing_data(tmp_path: Path) -> None:
    with refused(UserError, "nothing.tsv"):
        small_job(tmp_path, data=tmp_path / "nothing.tsv")


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"epochs": 0}, "--epochs"),
    ({"epochs": -3}, "--epochs"),
    ({"batch_size": 0}, "--batch-size"),
    ({"learning_rate": 0.0}, "--learning-rate"),
    ({"learning_rate": float("nan")}, "--learning-rate"),
    ({"dropout": 1.0}, "--dropout"),
    ({"dropout": -0.1}, "--dropout"),
    ({"dropout": float("nan")}, "--dropout"),
    ({"label_smoothing": 1.0}, "--label-smoothing"),
    ({"warmup_steps": -1}, "--warmup-steps"),
    ({"clip_norm": -1.0}, "--clip-norm"),
    ({"clip_norm": float("nan")}, "--clip-norm"),
    ({"seed": -1}, "--seed"),
    ({"d_model": 10, "n_heads": 4}, "n_heads"),
    ({"d_model": 9, "n_heads": 3}, "偶数"),
    ({"d_model": 0}, "--d-model"),
    ({"n_heads": 0}, "--n-heads"),
    ({"n_layers": 0}, "--n-layers"),
    ({"n_layers": 10**9}, "--n-layers"),
    ({"d_ff": -1}, "--d-ff"),
    ({"max_seq_len": 0}, "--max-seq-len"),
    ({"learning_rate": float("inf")}, "--learning-rate"),
    ({"clip_norm": float("inf")}, "--clip-norm"),
    ({"clip_norm": float("nan")}, "--clip-norm"),
    ({"batch_size": 10**30}, "--batch-size"),
    ({"seed": 10**60}, "--seed"),
    ({"warmup_steps": 10**300}, "--warmup-steps"),
]


@pytest.mark.parametrize(("options", "named"), BAD_OPTIONS, ids=[str(options) for options, _ in BAD_OPTIONS])
def test_impossible_options(tmp_path: Path, options: dict[str, Any], named: str) -> None:
    with refused(UserError, named):
        small_job(tmp_path, **options)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 10**6}, {"seed": 2**63 - 1}, {"warmup_steps": 10**9}, {"position_shift": 100_000}],
)
def test_extreme_options_that_are_possible(tmp_path: Path, options: dict[str, Any]) -> None:
    assert train(tmp_path, epochs=1, **options).model.progress.epoch == 1


@pytest.mark.parametrize(
    ("losses", "keep", "nothing", "overfitted"),
    [
        ([1.0, 0.5], "last", False, None),
        ([1.0, 0.5, 0.505], "last", False, None),
        ([1.0, 0.5, 0.6], "last", False, 2),
        ([1.0, 0.5, 0.6], "best", False, None),
        ([1.0, 99.0], "last", True, 1),
        ([None, 0.5], "last", False, None),
        ([], "last", False, None),
    ],
)
def test_what_a_result_says_of_its_curve(
    losses: list[float | None], keep: str, nothing: bool, overfitted: int | None
) -> None:
    model = trained_small()
    history = tuple(
        EpochMetrics(epoch, loss or 1.0, 0.0, 0.0, valid_loss=loss) for epoch, loss in enumerate(losses, 1)
    )
    training, progress = replace(model.training, keep=keep), replace(model.progress, start=0)
    result = TrainingResult(
        replace(model, training=training, progress=progress, history=history), 0, 0, False
    )
    assert result.uniform_loss == pytest.approx(np.log(model.config.vocab_size.target))
    assert (result.learnt_nothing, result.overfitted_after) == (nothing, overfitted)
