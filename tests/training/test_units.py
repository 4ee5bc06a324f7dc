"""Corpora of other languages: the same training, other units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.store.verification import verify
from jsl_seq2seq.training import TrainingJob, TrainingRequest

from ..processes import run_program
from ..refusals import refused
from ..small_models import small_job, translator_of

GERMAN = """source;gloss
Morgen regnet es im Norden;MORGEN REGEN NORD
"Heute scheint die Sonne; im Süden auch";HEUTE SONNE SUED AUCH
Am Abend weht der Wind;ABEND WIND
"""
WORDS: dict[str, Any] = {"source_units": "word", "target_units": "words"}
SUBWORDS: dict[str, Any] = {"source_units": "subword", "target_units": "words", "subword_vocab": 40}


@pytest.fixture
def german(tmp_path: Path) -> Path:
    path = tmp_path / "wetter.csv"
    path.write_text(GERMAN, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize(
    "units", [WORDS, SUBWORDS, {"target_units": "words"}], ids=["word", "subword", "char"]
)
def test_learnt_saved_and_loaded(tmp_path: Path, german: Path, units: dict[str, Any]) -> None:
    if "subword_vocab" in units:
        pytest.importorskip("tokenizers")
    result = small_job(tmp_path, data=german, epochs=150, max_seq_len=64, **units).run()
    assert (result.exact, result.checked) == (3, 3)
    save_model(result.model, tmp_path / "m")
    loaded = load_model(tmp_path / "m", training_state=True)
    assert loaded.tokenizers.hash == result.model.tokenizers.hash
    translation = translator_of(loaded).translate("Am Abend weht der Wind", attention=True)
    assert str(translation) == "ABEND WIND" and translation.tags == ("ABEND", "WIND")
    assert translation.attention is not None
    assert translation.attention["decoder.0.cross"].query_labels == ("ABEND", "WIND", "<EOS>")
    readme = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert f'--predict "{result.model.examples[0].source}"' in readme
    assert "`ABEND WIND`" in readme and "--target-units words" in readme
    job = small_job(tmp_path, load=tmp_path / "m", data=german, epochs=1)
    assert job.start.tokenizers.settings == result.model.tokenizers.settings
    assert len(job.notes) == 1 and "cosine" in job.notes[0]


@pytest.mark.parametrize(
    ("pieces", "labels"),
    [
        ({"target_tokenizer": "char"}, list("▁ABEND▁WIND")),
        ({"target_tokenizer": "subword", "target_vocab": 90}, ["▁ABEND", "▁WIND"]),
    ],
    ids=["char", "subword"],
)
def test_targets_in_pieces(tmp_path: Path, german: Path, pieces: dict[str, Any], labels: list[str]) -> None:
    if "target_vocab" in pieces:
        pytest.importorskip("tokenizers")
    options = {"max_seq_len": 64, "d_model": 16, "metric": "bleu", **WORDS, **pieces}
    result = small_job(tmp_path, data=german, valid=german, epochs=120, **options).run()
    assert (result.exact, result.checked) == (3, 3)
    last = result.model.history[-1]
    assert (last.valid_exact, last.valid_bleu) == (1, pytest.approx(100)), "figures are those of the tags"
    save_model(result.model, tmp_path / "m")
    loaded = load_model(tmp_path / "m", training_state=True)
    assert loaded.tokenizers.hash == result.model.tokenizers.hash
    assert loaded.stages[-1].units.items() >= pieces.items()
    translation = translator_of(loaded).translate("Am Abend weht der Wind", attention=True)
    assert str(translation) == "ABEND WIND" and translation.tags == ("ABEND", "WIND")
    assert translation.attention is not None
    assert translation.attention["decoder.0.cross"].query_labels == (*labels, "<EOS>")
    readme = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert all(f"--{name.replace('_', '-')} {value}" in readme for name, value in pieces.items())
    assert not verify(tmp_path / "m").problems
    small_job(tmp_path, load=tmp_path / "m", data=german, epochs=1, **pieces)
    resumed = TrainingRequest({**WORDS, **pieces}, "ndarray", data=german, load=tmp_path / "m", resume=True)
    assert TrainingJob(resumed).start.tokenizers.hash == loaded.tokenizers.hash


def test_new_tags_of_known_characters_are_learnt(tmp_path: Path, german: Path) -> None:
    model = small_job(tmp_path, data=german, epochs=1, target_tokenizer="char", **WORDS).run().model
    save_model(model, tmp_path / "m")
    more = tmp_path / "more.csv"
    more.write_text("source;gloss\nMorgen weht es;MORGENREGEN WINDE\n", encoding="utf-8")
    job = small_job(tmp_path, load=tmp_path / "m", data=more, learning_rate=0.01)
    before, after = model.tokenizers.target, job.start.tokenizers.target
    assert after.tags == (*before.tags, "MORGENREGEN", "WINDE")
    assert after.vocabulary.tokens == before.vocabulary.tokens, "all their characters have tokens"
    assert any("MORGENREGEN" in note for note in job.notes)
    result = job.run()
    assert (result.exact, result.checked) == (1, 1)
    assert translator_of(result.model).translate("Morgen weht es").details[0].known


def test_unknown_words_are_said_and_left_out(tmp_path: Path, german: Path) -> None:
    model = small_job(tmp_path, data=german, epochs=1, **WORDS).run().model
    translation = translator_of(model).translate("Morgen schneit es")
    assert any("学習していない語" in warning and "「schneit」" in warning for warning in translation.warnings)


def test_unknown_words_of_the_validation_data_are_said(tmp_path: Path, german: Path) -> None:
    valid = tmp_path / "valid.csv"
    valid.write_text("source;gloss\nMorgen schneit es;MORGEN\n", encoding="utf-8")
    notes = small_job(tmp_path, data=german, valid=valid, **WORDS).notes
    assert any("valid.csv" in note and "語が 1 種類" in note and "schneit" in note for note in notes)


def test_data_without_a_known_word_are_refused(tmp_path: Path, german: Path) -> None:
    valid = tmp_path / "valid.csv"
    for line in ("Morgen;SCHNEE", "schneit;MORGEN"):
        valid.write_text(f"source;gloss\n{line}\n", encoding="utf-8")
        with refused(UserError, "valid.csv", "文が 1 つもありません", line.split(";")[0]):
            small_job(tmp_path, data=german, valid=valid, **WORDS)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"source_units": "char"}, "--source-units"),
        ({"target_units": "tags"}, "--target-units"),
        ({"subword_vocab": 40}, "--subword-vocab"),
        ({"target_tokenizer": "char"}, "--target-tokenizer"),
    ],
)
def test_a_model_keeps_its_units(tmp_path: Path, german: Path, options: dict[str, Any], named: str) -> None:
    save_model(small_job(tmp_path, data=german, epochs=1, **WORDS).run().model, tmp_path / "m")
    with refused(UserError, named, "word と words", "--load を外して"):
        small_job(tmp_path, load=tmp_path / "m", data=german, **options)
    small_job(tmp_path, load=tmp_path / "m", data=german, **WORDS)  # asking for what it is, is fine


def test_a_model_keeps_its_subwords(tmp_path: Path, german: Path) -> None:
    pytest.importorskip("tokenizers")
    save_model(
        small_job(tmp_path, data=german, epochs=1, max_seq_len=64, **SUBWORDS).run().model, tmp_path / "m"
    )
    with refused(UserError, "--subword-vocab", "--load を外して"):
        small_job(tmp_path, load=tmp_path / "m", data=german, subword_vocab=50)
    request = TrainingRequest(SUBWORDS, "ndarray", data=german, load=tmp_path / "m", resume=True)
    TrainingJob(request)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"source_units": "byte"}, ("--source-units", "byte", "subword")),
        ({"target_units": "glosses"}, ("--target-units", "glosses", "words")),
        ({"source_units": "word", "subword_vocab": 100}, ("--subword-vocab", "subword")),
        ({"source_units": "subword", "subword_vocab": 3}, ("--subword-vocab（3）",)),
        ({"source_units": "subword", "subword_vocab": -1}, ("--subword-vocab",)),
        ({"target_tokenizer": "letters"}, ("--target-tokenizer", "letters", "char")),
        (
            {"target_tokenizer": "char", "target_vocab": 100},
            ("--target-vocab は、--target-tokenizer が subword", "--target-tokenizer subword を足す"),
        ),
        ({"target_tokenizer": "subword", "target_vocab": 3}, ("--target-vocab（3）",)),
        ({"target_tokenizer": "subword", "target_vocab": 0}, ("--target-vocab",)),
    ],
)
def test_impossible_units(
    tmp_path: Path, german: Path, options: dict[str, Any], named: tuple[str, ...]
) -> None:
    with refused(UserError, *named):
        small_job(tmp_path, data=german, **{"target_units": "words", **options})


def test_the_starter_corpus_is_characters_and_tags() -> None:
    with refused(UserError, "付属の例文", "--data"):
        TrainingJob(TrainingRequest({"source_units": "word"}, "ndarray"))


def test_from_the_command_line(tmp_path: Path, german: Path) -> None:
    options = ["--source-units", "word", "--target-units", "words", "--d-model", "8", "--n-layers", "1"]
    run = run_program(
        ["train", "--backend", "ndarray", "--data", german.name, "--epochs", "2", "--save", "m", *options],
        tmp_path,
    )
    assert run.returncode == 0, run.stderr.decode()
    assert load_model(tmp_path / "m").tokenizers.source.kind == "word"
    wrong = run_program(["train", "--data", german.name, "--source-units", "words"], tmp_path)
    assert wrong.returncode == 2 and "--source-units" in wrong.stderr.decode()
