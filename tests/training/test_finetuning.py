"""A trained model goes on with data whose tags and characters it lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.data import parse_corpus, read_corpus
from jsl_seq2seq.data.batching import make_batch
from jsl_seq2seq.data.encoding import encode_pairs
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.evaluation import evaluate
from jsl_seq2seq.interop.burn import import_burn
from jsl_seq2seq.settings import VocabSize
from jsl_seq2seq.store import Moments, SavedModel, load_model, save_model, shipped_model
from jsl_seq2seq.tokenize.tokenizer import OpenTagTokenizer
from jsl_seq2seq.training import TrainingJob, TrainingRequest
from jsl_seq2seq.training.finetuning import frozen_spans
from jsl_seq2seq.training.trainer import Trainer
from jsl_seq2seq.translate.translator import Translator

from ..backend_cases import NAMES, require
from ..interop.burn.original import Original
from ..processes import run_program
from ..refusals import refused
from ..small_models import (
    same_arrays,
    same_training_state,
    small_job,
    train,
    trained_open,
    trained_small,
    trained_words,
    translator_of,
)

NEW = """わたしは龍をみます\t<私> <龍> <見る>
龍です\t<龍>
わたしはみます\t<私> <見る>
ありがとう\t<ありがとう>
"""
"""Two tags and a character that the model of eight sentences lacks, and a sentence of the eight."""

HERE = Path(__file__).parents[1] / "data"


def written(folder: Path, text: str = NEW, name: str = "new.tsv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def continued(folder: Path, model: SavedModel, text: str = NEW, **options: Any) -> TrainingJob:
    save_model(model, folder / "m")
    return small_job(folder, load=folder / "m", data=written(folder, text), **options)


def test_the_vocabulary_grows_behind_what_there_was(tmp_path: Path) -> None:
    model = trained_small()
    before, job = model.tokenizers, continued(tmp_path, trained_small())
    after = job.start.tokenizers
    assert after.target.vocabulary.tokens == (*before.target.vocabulary.tokens, "見る", "龍")
    assert after.source.vocabulary.tokens == (*before.source.vocabulary.tokens, "を", "龍")
    assert job.start.config.vocab_size == after.size
    assert job.start.config == replace(model.config, vocab_size=after.size)


def test_old_parameters_stay_and_new_ones_are_near_the_mean(tmp_path: Path) -> None:
    model = trained_small()
    start = continued(tmp_path, model).start
    assert list(start.parameters) == list(model.parameters)
    for name, old in model.parameters.items():
        new = start.parameters[name]
        assert new.dtype == np.float32
        part = tuple(slice(size) for size in old.shape)
        np.testing.assert_array_equal(new[part], old)
        [axis] = [i for i in range(old.ndim) if new.shape[i] > old.shape[i]] or [None]
        if axis is not None:
            added = np.delete(new, range(old.shape[axis]), axis)
            away = np.abs(added - old.mean(axis, keepdims=True)) / old.std(axis, keepdims=True)
            assert 0 < away.max() < 0.5, name


def test_the_new_parameters_moments_begin_at_zero(tmp_path: Path) -> None:
    model = trained_small()
    start = continued(tmp_path, model).start
    assert model.moments is not None and start.moments is not None
    for old, new in ((model.moments.m, start.moments.m), (model.moments.v, start.moments.v)):
        for name, values in old.items():
            part = tuple(slice(size) for size in values.shape)
            np.testing.assert_array_equal(new[name][part], values)
            assert np.count_nonzero(new[name]) == np.count_nonzero(values)


def test_before_it_has_learnt_it_translates_as_before(tmp_path: Path) -> None:
    model = trained_small()
    old, new = translator_of(model), translator_of(continued(tmp_path, model).start)
    for text in ("わたしはたべます", "えきはどこですか", "じゅういちがつ"):
        assert new.translate(text).tags == old.translate(text).tags


def test_it_learns_the_new_words_and_is_saved_and_resumed(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 60, "learning_rate": 0.01, "dropout": 0.1, "freeze": "none"}
    whole = continued(tmp_path, trained_small(), **options).run()
    assert (whole.exact, whole.checked) == (4, 4)
    asked = iter(range(1_000_000))
    job = continued(tmp_path, trained_small(), **options)
    stopped = job.run(should_stop=lambda: next(asked) >= 20)
    assert stopped.interrupted
    save_model(stopped.model, tmp_path / "n")
    request = TrainingRequest(
        {},
        "ndarray",
        data=tmp_path / "new.tsv",
        load=tmp_path / "n",
        resume=True,
    )
    assert same_training_state(TrainingJob(request).run().model, whole.model)
    save_model(whole.model, tmp_path / "n")
    loaded = load_model(tmp_path / "n", training_state=True)
    assert loaded.stages[-1].extended_from == asdict(trained_small().config.vocab_size)
    assert str(translator_of(loaded).translate("わたしは龍をみます")) == "<私> <龍> <見る>"


def test_what_is_new_is_said(tmp_path: Path) -> None:
    job = continued(tmp_path, trained_small())
    changes = [change.replace(str(tmp_path / "new.tsv"), "new.tsv") for change in job.changes]
    assert "new.tsv にある新しい文字 2 種類を語彙に足します: を、龍" in changes
    assert "new.tsv にある新しいタグ 2 種類を語彙に足します: <見る>、<龍>" in changes
    assert not any("書きまちがい" in note for note in job.notes)


def test_nothing_of_an_ordinary_fine_tuning_is_a_warning(tmp_path: Path) -> None:
    """That the data are others, and what follows from it, is what was asked for."""
    assert continued(tmp_path, trained_small()).notes == []


@pytest.mark.parametrize(("slip", "meant"), [("ありがとお", "ありがとう"), ("アりがとう", "ありがとう")])
def test_a_tag_that_may_be_a_slip_is_said(tmp_path: Path, slip: str, meant: str) -> None:
    notes = continued(tmp_path, trained_small(), f"ありがとう\t<{slip}>\n").notes
    assert any(f"<{slip}>" in note and f"<{meant}>" in note and "書きまちがい" in note for note in notes)


def test_the_same_data_extend_nothing_and_keep_their_settings(tmp_path: Path) -> None:
    save_model(train(tmp_path, epochs=2, schedule="constant").model, tmp_path / "m")
    job = small_job(tmp_path, load=tmp_path / "m", epochs=1)
    assert job.notes == job.changes == []
    assert (job.training.learning_rate, job.training.batch_size) == (0.01, 3)
    assert job.run().model.stages[-1].extended_from == {}


def test_other_data_are_learnt_at_a_quarter_of_the_rate_unless_it_is_given(tmp_path: Path) -> None:
    job = continued(tmp_path, trained_small())
    assert (job.training.learning_rate, job.training.schedule, job.training.batch_size) == (
        0.0025,
        "constant",
        8,
    )
    assert job.start.progress.until - job.start.progress.epoch == job.training.epochs == 600
    assert any("0.0025" in change and "600 エポック" in change for change in job.changes)
    given = {"learning_rate": 0.5, "schedule": "cosine", "batch_size": 2, "epochs": 7}
    job = continued(tmp_path, trained_small(), **given)
    assert {name: getattr(job.training, name) for name in given} == given


def test_what_was_kept_by_validation_is_not_asked_of_data_without(tmp_path: Path) -> None:
    valid = written(tmp_path, "わたしはいきます\t<私> <飲む>\n", "valid.tsv")
    model = train(tmp_path, epochs=2, valid=valid, keep="best", patience=9).model
    job = continued(tmp_path, model)
    assert (job.training.keep, job.training.patience) == ("last", 0)


def test_it_stops_where_all_is_learnt(tmp_path: Path) -> None:
    options: dict[str, Any] = {"learning_rate": 0.01, "freeze": "none"}
    result = continued(tmp_path, trained_small(), **options).run()
    run = [point for point in result.model.history if point.epoch > result.model.progress.start]
    assert (result.exact, result.interrupted) == (4, False) and 1 < len(run) < 600
    assert run[-1].loss < 0.001 <= min(point.loss for point in run[:-1])
    assert not result.model.stages[-1].interrupted
    save_model(result.model, tmp_path / "n")
    request = TrainingRequest({}, "ndarray", data=tmp_path / "new.tsv", load=tmp_path / "n", resume=True)
    assert same_training_state(TrainingJob(request).run().model, result.model)


def test_sentences_without_a_known_character_are_learnt_from(tmp_path: Path) -> None:
    job = continued(tmp_path, trained_small(), "龍龍\t<私>\n", epochs=1)
    assert not any("損失に入れません" in note for note in job.notes)
    assert (
        job.start.tokenizers.source.encode("龍龍").ids
        == (len(job.start.tokenizers.source.vocabulary) - 1,) * 2
    )


def test_data_of_a_resumed_run_that_changed_are_refused(tmp_path: Path) -> None:
    save_model(trained_small(), tmp_path / "m")
    request = TrainingRequest({}, "ndarray", data=written(tmp_path), load=tmp_path / "m", resume=True)
    with refused(UserError, "new.tsv", "<見る>、<龍>", code="unknown-tags"):
        TrainingJob(request)


def test_an_imported_model_has_the_words_that_it_came_with(tmp_path: Path) -> None:
    import_burn(Original(d_model=4, n_layers=1, d_ff=3).write(tmp_path / "o"), tmp_path / "m")
    with refused(UserError, "new.tsv", "<龍>", code="unknown-tags"):
        small_job(tmp_path, load=tmp_path / "m", data=written(tmp_path))


def test_open_words_can_be_written_with_a_new_character(tmp_path: Path) -> None:
    model = trained_open()
    job = continued(tmp_path, model, "龍を飲む\t<+龍> <飲む>\n鰐を飲む\t<わに> <飲む>\n", epochs=1)
    tokenizers = job.start.tokenizers
    added = tokenizers.target.vocabulary.tokens[len(model.tokenizers.target.vocabulary.tokens) :]
    assert added == ("+鰐", "+龍", "わに")
    assert not any("+" in note for note in job.notes)
    save_model(job.run().model, tmp_path / "n")
    assert load_model(tmp_path / "n").tokenizers.hash == tokenizers.hash


def test_evidence_stays(tmp_path: Path) -> None:
    model = trained_open()
    target = model.tokenizers.target
    limited = OpenTagTokenizer(target.vocabulary, target.normalizer, {"本": ["本"]})
    model = replace(model, tokenizers=replace(model.tokenizers, target=limited))
    job = continued(tmp_path, model, "鰐を飲む\t<わに> <飲む>\n")
    assert job.start.tokenizers.target.to_json()["evidence"] == {"本": ["本"]}


def test_words_of_another_language(tmp_path: Path) -> None:
    text = "Morgen schneit es\tMORGEN SCHNEE\nHeute scheint die Sonne\tHEUTE SONNE\n"
    result = continued(tmp_path, trained_words(), text, learning_rate=0.01).run()
    assert (result.exact, result.checked) == (2, 2)
    assert result.model.tokenizers.source.vocabulary.tokens[-1] == "schneit"


def test_subwords_get_new_characters(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    first = "Morgen regnet es\tMORGEN REGEN\nHeute scheint die Sonne\tHEUTE SONNE\n"
    model = (
        small_job(
            tmp_path,
            data=written(tmp_path, first, "first.tsv"),
            source_units="subword",
            target_units="words",
            subword_vocab=60,
            epochs=1,
        )
        .run()
        .model
    )
    job = continued(tmp_path, model, "Äpfel\tAPFEL\n", epochs=1)
    source = job.start.tokenizers.source
    assert {"Ä", "p", "f"} & set(source.vocabulary.tokens) == {"Ä", "p", "f"}
    assert not source.encode("Äpfel").unknown
    for text in ("Morgen regnet es", "Heute scheint die Sonne"):
        assert source.encode(text).ids == model.tokenizers.source.encode(text).ids
    save_model(job.run().model, tmp_path / "n")
    assert load_model(tmp_path / "n").tokenizers.hash == job.start.tokenizers.hash


def changed(before: SavedModel, after: SavedModel) -> dict[str, np.ndarray]:
    """By parameter, for each of its values whether training changed it."""
    return {name: before.parameters[name] != after.parameters[name] for name in before.parameters}


FROZEN: dict[str, Callable[[str], bool]] = {
    "encoder": lambda name: name.startswith("encoder."),
    "decoder": lambda name: name.startswith("decoder."),
    "embeddings": lambda name: ".embedding." in name or "output_projection" in name,
    "encoder.layers.0.self_attn,decoder.final_norm": lambda name: name.startswith(
        ("encoder.layers.0.self_attn", "decoder.final_norm")
    ),
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("freeze", FROZEN)
def test_what_is_frozen_stays_but_for_new_words(tmp_path: Path, freeze: str, tied: bool) -> None:
    """Also Adam's moments, which the model brings along, move nothing."""
    model = train(tmp_path, epochs=2, tied_embeddings=tied).model
    job = continued(tmp_path, model, epochs=3, freeze=freeze)
    start = job.start
    for name, moved in changed(start, job.run().model).items():
        old = tuple(slice(size) for size in model.parameters[name].shape)
        fresh = moved.copy()
        fresh[old] = False
        if FROZEN[freeze](name):
            assert not moved[old].any(), name
        elif not name.endswith(".k_proj.bias"):  # whose gradient is zero
            assert moved[old].any(), name
        assert fresh.any() or moved.shape == model.parameters[name].shape, name


