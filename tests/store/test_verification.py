"""`verify` finds every damaged file at once, and says what a sound model holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.interop.burn import import_burn
from jsl_seq2seq.model import count_parameters
from jsl_seq2seq.store import load_model
from jsl_seq2seq.store.verification import verify

from ..interop.burn.synthetic import Original
from ..processes import run_program
from ..refusals import is_japanese, refused
from ..small_models import trained_small
from .forge import change_config, change_json, replace_file

FILES = ["README.md", "metrics.json", "model.safetensors", "training_state.safetensors", "vocabulary.json"]


def test_a_sound_model(saved: Path) -> None:
    found = verify(saved)
    assert found.sound and not found.problems and not found.notes
    assert [file.name for file in found.files] == FILES
    assert all(file.bytes == (saved / file.name).stat().st_size for file in found.files)
    holds = found.to_json()["holds"]
    assert holds["format_version"] == 1
    assert holds["parameters"] == count_parameters(trained_small().config)
    assert holds["progress"]["epoch"] == 120 and holds["training_state"] is True


@pytest.mark.parametrize("name", [*FILES, "config.json"])
def test_one_bit_in_any_file(saved: Path, name: str) -> None:
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(content)
    found = verify(saved)
    assert not found.sound and found.model is None
    assert len(found.problems) == 1 and name in found.problems[0] and is_japanese(found.problems[0])
    json.dumps(found.to_json())


def test_every_damaged_file_is_named(saved: Path) -> None:
    for name in FILES:
        (saved / name).unlink()
    found = verify(saved)
    assert [file.name for file in found.files if file.problem] == FILES
    assert len(found.problems) == len(FILES)


def test_files_that_agree_with_their_checksums_and_not_with_each_other(saved: Path) -> None:
    change_json(saved, "vocabulary.json", lambda vocabulary: vocabulary["target"].reverse())
    found = verify(saved)
    assert not any(file.problem for file in found.files)
    assert not found.sound and "語彙が設定と合いません" in found.problems[0]


def test_what_else_lies_there(saved: Path) -> None:
    (saved / "model.safetensors.new").write_bytes(b"x")
    (saved / "メモ.txt").write_text("x", encoding="utf-8")
    found = verify(saved)
    assert found.sound
    assert [note.split()[0] for note in found.notes] == ["model.safetensors.new", "メモ.txt"]
    assert len(verify(saved, beside=["メモ.txt"]).notes) == 1


def test_a_save_that_was_killed_after_the_decision(saved: Path) -> None:
    (saved / "metrics.json").rename(saved / "metrics.json.new")
    assert verify(saved).sound


def test_no_model(tmp_path: Path) -> None:
    with refused(UserError, "ありません"):
        verify(tmp_path)
    with refused(UserError, "ありません"):
        verify(tmp_path / "nothing")


def test_an_imported_model(tmp_path: Path) -> None:
    import_burn(Original(n_layers=1).write(tmp_path / "o"), tmp_path / "m")
    found = verify(tmp_path / "m")
    assert found.sound and found.to_json()["holds"]["imported_from"] == "Burn 0.18.0"
    change_json(tmp_path / "m", "burn.json", lambda burn: burn["ids"].pop())
    found = verify(tmp_path / "m")
    assert not found.sound and "burn.json" in found.problems[0]


def test_a_huge_file_is_not_read(saved: Path, unread: Callable[[str], None]) -> None:
    """config.json may vouch for it: no model of this shape can have so many bytes."""
    with (saved / "model.safetensors").open("r+b") as file:
        file.truncate(2**40)  # sparse: takes no room on the disk

    def vouch(config: dict[str, Any]) -> None:
        config["metadata"]["files"]["model.safetensors"]["bytes"] = 2**40

    change_config(saved, vouch)
    unread("model.safetensors")
    with refused(Failure, "大きすぎます", "model.safetensors"):
        load_model(saved)
    assert "大きすぎます" in verify(saved).problems[0]


def test_exit_codes_and_output(saved: Path, tmp_path: Path) -> None:
    sound = run_program(["verify", str(saved)], tmp_path)
    assert sound.returncode == 0 and "正常です" in sound.stdout.decode()
    assert "d_model 8" in sound.stdout.decode()
    report = json.loads(run_program(["verify", str(saved), "--json"], tmp_path).stdout)
    assert report["sound"] is True and report["holds"]["loss"] < 0.1
    replace_file(saved, "README.md", b"?")
    (saved / "metrics.json").write_bytes(b"")
    damaged = run_program(["verify", str(saved)], tmp_path)
    assert damaged.returncode == 1 and "metrics.json" in damaged.stderr.decode()
    nothing = run_program(["verify", "x"], tmp_path)
    assert nothing.returncode == 2 and is_japanese(nothing.stderr.decode())
