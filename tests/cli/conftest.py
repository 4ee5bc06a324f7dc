"""The program as a function, and a saved model for it."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from jsl_seq2seq.cli.console import main
from jsl_seq2seq.store import save_model

from ..small_models import EIGHT_LINES, trained_open, trained_small


class Result(NamedTuple):
    """What a run of the program left behind."""

    code: int
    out: str
    err: str


Program = Callable[..., Result]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """``program("--train", ..., stdin=b"...")`` runs in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        assert isinstance(end.value.code, int)
        out, err = capsys.readouterr()
        return Result(end.value.code, str(out), str(err))

    return call


@pytest.fixture(scope="session")
def _model_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("model") / "モデル 1"
    save_model(trained_small(), directory)
    return directory


@pytest.fixture
def model(_model_once: Path, tmp_path: Path) -> Path:
    """A model of the eight sentences."""
    return Path(shutil.copytree(_model_once, tmp_path / _model_once.name))


@pytest.fixture
def open_model(tmp_path: Path) -> Path:
    """A model that writes words outside of its tags."""
    save_model(trained_open(), tmp_path / "open")
    return tmp_path / "open"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The eight sentences as a file."""
    path = tmp_path / "データ 1.tsv"
    path.write_text(EIGHT_LINES, encoding="utf-8")
    return path