def test_a_frozen_run_is_resumed_as_it_was(tmp_path: Path) -> None:
    model = train(tmp_path, epochs=2).model
    whole = continued(tmp_path, model, epochs=4, freeze="encoder,decoder").run().model
    job = continued(tmp_path, model, epochs=4, freeze="encoder,decoder")
    asked = iter(range(1_000_000))
    save_model(job.run(should_stop=lambda: next(asked) >= 1).model, tmp_path / "n")
    request = TrainingRequest({}, "ndarray", data=tmp_path / "new.tsv", load=tmp_path / "n", resume=True)
    assert same_training_state(TrainingJob(request).run().model, whole)


@pytest.mark.parametrize("name", NAMES)
def test_frozen_parameters_on_every_backend(name: str) -> None:
    require(name)
    model = trained_small()
    backend = choose_backend(name, "cpu" if name == "torch" else None)
    known = VocabSize(model.config.vocab_size.source - 2, model.config.vocab_size.target - 3)
    spans = frozen_spans(model.config, "encoder,decoder.output_projection", known)
    moments = Moments(*({n: np.ones_like(v) for n, v in model.parameters.items()} for _ in range(2)))
    trainer = Trainer(backend, model.config, model.training, model.parameters, moments, 5, spans)
    pairs = encode_pairs(parse_corpus("わたしはたべます\t<私> <食べる>\n", "x").pairs, model.tokenizers)
    for _ in range(2):
        trainer.update(make_batch(list(pairs)))
    moved = {name: values != model.parameters[name] for name, values in trainer.parameters().items()}
    assert not moved["encoder.embedding.weight"][:-2].any()
    assert not moved["encoder.layers.0.norm1.weight"].any()
    assert not moved["decoder.output_projection.weight"][:, :-3].any()
    assert moved["decoder.output_projection.weight"][:, -3:].all()
    assert not moved["decoder.output_projection.bias"][:-3].any()
    assert moved["decoder.layers.0.norm1.weight"].all()


