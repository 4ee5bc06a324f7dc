"""Whether a model directory is sound, file by file, and what it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import Failure, JslError
from ..io.files import PENDING, read_checked, require_reachable, stamp
from ..model import count_parameters
from .directory import (
    CONFIG,
    DICTIONARY,
    EXPORTS,
    TRAINING_STATE,
    load_model,
    read_config,
    size_limits,
    unreadable,
)
from .saved_model import SavedModel

_EXPECTED_BESIDE = {CONFIG, ".lock", DICTIONARY, EXPORTS}

Check = Callable[[SavedModel, Path], object]
"""A further check of a loaded model and its directory, which raises JslError if it finds a problem."""


@dataclass(frozen=True)
class FileCheck:
    """One file that the model consists of; ``problem`` is empty if it is as it was saved."""

    name: str
    bytes: int
    problem: str = ""


@dataclass(frozen=True)
class Verification:
    """The result.

    Attributes:
        files: all that ``config.json`` lists; empty if that cannot be read.
        problems: all that was found, in Japanese, each with what to do.
        notes: what lies in the directory and does not belong to the model.
        model: the model with its training state, if there is no problem.
        versions: the format and the program that wrote it.
    """

    directory: Path
    files: tuple[FileCheck, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    model: SavedModel | None = None
    versions: Mapping[str, Any] | None = None

    @property
    def sound(self) -> bool:
        """Whether it can be relied on."""
        return self.model is not None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for programs."""
        return {
            "directory": str(self.directory),
            "sound": self.sound,
            "problems": list(self.problems),
            "files": [
                {"name": file.name, "bytes": file.bytes, "sound": not file.problem} for file in self.files
            ],
            "notes": list(self.notes),
            "holds": None if self.model is None else holdings(self.model, self.versions or {}),
        }


def verify(directory: Path, checks: Sequence[Check] = (), beside: Collection[str] = ()) -> Verification:
    """Check every byte of every file, and that together they are a model.

    Args:
        checks: called with the model and its directory once both have passed; their errors are problems too.
        beside: names of further files that belong there: those that a training writes.

    Raises:
        UserError: there is no model there at all.
        Failure: a file may not be read, of which nobody can tell whether it is sound.
    """
    require_reachable(directory)
    try:
        return _verify_unchanged(directory, checks, beside)
    except PermissionError as error:
        raise unreadable(directory, error) from None


def _verify_unchanged(directory: Path, checks: Sequence[Check], beside: Collection[str]) -> Verification:
    while True:
        before = stamp(directory / CONFIG)
        found = _verify(directory, checks, beside)
        # a save that finished in between looks like damage
        if found.sound or stamp(directory / CONFIG) == before:
            return found


def _verify(directory: Path, checks: Sequence[Check], beside: Collection[str]) -> Verification:
    try:
        config = read_config(directory)
        limits = size_limits(config, directory)
    except PermissionError:
        raise
    except (Failure, OSError) as error:
        return Verification(directory, problems=(_said(error, directory),))
    listed = config["metadata"]["files"]
    files = tuple(_check(directory, name, listed[name], limits[name]) for name in sorted(listed))
    problems = [file.problem for file in files if file.problem]
    model = None
    if not problems:
        try:
            model = load_model(directory, training_state=True)
            for check in checks:
                check(model, directory)
        except JslError as error:
            model = None
            problems.append(_said(error, directory))
    metadata = config["metadata"]
    versions = {
        "format_version": metadata["format_version"],
        "package_version": metadata.get("package_version"),
        "imported_from": metadata.get("imported_from"),
    }
    notes = _beside(directory, {*listed, *beside})
    return Verification(directory, files, tuple(problems), tuple(notes), model, versions)


def holdings(model: SavedModel, versions: Mapping[str, Any]) -> dict[str, Any]:
    """What a sound model is, in plain values."""
    last = model.history[-1] if model.history else None
    return {
        **versions,
        "model": model.config.to_json(),
        "parameters": count_parameters(model.config),
        "vocab_hash": model.tokenizers.hash,
        "progress": asdict(model.progress),
        "loss": None if last is None else last.loss,
        "training_state": model.moments is not None,
        "data": {"name": model.data_name, "sha256": model.data_digest},
        "backend": model.metadata.get("backend"),
        "trained_at": model.metadata.get("trained_at"),
    }


def _check(directory: Path, name: str, entry: Mapping[str, Any], limit: int) -> FileCheck:
    size = entry["bytes"] if type(entry["bytes"]) is int else 0
    try:
        read_checked(directory, name, entry["bytes"], entry["sha256"], limit)
    except PermissionError:
        raise
    except (Failure, OSError) as error:
        return FileCheck(name, size, _said(error, directory / name))
    return FileCheck(name, size)


def _said(error: JslError | OSError, path: Path) -> str:
    if isinstance(error, JslError):
        return f"{error.what}{error.hint}"
    return f"読めません: {error.filename or path}（{error.strerror}）フォルダーの権限を確かめてください。"


def _beside(directory: Path, listed: set[str]) -> list[str]:
    """Files that are no part of the model: left by a save that was killed, or put there by others."""
    notes = []
    try:
        paths = sorted(directory.iterdir())
    except OSError as error:
        return [f"フォルダーの中を見られないので（{error.strerror}）、ほかに何があるかは調べていません。"]
    for path in paths:
        waiting = PENDING.fullmatch(path.name)
        name = waiting["name"] if waiting else ""
        if path.name in listed | _EXPECTED_BESIDE:
            continue
        if name in listed | {CONFIG, DICTIONARY, TRAINING_STATE}:
            notes.append(f"{path.name} は途中で止まった保存の残りです。次の保存のときに片付きます。")
        else:
            notes.append(f"{path.name} はモデルの一部ではありません。読まれることもありません。")
    return notes
