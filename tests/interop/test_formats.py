"""Exports of every format: what they refuse, and how the directory is written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.interop.formats import FORMATS, export_model
from jsl_seq2seq.store import save_model

from ..small_models import trained_small
from .libraries import require


def available(name: str) -> None:
    """Skip the running test if the format's library is not installed."""
    for library in FORMATS[name].libraries:
        require(library)


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_written_and_replaced(name: str, tmp_path: Path) -> None:
    available(name)
    export_model(trained_small(), name, tmp_path / "書き出し 1")
    made = export_model(trained_small(), name, tmp_path / "書き出し 1")
    folder = tmp_path / "書き出し 1"
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name[0] != "."
    }
    assert found == dict(made.files)


@pytest.mark.parametrize("name", FORMATS)
def test_a_model_of_ours_is_not_overwritten(name: str, tmp_path: Path) -> None:
    available(name)
    save_model(trained_small(), tmp_path / "m")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    with pytest.raises(UserError) as refused:
        export_model(trained_small(), name, tmp_path / "m")
    assert refused.value.code == "would-overwrite-model"
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before


@pytest.mark.parametrize("name", FORMATS)
def test_a_model_without_masks_is_refused(name: str, tmp_path: Path) -> None:
    available(name)
    model = trained_small()
    model = replace(model, config=replace(model.config, attention_masks=False))
    with pytest.raises(UserError) as refused:
        export_model(model, name, tmp_path / "o")
    assert refused.value.code == "export-without-masks" and not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", [name for name, found in FORMATS.items() if found.libraries])
def test_a_missing_library_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, FORMATS[name].libraries[0], None)
    with pytest.raises(UserError) as refused:
        export_model(trained_small(), name, tmp_path / "o")
    assert (refused.value.code, refused.value.extra) == ("library-missing", FORMATS[name].extra)
    assert f"jsl-seq2seq[{FORMATS[name].extra}]" in refused.value.hint


def test_an_unknown_format_names_the_others(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        export_model(trained_small(), "onx", tmp_path / "o")
    assert refused.value.code == "unknown-choice" and "onnx" in refused.value.hint
