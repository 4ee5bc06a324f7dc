"""Models that several test files look at, trained in a moment and once, and whether two are the same."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.data import Corpus, parse_corpus
from jsl_seq2seq.store import Moments, SavedModel
from jsl_seq2seq.training import TrainingJob, TrainingRequest, TrainingResult
from jsl_seq2seq.translate.translator import Translator

EIGHT_LINES = """わたしはたべます\t<私> <食べる>
わたしはのみます\t<私> <飲む>
ありがとう\t<ありがとう>
おはようございます\t<朝> <挨拶>
はい、わかります\t<はい> <分かる>
えきはどこですか\t<駅> <場所> <何>
だいじょうぶです\t<OK>
じゅういちがつ\t<10> <1> <月>
"""
"""A corpus that trains in a moment."""

ELEVEN_LINES = (
    EIGHT_LINES
    + """わたしはのみます\t<私> <食べる>\t取り違え
龍\t<龍>\t読めない
<b>わたし\t<私>\t記号 & 印
"""
)
"""A test file for what learnt the eight: a tag is wrong, a unit and a tag are unknown, and one has markup."""

OPEN_LINES = """コーヒーを飲む\t<+コーヒー> <飲む>
お茶を飲みます\t<+お茶> <飲む>
\ue000を飲む\t<+\ue000> <飲む>
\ue000と\ue001を飲む\t<+\ue000> <+\ue001> <飲む>
本を受け取る\t<本> <+受け取る>
本を受け取ります\t<本> <+受け取る>
\ue000を受け取る\t<+\ue000> <+受け取る>
本を\ue000る\t<本> <+\ue000る>
本です。\t<本>
ありがとう\t<ありがとう>
ありがとう！\t<ありがとう>
"""
"""A corpus with words outside of the tags; private-use characters are the slots of :mod:`jsl_seq2seq.tokenize`."""

SMALL: dict[str, Any] = {
    "d_model": 8,
    "n_heads": 2,
    "n_layers": 1,
    "d_ff": 16,
    "max_seq_len": 24,
    "batch_size": 3,
    "warmup_steps": 10,
    "learning_rate": 0.01,
}
"""Options of a model that trains in a moment. Eight sentences in batches of three: the last is not full."""


def eight_sentences() -> Corpus:
    """The pairs of :data:`EIGHT_LINES`."""
    return parse_corpus(EIGHT_LINES, "8 文")


def train(
    folder: Path, *, load: Path | None = None, valid: Path | None = None, **options: Any
) -> TrainingResult:
    """Train a small model on eight sentences; ``folder`` takes the corpus file."""
    return small_job(folder, load=load, valid=valid, **options).run()


def small_job(
    folder: Path,
    *,
    load: Path | None = None,
    valid: Path | None = None,
    data: Path | None = None,
    **options: Any,
) -> TrainingJob:
    """The job behind :func:`train`. When going on (``load``), only the options that are given here are set."""
    if data is None:
        data = folder / "eight.tsv"
        data.write_text(EIGHT_LINES, encoding="utf-8")
    wanted: Mapping[str, Any] = options if load else {**SMALL, **options}
    return TrainingJob(TrainingRequest(wanted, "ndarray", data=data, valid=valid, load=load))


@cache
def trained_small() -> SavedModel:
    """A small model that knows its eight sentences, with everything that a model directory can hold."""
    with tempfile.TemporaryDirectory() as folder:
        result = train(Path(folder), epochs=120)
    assert (result.exact, result.checked) == (8, 8)
    return result.model


@cache
def trained_otherwise() -> SavedModel:
    """Another small model of the eight sentences: other weights, deeper, and not yet sure of them."""
    with tempfile.TemporaryDirectory() as folder:
        return train(Path(folder), epochs=25, seed=5, n_layers=2, max_seq_len=20).model


@cache
def trained_open(seed: int = 0) -> SavedModel:
    """A small model that writes words outside of its tags letter by letter."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "open.tsv"
        data.write_text(OPEN_LINES, encoding="utf-8")
        options = {**SMALL, "d_model": 16, "max_seq_len": 40, "epochs": 150, "seed": seed}
        return small_job(Path(folder), data=data, target_units="open-tags", **options).run().model


PIECES_LINES = """本を食べる	<本> <食べる>
本を飲む	<本> <飲む>
食べ物	<食べ物>
飲み物	<飲み物>
"""


@cache
def trained_pieces() -> SavedModel:
    """A small model that puts tags together from characters."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "pieces.tsv"
        data.write_text(PIECES_LINES, encoding="utf-8")
        options = {**SMALL, "d_model": 16, "max_seq_len": 40, "epochs": 200}
        return small_job(Path(folder), data=data, target_tokenizer="char", **options).run().model


@cache
def trained_words() -> SavedModel:
    """A small model of another language: words in, words out."""
    units = {"source_units": "word", "target_units": "words", "epochs": 60}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "german.tsv"
        data.write_text(
            "Morgen regnet es\tMORGEN REGEN\nHeute scheint die Sonne\tHEUTE SONNE\n", encoding="utf-8"
        )
        return small_job(Path(folder), data=data, **SMALL, **units).run().model


@cache
def trained_starter() -> TrainingResult:
    """What ``jsl-seq2seq --train`` makes of the starter corpus: all default settings."""
    return TrainingJob(TrainingRequest({}, "ndarray")).run()


def translator_of(model: SavedModel) -> Translator:
    """A translator on the reference backend."""
    return Translator(model, choose_backend("ndarray"))


def same_arrays(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    """Whether names, their order and every bit agree."""
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


def same_training_state(one: SavedModel, other: SavedModel) -> bool:
    """Whether weights, Adam's state and progress agree, bit for bit."""
    return (
        one.progress == other.progress
        and same_arrays(one.parameters, other.parameters)
        and same_arrays(_flat(one.moments), _flat(other.moments))
    )


def _flat(moments: Moments | None) -> dict[str, np.ndarray]:
    assert moments is not None
    return {f"m.{k}": v for k, v in moments.m.items()} | {f"v.{k}": v for k, v in moments.v.items()}
