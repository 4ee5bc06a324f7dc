"""Files that are either the old ones or the new ones, whatever happens in between.

A model directory has one file that decides what it holds: ``config.json``, which carries the SHA-256 of all
others. Saving goes in three steps:

1. Every new file but the deciding one is written beside the old one, as ``NAME.new``, and forced to disk.
2. The deciding file is replaced in one rename. Until then the directory is the old model, from then on the
   new one.
3. Each ``NAME.new`` is renamed to ``NAME``, and files that the new model does not have are deleted.

Killed in step 1, the old model is untouched. Killed in step 3, a reader finds under ``NAME.new`` what has
not been renamed yet: it takes whichever of the two has the right checksum.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from ..errors import Failure, JslError, UserError

_PENDING = ".new"
_LOCK = ".lock"
Found = TypeVar("Found")


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make ``directory`` if needed and keep other programs from saving to it meanwhile.

    Raises:
        UserError: the directory cannot be made or written to, or another program is saving to it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # one lock per path in this process, so that saving inside a locked training does not block on itself
        lock = FileLock(directory / _LOCK, timeout=0, is_singleton=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"別のプログラムが同じフォルダーに保存しています: {directory}",
            "そちらが終わるのを待つか、別のフォルダーを指定してください。",
            code="save-locked",
            path=directory,
        ) from None
    except (FileExistsError, NotADirectoryError):
        raise UserError(
            f"保存先がフォルダーではありません: {directory}",
            "別の名前を指定してください。",
            code="save-not-a-directory",
            path=directory,
        ) from None
    except OSError as error:
        raise UserError(
            f"保存先に書き込めません: {directory}（{error.strerror}）",
            "フォルダーの権限を確かめるか、書き込める場所を指定してください。",
            code="save-not-writable",
            path=directory,
            reason=error.strerror,
        ) from None
    try:
        yield
    finally:
        lock.release()


def replace_files(
    directory: Path, files: Mapping[str, bytes], deciding: str, decision: bytes, gone: Iterable[str] = ()
) -> None:
    """Replace a directory's files together, as described above. The caller holds :func:`locked`.

    Args:
        gone: names that the directory shall not have any more.

    Raises:
        Failure: writing failed (disk full, medium removed); what was there before still is.
    """
    try:
        _finish_interrupted(directory, deciding)
        _write_new(directory, {**files, deciding: decision})
        _rename_new(directory, deciding)
    except OSError as error:
        raise _save_failed(directory, error) from error
    # From here on the directory is the new model. What cannot be renamed now (on Windows, while someone
    # reads the old file) is found under its other name, and renamed by the next save.
    with contextlib.suppress(OSError):
        _sync_directory(directory)  # the decision is on disk before any old file goes
        for name in files:
            _rename_new(directory, name)
        for name in gone:
            (directory / name).unlink(missing_ok=True)
            (directory / (name + _PENDING)).unlink(missing_ok=True)
        _sync_directory(directory)


def replace_file(directory: Path, name: str, content: bytes) -> None:
    """Replace one file that belongs to no group, whole or not at all. The caller holds :func:`locked`.

    Raises:
        Failure: writing failed; what was there before still is.
    """
    try:
        _write_new(directory, {name: content})
        _rename_new(directory, name)
        _sync_directory(directory)
    except OSError as error:
        raise _save_failed(directory, error) from error


def read_checked(directory: Path, name: str, size: int, digest: str, limit: int) -> bytes:
    """The content of ``name`` that has the given size in bytes and SHA-256.

    Args:
        limit: a larger file is not read at all.

    Raises:
        Failure: there is none; says whether the file is missing, cut short, altered or far too large.
    """
    # the name once more: another program may have finished a save, and renamed the pending file, meanwhile
    for candidate in (directory / name, directory / (name + _PENDING), directory / name):
        if not candidate.is_file() or _size(candidate) != size:
            continue
        if size > limit:
            raise Failure(
                f"モデルのファイルが大きすぎます: {candidate}（{size:,} バイト、上限は {limit:,}）",
                "このモデルの設定ではありえない大きさです。元のコピーを使ってください。",
                code="file-too-large",
                path=candidate,
                bytes=size,
                limit=limit,
            )
        with contextlib.suppress(FileNotFoundError):
            content = candidate.read_bytes()
            if sha256(content) == digest:
                return content
    path = directory / name
    if not path.is_file():
        raise Failure(
            f"モデルのファイルがありません: {path}",
            "モデルのフォルダーをもう一度コピーしてください。",
            code="file-missing",
            path=path,
        )
    found = _size(path)
    detail = f"{size} バイトのはずが {found} バイトです" if found != size else "中身が保存したときと違います"
    raise Failure(
        f"モデルのファイルが壊れています: {path}（{detail}）",
        "保存し直すか、元のコピーを使ってください。",
        code="file-damaged",
        path=path,
        bytes=found,
        expected=size,
    )


def while_unchanged(directory: Path, deciding: str, read: Callable[[], Found]) -> Found:
    """What ``read`` returns; it is called again if it fails while another program saves to the directory."""
    for _ in range(20):
        before = stamp(directory / deciding)
        try:
            return read()
        except (JslError, OSError):
            if stamp(directory / deciding) == before:
                raise
    return read()


def stamp(path: Path) -> tuple[int, ...]:
    """Inode, time and size: different whenever the file has been replaced; empty if there is none."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _size(path: Path) -> int:
    """In bytes; -1 if it has just gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _write_new(directory: Path, files: Mapping[str, bytes]) -> None:
    """Step 1; leaves nothing behind if it fails."""
    try:
        for name, content in files.items():
            _write_synced(directory / (name + _PENDING), content)
        _sync_directory(directory)
    except OSError:
        for name in files:
            with contextlib.suppress(OSError):
                (directory / (name + _PENDING)).unlink(missing_ok=True)
        raise


def _save_failed(directory: Path, error: OSError) -> Failure:
    return Failure(
        f"保存に失敗しました: {directory}（{error.strerror}）",
        "保存する前の内容はそのまま残っています。空き容量を確かめて、もう一度保存してください。",
        code="save-failed",
        path=directory,
        reason=error.strerror,
    )


def _rename_new(directory: Path, name: str) -> None:
    (directory / (name + _PENDING)).replace(directory / name)


def _finish_interrupted(directory: Path, deciding: str) -> None:
    """Step 3 of a save that was killed, before its ``.new`` files are written over.

    A pending file whose checksum the deciding one does not hold is left from a save that never got to step 2.
    """
    decision = directory / deciding
    if not decision.is_file():
        return
    decided = decision.read_bytes()
    for pending in sorted(directory.glob("*" + _PENDING)):
        if pending.is_file() and sha256(pending.read_bytes()).encode("ascii") in decided:
            _rename_new(directory, pending.name.removesuffix(_PENDING))


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a directory; its renames are journalled
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network drives cannot do this
            raise
    finally:
        os.close(descriptor)
