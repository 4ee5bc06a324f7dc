"""Saves that are killed, run out of disk or meet another save: a directory is the old model or the new one."""

from __future__ import annotations

import ast
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.io.files import locked
from jsl_seq2seq.store import Progress, SavedModel, load_model, save_model
from jsl_seq2seq.store.verification import verify

from ..places import bound_by_permissions
from ..processes import POSIX, environment
from ..refusals import refused
from ..small_models import same_training_state, trained_small
from . import killed_saves, random_kills


def old_model() -> SavedModel:
    return trained_small()


def new_model() -> SavedModel:
    """Another in every file."""
    old = trained_small()
    assert old.moments is not None
    return replace(
        old,
        parameters={name: array + 1 for name, array in old.parameters.items()},
        moments=replace(old.moments, v={name: array * 2 for name, array in old.moments.v.items()}),
        progress=Progress(99, 9, 1),
        history=old.history[:3],
    )


def which(directory: Path) -> str:
    """``"old"`` or ``"new"``; fails for anything else."""
    loaded = load_model(directory, training_state=True)
    for name, model in (("old", old_model()), ("new", new_model())):
        if same_training_state(loaded, model) and loaded.history == model.history:
            return name
    pytest.fail(f"{directory} holds neither the old model nor the new one")


def survives(directory: Path) -> str:
    """Which model it is; and that the next save works, whatever was left lying around."""
    found = which(directory)
    third = replace(old_model(), progress=Progress(7, 7, 7))
    save_model(third, directory)
    assert same_training_state(load_model(directory, training_state=True), third)
    assert not list(directory.glob("*.new"))
    return found


@POSIX
def test_killed_before_every_call_that_touches_the_disk(saved: Path, tmp_path: Path) -> None:
    saved.rename(tmp_path / "old")
    save_model(new_model(), tmp_path / "new")
    subprocess.run(
        [sys.executable, killed_saves.__file__, str(tmp_path)], env=environment(), check=True, timeout=120
    )
    directories = sorted(tmp_path.glob("killed-*"), key=lambda path: int(path.name.split("-")[1]))
    assert len(directories) > 25
    found = [survives(directory) for directory in directories]
    turning_point = found.index("new")
    assert set(found[:turning_point]) == {"old"} and set(found[turning_point:]) == {"new"}
    assert turning_point > 12 and len(found) - turning_point > 6


SAVER = """
import sys
from pathlib import Path
from jsl_seq2seq.store import load_model, save_model
folder = Path(sys.argv[1])
old, new = (load_model(folder / name, training_state=True) for name in ("old", "new"))
print("ready", flush=True)
while True:
    save_model(new, folder / "target")
    save_model(old, folder / "target")
"""


