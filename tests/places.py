"""Places that refuse what is asked of them: by permissions, by links, by names, and on a medium that is read only."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Asked(NamedTuple):
    """What is done with a path.

    Attributes:
        reads, writes: whether something must be there, and whether it is written to.
        folder: whether it is one, or a file.
    """

    reads: bool
    writes: bool
    folder: bool


READ_FILE, READ_FOLDER = Asked(True, False, False), Asked(True, False, True)
WRITE_FILE, WRITE_FOLDER = Asked(False, True, False), Asked(False, True, True)
CHANGE_FOLDER = Asked(True, True, True)


class Fault(NamedTuple):
    """A kind of place.

    Attributes:
        make: puts ``source``, or something of the kind that is written, there; the path that is used.
        applies: to what is done with a path; elsewhere it is no fault.
        reason: the system's word for it, which must be said; 0 where there is none.
        refused: whether it cannot be done at all. Else it may be, and must be right.
    """

    make: Callable[[Path, Asked, Path], str]
    applies: Callable[[Asked], bool] = lambda _: True
    reason: int = 0
    refused: bool = True


def _put(path: Path, asked: Asked, source: Path) -> None:
    if asked.reads:
        (shutil.copytree if source.is_dir() else shutil.copy)(source, path)
    elif asked.folder:
        path.mkdir()
    else:
        path.write_text("somebody's", encoding="utf-8")


def _inside(mode: int) -> Callable[[Path, Asked, Path], str]:
    """In a folder of this mode."""

    def make(path: Path, asked: Asked, source: Path) -> str:
        inner = path.parent / "inner"
        inner.mkdir()
        if asked.reads:
            _put(inner / path.name, asked, source)
        inner.chmod(mode)
        return str(inner / path.name)

    return make


def _itself(mode: int) -> Callable[[Path, Asked, Path], str]:
    """Something of this mode."""

    def make(path: Path, asked: Asked, source: Path) -> str:
        _put(path, asked, source)
        path.chmod(mode)
        return str(path)

    return make


def _files_within(path: Path, asked: Asked, source: Path) -> str:
    _put(path, asked, source)
    for file in path.rglob("*"):
        if file.is_file():
            file.chmod(0)
    return str(path)


def _other_kind(path: Path, asked: Asked, source: Path) -> str:
    """A file in place of a folder, or a folder in place of a file."""
    if asked.folder:
        path.write_text("x", encoding="utf-8")
    else:
        path.mkdir()
    return str(path)


def _through_file(path: Path, asked: Asked, source: Path) -> str:
    (path.parent / "file").write_text("x", encoding="utf-8")
    return str(path.parent / "file" / path.name)


def _link(target: str) -> Callable[[Path, Asked, Path], str]:
    def make(path: Path, asked: Asked, source: Path) -> str:
        path.symlink_to(target or path.name)
        return str(path)

    return make


def _there(path: Path, asked: Asked, source: Path) -> str:
    if asked.reads:
        _put(path, asked, source)
    return str(path)


FAULTS = {
    "missing": Fault(
        lambda path, *_: str(path.with_name("nothing")), lambda asked: asked.reads and not asked.writes
    ),
    "missing-folder": Fault(
        lambda path, *_: str(path.parent / "no" / "such" / path.name),
        lambda asked: not asked.reads,
        refused=False,
    ),
    "closed-parent": Fault(_inside(0), reason=errno.EACCES),
    "unlistable-parent": Fault(_inside(0o311), refused=False),
    "unwritable-parent": Fault(_inside(0o555), lambda asked: not asked.reads, reason=errno.EACCES),
    "closed": Fault(_itself(0), lambda asked: asked.reads or asked.folder, reason=errno.EACCES),
    "not-to-be-entered": Fault(_itself(0o600), lambda asked: asked.folder, reason=errno.EACCES),
    "unlistable": Fault(_itself(0o311), lambda asked: asked.folder, refused=False),
    "unwritable": Fault(_itself(0o555), lambda asked: asked.folder and asked.writes, reason=errno.EACCES),
    "closed-file": Fault(_itself(0), lambda asked: asked == WRITE_FILE, reason=errno.EACCES, refused=False),
    "files-within": Fault(_files_within, lambda asked: asked.reads and asked.folder, reason=errno.EACCES),
    "read-only-medium": Fault(_there, lambda asked: asked.writes, reason=errno.EROFS),
    "other-kind": Fault(_other_kind),
    "through-file": Fault(_through_file),
    "dangling-link": Fault(_link("nowhere"), lambda asked: asked.reads or asked.folder),
    "dangling-link-of-a-file": Fault(_link("nowhere"), lambda asked: asked == WRITE_FILE, refused=False),
    "loop": Fault(_link(""), lambda asked: asked != WRITE_FILE, reason=errno.ELOOP),
    "loop-of-a-file": Fault(_link(""), lambda asked: asked == WRITE_FILE, reason=errno.ELOOP, refused=False),
    "long-name": Fault(lambda path, *_: str(path.with_name("x" * 300)), reason=errno.ENAMETOOLONG),
    "long-path": Fault(
        lambda path, *_: str(path.parent.joinpath(*["x" * 200] * 30)), reason=errno.ENAMETOOLONG
    ),
    "zero-byte": Fault(lambda path, *_: f"{path}\0"),
    "empty": Fault(lambda *_: "", refused=False),
    "here": Fault(lambda *_: ".", refused=False),
}
"""Kinds of places, by name."""


@contextlib.contextmanager
def bound_by_permissions() -> Iterator[None]:
    """In the body permissions bind this thread, and those that it starts, as they bind everybody but root."""
    if os.geteuid():
        yield
        return
    if sys.platform != "linux":
        pytest.skip("permissions do not bind root")
    libc = ctypes.CDLL(None)
    version, thread = 0x20080522, 0
    header, sets = (
        (ctypes.c_uint32 * 2)(version, thread),
        (ctypes.c_uint32 * 6)(),
    )  # effective, permitted, ...
    assert libc.capget(header, sets) == 0
    before = sets[0]
    sets[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    get_bits, set_bits, no_fixup = 27, 28, 1 << 2  # else os.access passes what root may take back
    bits = libc.prctl(get_bits)
    assert libc.prctl(set_bits, bits | no_fixup, 0, 0, 0) == 0
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0
        assert libc.prctl(set_bits, bits, 0, 0, 0) == 0


def make_read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be changed below a folder, as on a medium that is mounted read only."""
    changing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def refusing(name: str) -> Callable[..., Any]:
        honest = getattr(os, name)

        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            below = isinstance(path, str | Path) and Path(path).is_relative_to(folder)
            if below and (name != "open" or args[0] & changing):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return honest(path, *args, **kwargs)

        return call

    for name in ("open", "mkdir", "rename", "replace", "unlink"):
        monkeypatch.setattr(os, name, refusing(name))


def open_again(folder: Path) -> None:
    """Undo what the permissions below a folder forbid, so that it can be looked at and removed."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o700)


def is_said(reason: int, text: str) -> bool:
    """Whether an error's words have the system's word for its reason, if there is one."""
    return not reason or os.strerror(reason) in text
