"""Only regular files are read, nothing is written through a planted name, and nothing goes around the module."""

from __future__ import annotations

import ast
import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.data import cache
from jsl_seq2seq.errors import Failure, JslError, UserError
from jsl_seq2seq.interop.burn import export_burn, import_burn
from jsl_seq2seq.io import files
from jsl_seq2seq.io.files import has_locks, locked, write_bytes
from jsl_seq2seq.render.pages import write
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.translate.dictionary import Dictionary, keep_entry

from ..interop.burn.synthetic import Original
from ..processes import POSIX
from ..small_models import trained_small
from ..test_architecture import module_name, sources

SECRET = b"a file of somebody else\n"


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    before = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(path.parent)  # the name of a socket may have 100 characters only
        try:
            listening.bind(path.name)
        finally:
            os.chdir(before)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link(path: Path) -> None:
    path.symlink_to(outside(path))


def hard_link(path: Path) -> None:
    path.hardlink_to(outside(path))


def dangling(path: Path) -> None:
    path.symlink_to(path.parent.parent / "nothing-there")


def outside(path: Path) -> Path:
    target = path.parent.parent / "outside.txt"
    target.write_bytes(SECRET)
    return target


NO_FILES = (fifo, unix_socket, device)
PLANTED = (*NO_FILES, link, hard_link, dangling)


