"""Every option and argument that takes a path, with every kind of place that cannot be used."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from jsl_seq2seq.cli.app import COMMANDS, PLACES, application

from .conftest import Program


def _too_long_name(folder: Path) -> Path:
    return folder / ("x" * 300)


def _too_long_path(folder: Path) -> Path:
    return folder.joinpath(*["x" * 200] * 30)


def _zero_byte(folder: Path) -> Path:
    return folder / "a\0b"


def _loop_of_links(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


_FORBIDDEN = "forbidden"


def _not_to_be_entered(folder: Path) -> Path:
    (folder / _FORBIDDEN).mkdir()
    return folder / _FORBIDDEN


def _below_what_may_not_be_entered(folder: Path) -> Path:
    return _not_to_be_entered(folder) / "new"


PLACES_TO_TRY = [
    _too_long_name,
    _too_long_path,
    _zero_byte,
    _loop_of_links,
    _not_to_be_entered,
    _below_what_may_not_be_entered,
]


def _takes_paths() -> Iterator[tuple[str, Any]]:
    group: Any = typer.main.get_command(application())
    for name in COMMANDS:
        for param in group.commands[name].params:
            if param.metavar in PLACES:
                yield name, param


TAKES_PATHS = list(_takes_paths())


def _complete(name: str, param: Any, place: str) -> list[str]:
    """A command line with ``place`` as one value, and something in each other place that must be filled."""
    group: Any = typer.main.get_command(application())
    words = [name]
    for other in group.commands[name].params:
        if other.name == param.name:
            words += [place] if other.param_type_name == "argument" else [other.opts[0], place]
        elif other.required or (other.param_type_name == "argument" and param.param_type_name == "argument"):
            words += ["there"] if other.param_type_name == "argument" else [other.opts[0], "there"]
    return words


def _forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in a folder of that name cannot be looked at, also by root, to whom no permission is denied."""

    def forbidding(looks: Callable[..., Any]) -> Callable[..., Any]:
        def look(path: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(path, str | Path) and _FORBIDDEN in Path(path).parts[:-1]:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return looks(path, *args, **kwargs)

        return look

    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, forbidding(getattr(os, name)))


@pytest.mark.skipif(os.name == "nt", reason="other limits, and links need a privilege")
@pytest.mark.parametrize("kind", PLACES_TO_TRY)
@pytest.mark.parametrize(("name", "param"), TAKES_PATHS, ids=lambda value: getattr(value, "name", value))
def test_a_place_that_cannot_be_used_is_a_message(
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    param: Any,
    kind: Callable[[Path], Path],
) -> None:
    place = kind(tmp_path)
    _forbid(monkeypatch)
    result = program(*_complete(name, param, str(place)))
    assert result.code == 2, result.err
    assert result.out == ""
    assert result.err.startswith("エラー: "), result.err


def test_the_options_named_in_the_issue_are_among_those_tried() -> None:
    tried = {(name, param.opts[0]) for name, param in TAKES_PATHS}
    assert {("train", "--save"), ("predict", "--export-dir"), ("evaluate", "--report")} <= tried
    assert {name for name, _ in tried} >= {
        "verify",
        "compare",
        "import-burn",
        "export-burn",
        "corpus",
        "export",
    }


def test_a_file_that_fails_meanwhile_is_a_message(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "there")

    monkeypatch.setattr("jsl_seq2seq.cli.app.application", fails)
    result = program("verify", "there")
    assert result.code == 1
    assert result.err.startswith("エラー: ファイルやフォルダーを使えません: there")
