"""Models that several test files look at, each trained once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jsl_seq2seq
from jsl_seq2seq.errors import JslError
from jsl_seq2seq.ops.choose import choose_backend
from jsl_seq2seq.store import Moments, SavedModel
from jsl_seq2seq.text import Corpus, parse_corpus
from jsl_seq2seq.train import TrainingJob, TrainingRequest, TrainingResult
from jsl_seq2seq.translator import Translator

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

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
"""For tests that send signals or fork."""


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
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        result = train(Path(folder), epochs=120)
    assert (result.exact, result.checked) == (8, 8)
    return result.model


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


@contextmanager
def refused(kind: type[JslError], *fragments: str) -> Iterator[None]:
    """The body raises exactly this kind of error, in Japanese, and its text has every fragment."""
    with pytest.raises(JslError) as caught:
        yield
    assert type(caught.value) is kind, caught.value
    text = str(caught.value)
    assert is_japanese(caught.value.what), text
    for fragment in fragments:
        assert fragment in text


def is_japanese(text: str) -> bool:
    """Whether it has kana, as every Japanese sentence does."""
    return any("ぁ" <= character <= "ヶ" for character in text)


def environment(**changes: str) -> dict[str, str]:
    """The environment for a child process: it finds the package under test, and no user's settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "JSL_", "LC_", "LANG"))
    }
    package = Path(jsl_seq2seq.__file__).parent.parent
    return {**kept, "PYTHONPATH": str(package), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", **changes}


def program(*arguments: str | bytes) -> list[str | bytes]:
    """The command line that runs ``jsl-seq2seq`` in a process of its own."""
    return [sys.executable, "-m", "jsl_seq2seq", *arguments]


def run_program(
    arguments: Sequence[str | bytes], folder: Path, stdin: bytes = b"", **changes: str
) -> subprocess.CompletedProcess[bytes]:
    """Run ``jsl-seq2seq`` to its end in ``folder``; ``changes`` are environment variables."""
    return subprocess.run(
        program(*arguments),
        cwd=folder,
        input=stdin,
        capture_output=True,
        env=environment(**changes),
        timeout=120,
        check=False,
    )
