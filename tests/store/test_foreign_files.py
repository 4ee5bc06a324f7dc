"""What others have put into a folder is never replaced."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import holds_model, load_model, save_model

from ..places import bound_by_permissions
from ..processes import POSIX
from ..refusals import refused
from ..small_models import trained_small

NAMES = (
    "config.json",
    "model.safetensors",
    "vocabulary.json",
    "metrics.json",
    "README.md",
    "training_state.safetensors",
    "burn.json",
)

CONTENTS = {
    "mention": b'{"about": "made with jsl-seq2seq"}',
    "list": b'["jsl-seq2seq"]',
    "metadata": b'{"metadata": "jsl-seq2seq"}',
    "other format": b'{"metadata": {"format": "other", "note": "jsl-seq2seq"}}',
    "text": b"jsl-seq2seq",
    "empty": b"",
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_file_of_every_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with refused(UserError, str(tmp_path / name), code="would-overwrite", path=tmp_path / name):
        save_model(trained_small(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: content}


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    save_model(trained_small(), tmp_path)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("kind", ["folder", pytest.param("pipe", marks=POSIX)])
@pytest.mark.parametrize("name", NAMES)
def test_no_file_in_the_place_of_a_models_file(saved: Path, name: str, kind: str) -> None:
    """It is found out before anything is learnt."""
    (saved / name).unlink(missing_ok=True)
    (saved / name).mkdir() if kind == "folder" else os.mkfifo(saved / name)
    for refusing in (holds_model, lambda directory: save_model(trained_small(), directory)):
        with refused(UserError, str(saved / name), code="would-overwrite", path=saved / name):
            refusing(saved)


@pytest.mark.skipif(os.name == "nt", reason="other permissions")
@pytest.mark.parametrize("name", NAMES)
def test_a_model_with_a_file_that_may_not_be_read(tmp_path: Path, name: str) -> None:
    """That the model is ours stands in config.json; what may not be read of it is replaced like the rest."""
    save_model(trained_small(), tmp_path)
    (tmp_path / name).touch()
    (tmp_path / name).chmod(0)
    for refusing in (holds_model, lambda directory: save_model(trained_small(), directory)):
        with bound_by_permissions():
            if name == "config.json":
                said = os.strerror(errno.EACCES)
                with refused(UserError, said, code="would-overwrite-unreadable", path=tmp_path / name):
                    refusing(tmp_path)
            else:
                refusing(tmp_path)


def test_a_model_of_ours_that_was_changed_is_replaced(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    config["model"]["d_model"] = 3
    (saved / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_model(trained_small(), saved)
    assert load_model(saved).config == trained_small().config