def test_impossible_names(tmp_path: Path) -> None:
    with refused(UserError, "--freeze", "encoder.layer.0", code="unknown-module"):
        continued(tmp_path, trained_small(), freeze="encoder.layer.0")
    with refused(UserError, "--freeze", code="nothing-to-train"):
        continued(tmp_path, trained_small(), "ありがとう\t<ありがとう>\n", freeze="encoder,decoder")


def test_on_the_command_line(tmp_path: Path) -> None:
    save_model(trained_small(), tmp_path / "m")
    written(tmp_path)
    options = ["--data", "new.tsv", "--backend", "ndarray", "--epochs", "2", "--save", "n"]
    run = run_program(["train", "--load", "m", "--freeze", "encoder", *options], tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    assert "新しいタグ 2 種類" in run.stderr.decode()
    assert load_model(tmp_path / "n").training.freeze == "encoder"
    run = run_program(["train", "--freeze", "encoder", *options], tmp_path)
    assert run.returncode == 2 and "--load" in run.stderr.decode()


def test_the_shipped_model_has_a_name(tmp_path: Path) -> None:
    plain = run_program(["predict", "ありがとう", "--backend", "ndarray"], tmp_path)
    named = run_program(["predict", "ありがとう", "--backend", "ndarray", "--load", "builtin"], tmp_path)
    assert plain.returncode == named.returncode == 0
    assert plain.stdout == named.stdout


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_the_shipped_model_learns_twenty_sentences_and_keeps_what_it_had(tmp_path: Path) -> None:
    data = HERE / "finetune.tsv"
    job = TrainingJob(TrainingRequest({}, "ndarray", data=data, load=shipped_model()))
    result = job.run()
    assert (result.exact, result.checked) == (20, 20)
    backend = choose_backend("ndarray")
    before, after = Translator(load_model(shipped_model()), backend), Translator(result.model, backend)
    held_out = evaluate(after, read_corpus(HERE / "finetune-held-out.tsv", after.tokenizers))
    assert held_out.scores.exact_rate >= 0.8
    with resources.as_file(resources.files("jsl_seq2seq") / "assets" / "handwritten.tsv") as path:
        corpus = read_corpus(path)
    rates = [evaluate(one, corpus).scores.exact_rate for one in (before, after)]
    assert rates[1] >= rates[0] - 0.005


def test_the_shipped_model_is_extended_as_it_is(tmp_path: Path) -> None:
    """Without an update it translates what it did, bit for bit: the new tags come behind all others."""
    model = load_model(shipped_model())
    job = TrainingJob(TrainingRequest({}, "ndarray", data=HERE / "finetune.tsv", load=shipped_model()))
    assert job.start.tokenizers.target.vocabulary.tokens[-6:] == (
        "+𩸽", "ほっけ", "サブスク", "置き配", "要約筆記", "電話リレー",
    )  # fmt: skip
    part = {
        name: values[tuple(slice(size) for size in model.parameters[name].shape)]
        for name, values in job.start.parameters.items()
    }
    assert same_arrays(part, model.parameters)