@POSIX
@pytest.mark.parametrize("plant", NO_FILES)
def test_what_is_no_file_is_refused_and_never_waited_for(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    (tmp_path / "d").mkdir()
    path = tmp_path / "d" / "x"
    plant(path)
    with pytest.raises(OSError, match="ふつうのファイルではない"):
        files.read_bytes(path, 10)
    if plant is not device:  # which is reached by a link here: the link is replaced
        with pytest.raises(OSError, match="ふつうのファイルではない"):
            files.write_bytes(path, b"x")


@POSIX
def test_a_file_that_is_exchanged_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    honest = os.open

    def exchanged(name: Path, *args: int) -> int:
        Path(name).unlink()
        os.mkfifo(name)
        return honest(name, *args)

    monkeypatch.setattr(os, "open", exchanged)
    with pytest.raises(OSError, match="ふつうのファイルではない"):
        files.read_bytes(path, 10)


def test_no_more_is_read_than_allowed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert files.read_bytes(path, 5) == b"12345"
    with pytest.raises(OSError, match="大きすぎます"):
        files.read_bytes(path, 4)


@POSIX
def test_a_link_may_be_read_where_links_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    (tmp_path / "l").symlink_to("x")
    assert files.read_bytes(tmp_path / "l", 1) == b"1"
    with pytest.raises(OSError):
        files.read_bytes(tmp_path / "l", 1, links=False)


@POSIX
@pytest.mark.parametrize("plant", [link, hard_link, dangling])
def test_a_link_is_replaced_and_not_written_through(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    (tmp_path / "d").mkdir()
    path = tmp_path / "d" / "x"
    plant(path)
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new" and not path.is_symlink()
    assert unharmed(tmp_path)
    assert [one.name for one in path.parent.iterdir()] == ["x"]


def test_temporary_names_cannot_be_foreseen(tmp_path: Path) -> None:
    names = set()
    for _ in range(50):
        descriptor, path = files.create_exclusively(tmp_path, "a", ".new")
        os.close(descriptor)
        names.add(path.name)
    assert len(names) == 50 and all(files.PENDING.fullmatch(name) for name in names)


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(RuntimeError), files.new_file(tmp_path / "x") as file:
        file.write(b"half of it")
        raise RuntimeError
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("x", b"old")]


def unharmed(folder: Path) -> bool:
    """Whether what lies outside of ``folder/d`` is as it was."""
    target = folder / "outside.txt"
    return (not target.exists() or target.read_bytes() == SECRET) and not (folder / "nothing-there").exists()


def saving(directory: Path) -> None:
    save_model(trained_small(), directory)
    assert load_model(directory, training_state=True).moments is not None


def exporting(directory: Path) -> None:
    if not (directory.parent / "m").exists():
        import_burn(
            Original(d_model=4, n_layers=1, d_ff=3).write(directory.parent / "o"), directory.parent / "m"
        )
    export_burn(directory.parent / "m", directory)


def keeping(directory: Path) -> None:
    keep_entry(directory, "猫", "<ネコ>")
    assert len(Dictionary.read(directory / "dictionary.tsv")) == 1


WRITERS = {
    saving: ("config.json", "model.safetensors", "vocabulary.json", "metrics.json", "README.md",
             "training_state.safetensors"),
    exporting: ("model.bin", "config.json"),
    keeping: ("dictionary.tsv",),
}  # fmt: skip
"""What writes into a folder, and the files that it writes."""


@POSIX
@pytest.mark.parametrize("plant", PLANTED)
@pytest.mark.parametrize(
    ("write_files", "name"), [(writer, name) for writer, names in WRITERS.items() for name in names]
)
def test_planted_temporary_names(
    tmp_path: Path, write_files: Callable[[Path], None], name: str, plant: Callable[[Path], None]
) -> None:
    """The names that earlier releases wrote to: a link, a FIFO or a device there is neither followed nor waited for."""
    (tmp_path / "d").mkdir()
    plant(tmp_path / "d" / f"{name}.new")
    write_files(tmp_path / "d")
    write_files(tmp_path / "d")  # over what is there now
    assert unharmed(tmp_path)


@POSIX
@pytest.mark.parametrize("plant", [*PLANTED, Path.mkdir])
@pytest.mark.parametrize(
    ("write_files", "name"),
    [(writer, name) for writer, names in WRITERS.items() for name in (*names, ".lock")],
)
def test_planted_final_names(
    tmp_path: Path, write_files: Callable[[Path], None], name: str, plant: Callable[[Path], None]
) -> None:
    """Refused in words, or replaced; never written through."""
    (tmp_path / "d").mkdir()
    plant(tmp_path / "d" / name)
    try:
        write_files(tmp_path / "d")
    except JslError as error:
        assert error.what
    assert unharmed(tmp_path)


@POSIX
@pytest.mark.parametrize("plant", NO_FILES)
@pytest.mark.parametrize("name", WRITERS[saving])
def test_models_of_which_a_file_is_none(tmp_path: Path, name: str, plant: Callable[[Path], None]) -> None:
    saving(tmp_path / "d")
    (tmp_path / "d" / name).unlink()
    plant(tmp_path / "d" / name)
    with pytest.raises(JslError):
        load_model(tmp_path / "d", training_state=True)
        raise Failure("README.md is not read") if name == "README.md" else AssertionError


@POSIX
def test_a_page_does_not_go_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    link(tmp_path / "d" / "report.html")
    write(tmp_path / "d" / "report.html", "<p>")
    assert unharmed(tmp_path)


ALLOWED = {
    "io.files": {"open", "fdopen", "replace", "unlink"},
    "data.corpus": {"open", "read_text"},  # of the cache's own folder, made by mkdtemp; and of the package
    "data.encoding": {"open"},  # the same
    "corpus.word_tables": {"read_text"},  # of the package
    "corpus.conventions": {"read_text"},  # of the package
    "corpus.grammar": {"read_text"},  # of the package
    "corpus.lexicon": {"read_text"},  # of the package
    "backends.wgpu.kernels": {"read_text"},  # of the package
    "backends.int8.kernels": {"read_bytes"},  # of the package
    "cli.console": {"open"},  # a descriptor
    "interop.ctranslate2.export": {"read_bytes"},  # of a temporary folder that it made
    "interop.web.site": {"read_bytes"},  # of the package
    "render.glyphs": {"read_bytes"},  # of the package
    "translate.tag_list": {"read_text"},  # of the package
}  # fmt: skip
_METHODS = {
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "open",
    "fdopen",
    "mkstemp",
    "NamedTemporaryFile",
}
_OF_BACKENDS = {"backend", "chosen", "self"}


def accesses(source: str) -> Iterator[str]:
    """The calls that open a file: built-in ``open``, methods of paths, functions of ``os``."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "open":
            yield "open"
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in {*_OF_BACKENDS, "files"}:
                continue  # Backend.open computes, and files is this module
            if "files('jsl_seq2seq')" in ast.unparse(owner):
                continue  # of the package
            yield node.func.attr


def test_nothing_goes_around_the_module() -> None:
    found = {
        module_name(path): set(accesses(path.read_text(encoding="utf-8")))
        - ALLOWED.get(module_name(path), set())
        for path in sources(".py")
    }
    assert not {module: calls for module, calls in found.items() if calls}


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("open('x')", "open"),
        ("path.open('rb')", "open"),
        ("(a / b).read_text()", "read_text"),
        ("path.write_bytes(b'')", "write_bytes"),
        ("os.open(p, 0)", "open"),
        ("backend.open(None)", None),
        ("files.write_bytes(p, t)", None),
        ("read_bytes(p, 5)", None),
    ],
)
def test_the_guard_sees_what_goes_around(code: str, call: str | None) -> None:
    assert list(accesses(code)) == ([] if call is None else [call])


@POSIX
@pytest.mark.parametrize("name", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Saving goes on without one, nested, and leaves nothing behind; large data are read without the cache."""
    import fcntl  # noqa: PLC0415  Windows has none

    def refuse(*_: object) -> None:
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert not has_locks(tmp_path) and not list(tmp_path.iterdir())
    assert has_locks(tmp_path / "\0")  # nothing can be tried there
    with locked(tmp_path / "d"), locked(tmp_path / "d"):
        write_bytes(tmp_path / "d" / "a", b"a")
    assert {path.name for path in (tmp_path / "d").iterdir()} <= {"a", ".lock"}
    monkeypatch.setenv("JSL_SEQ2SEQ_CACHE", str(tmp_path / "cache"))
    made = cache.entry("key", lambda _: True, lambda _: {"x": 1}, lambda _, record: record["x"])
    assert made == 1
    assert not list((tmp_path / "cache").iterdir())


def test_one_trial_tells_whether_a_folder_can_be_written_to_and_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    create = files.create_exclusively

    def noted(*args: Any) -> tuple[int, Path]:
        descriptor, path = create(*args)
        made.append(path)
        return descriptor, path

    monkeypatch.setattr(files, "create_exclusively", noted)
    for _ in range(2):  # a folder that is not there yet, and one that is
        made.clear()
        with locked(tmp_path / "d"):
            assert len(made) == 1 and not made[0].exists()


@POSIX
@pytest.mark.parametrize("name", ["EINTR", "EAGAIN", "EACCES"])
def test_a_lock_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import fcntl  # noqa: PLC0415

    def refuse(*_: object) -> None:
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError) as error, locked(tmp_path / "d"):
        pass
    assert error.value.code in ("save-locked", "save-not-writable")