@POSIX
@pytest.mark.parametrize("count", [25, pytest.param(500, marks=pytest.mark.slow)])
def test_killed_at_random_moments(saved: Path, tmp_path: Path, count: int) -> None:
    saved.rename(tmp_path / "old")
    save_model(new_model(), tmp_path / "new")
    run = subprocess.run(
        [sys.executable, random_kills.__file__, str(tmp_path), str(count), "0"],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = ast.literal_eval(run.stdout)
    assert found["old"] and found["new"]
    assert found["with pending files"]  # the kills did hit saves on their way
    survives(tmp_path / "target")


def test_reading_while_another_process_saves(saved: Path, tmp_path: Path) -> None:
    """Checkpoints are written while people translate with the directory, and look whether it is sound."""
    saved.rename(tmp_path / "old")
    save_model(new_model(), tmp_path / "new")
    save_model(old_model(), tmp_path / "target")
    with subprocess.Popen(
        [sys.executable, "-c", SAVER, str(tmp_path)], env=environment(), stdout=subprocess.PIPE
    ) as saver:
        assert saver.stdout is not None and saver.stdout.readline() == b"ready\n"
        found = [which(tmp_path / "target") for _ in range(60)]
        verified = [verify(tmp_path / "target") for _ in range(30)]
        assert saver.poll() is None
        saver.kill()
    assert set(found) == {"old", "new"}
    assert all(one.sound for one in verified)


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def failing(honest: Callable[..., Any], at: int, code: int) -> Callable[..., Any]:
    """``honest``, but from its ``at``-th call on it raises OSError."""
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= at:
            raise OSError(code, os.strerror(code))
        return honest(*args, **kwargs)

    return call


@pytest.mark.parametrize("at", range(1, 8))
def test_disk_full(saved: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Six files and the folder are forced to disk before the decision; nothing may be left of the attempt."""
    before = files_of(saved)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(os.fsync, at, errno.ENOSPC))
        with refused(Failure, str(saved), os.strerror(errno.ENOSPC), "そのまま残っています"):
            save_model(new_model(), saved)
    assert files_of(saved) == before
    save_model(new_model(), saved)
    assert which(saved) == "new"


def test_disk_full_while_a_file_is_written(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files_of(saved)
    honest, opened = os.fdopen, 0

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, content: bytes) -> int:
            self.file.write(content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opening(descriptor: int, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        nonlocal opened
        opened += mode == "wb"
        file = honest(descriptor, mode, *args, **kwargs)
        return Full(file) if mode == "wb" and opened == 2 else file

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", opening)
        with refused(Failure, "そのまま残っています"):
            save_model(new_model(), saved)
    assert files_of(saved) == before


def test_a_disk_that_fails_at_the_decision(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing(os.replace, 1, errno.EIO))
        with refused(Failure, os.strerror(errno.EIO), "そのまま残っています"):
            save_model(new_model(), saved)
    assert survives(saved) == "old"


@pytest.mark.parametrize("at", range(2, 7))
def test_after_the_decision_the_new_model_is_there_whatever_happens(
    saved: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Windows refuses to replace a file that someone reads."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing(os.replace, at, errno.EACCES))
        save_model(new_model(), saved)
    assert list(saved.glob("*.new"))
    assert survives(saved) == "new"


@pytest.mark.parametrize("at", range(1, 8))
def test_a_save_that_fails_after_one_that_was_cut_short(
    saved: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The first left the new model's files under their other names; the second must not write over them."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing(os.replace, 2, errno.EACCES))
        save_model(new_model(), saved)
    assert list(saved.glob("*.new"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(os.fsync, at, errno.ENOSPC))
        with refused(Failure, "そのまま残っています"):
            save_model(old_model(), saved)
    assert which(saved) == "new"


@POSIX
def test_a_drive_that_cannot_force_folders_to_disk(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = os.fsync

    def picky(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}") or os.path.isdir(f"/dev/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        honest(descriptor)

    monkeypatch.setattr(os, "fsync", picky)
    save_model(new_model(), saved)
    assert which(saved) == "new"
    assert not list(saved.glob("*.new"))


def test_a_readers_files_of_two_saves_are_never_mixed(saved: Path) -> None:
    """Weights of one model beside the config of another: the checksum says no."""
    new = saved.with_name("new")
    save_model(new_model(), new)
    shutil.copy(new / "model.safetensors", saved)
    with refused(Failure, "model.safetensors", "壊れています"):
        load_model(saved)


def test_a_folder_called_new_does_not_disturb(saved: Path) -> None:
    (saved / "notes.new").mkdir()
    save_model(new_model(), saved)
    assert which(saved) == "new"
    assert (saved / "notes.new").is_dir()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_to(saved: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    honest = os.open

    def refuse(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(code, os.strerror(code), path)
        return honest(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    with refused(UserError, "書き込めません", str(saved), os.strerror(code), "--save"):
        save_model(new_model(), saved)


@pytest.mark.skipif(os.name == "nt", reason="other permissions")
def test_a_read_only_folder(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    with bound_by_permissions(), refused(UserError, "書き込めません", "--save"):
        save_model(new_model(), tmp_path / "closed" / "m")


@pytest.mark.parametrize("below", ["", "m", "m/n"])
def test_a_file_where_the_folder_should_be(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with refused(UserError, "フォルダーではありません", "--save"):
        save_model(new_model(), tmp_path / "file" / below)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"


HOLDER = """
import sys
from pathlib import Path
from jsl_seq2seq.io.files import locked
with locked(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def another_saver(saved: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is saving to the directory."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(saved)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"ready\n"
        yield holder
        holder.kill()


def test_two_savers(saved: Path, another_saver: subprocess.Popen[bytes]) -> None:
    with refused(UserError, "別のプログラムが同じフォルダーに保存しています", str(saved)):
        save_model(new_model(), saved)
    assert which(saved) == "old"  # reading is never locked
    another_saver.kill()
    another_saver.wait()
    save_model(new_model(), saved)  # a dead process holds no lock
    assert which(saved) == "new"


def test_a_training_that_holds_the_lock_can_save(saved: Path) -> None:
    with locked(saved):
        save_model(new_model(), saved)
    assert which(saved) == "new"
