"""The package in a zip file, as an application in one file, and as byte code without its sources."""

from __future__ import annotations

import compileall
import shutil
import subprocess
import sys
import zipapp
import zipfile
from collections.abc import Callable
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import jsl_seq2seq
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.store import directory, load_model, save_model

from .processes import environment, run_program
from .refusals import refused
from .small_models import EIGHT_LINES, same_arrays, trained_small

PACKAGE = Path(jsl_seq2seq.__file__).parent

Installed = tuple[list[str], dict[str, str]]
"""How Python is called, and with which environment variables."""


def _copy(place: Path) -> Path:
    shutil.copytree(PACKAGE, place / "jsl_seq2seq", ignore=shutil.ignore_patterns("__pycache__"))
    return place


def _zip(place: Path) -> Installed:
    archive = shutil.make_archive(str(place / "jsl"), "zip", _copy(place / "content"))
    return ["-m", "jsl_seq2seq"], {"PYTHONPATH": archive}


def _application(place: Path) -> Installed:
    zipapp.create_archive(
        _copy(place / "content"), place / "jsl.pyz", main="jsl_seq2seq.cli:main", compressed=True
    )
    return [str(place / "jsl.pyz")], {"PYTHONPATH": ""}


def _byte_code(place: Path) -> Installed:
    assert compileall.compile_dir(_copy(place), quiet=1, legacy=True)
    for source in place.rglob("*.py"):
        source.unlink()
    return ["-m", "jsl_seq2seq"], {"PYTHONPATH": str(place)}


@pytest.mark.slow
@pytest.mark.parametrize("install", [_zip, _application, _byte_code])
def test_every_part_works_without_its_files(install: Callable[[Path], Installed], tmp_path: Path) -> None:
    how, variables = install(tmp_path / "installed")
    here = tmp_path / "here"
    here.mkdir()
    (here / "data.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    (tmp_path / "temporary").mkdir()
    variables |= {"TMPDIR": str(tmp_path / "temporary"), "TEMP": str(tmp_path / "temporary")}

    def same(*arguments: str) -> None:
        """It prints what it prints from files, apart from compiled code, which was never there."""
        done = subprocess.run(
            [sys.executable, *how, *arguments],
            cwd=here,
            env=environment(**variables),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        shutil.rmtree(here / "out", ignore_errors=True)
        assert done.stdout == run_program(arguments, here).stdout

    same("predict", "わたしはたべます", "--json", "--quiet")
    if find_spec("numba"):
        same("predict", "わたしはたべます", "--json", "--quiet", "--precision", "int8")
    same("diagnose", "ありがとう", "--json")
    same("diagnose", "ありがとう", "--quiet", "--html", "out/page.html")
    same("predict", "ありがとう", "--quiet", "--export-attn", "--export-dir", "out")
    same("tags", "食べ", "--json")
    same("corpus", "--count", "200", "out")
    same("export", "--format", "web", "out", "--quiet")
    same("train", "--quiet", "--epochs", "1", "--save", "out")
    same("train", "--quiet", "--epochs", "1", "--load", "builtin", "--data", "data.tsv", "--save", "out")
    assert not list((tmp_path / "temporary").iterdir())


@pytest.fixture
def archived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """What finds a directory of a package that is a zip file with one model."""
    save_model(trained_small(), tmp_path / "package" / "assets" / "model")
    archive = zipfile.Path(shutil.make_archive(str(tmp_path / "package"), "zip", tmp_path / "package"))
    monkeypatch.setattr(resources, "files", lambda _: archive)
    return directory._packaged.__wrapped__


def test_the_model_is_read_from_an_archive(archived: Callable[[str], Path]) -> None:
    assert same_arrays(load_model(archived("model")).parameters, trained_small().parameters)


def test_no_room_to_unpack_the_model_is_said(
    archived: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryDirectory", none)
    with refused(Failure, "付属のモデル", "No usable", code="shipped-model-not-unpacked"):
        archived("model")
