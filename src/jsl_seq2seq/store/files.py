"""Files that are either the old ones or the new ones, whatever happens in between.

A model directory has one file that decides what it holds: ``config.json``, which carries the SHA-256 of all
others. Saving goes in three steps:

1. Every new file but the deciding one is written beside the old one, as ``NAME.new``, and forced to disk.
2. The deciding file is replaced in one rename. Until then the directory is the old model, from then on the
   new one.
3. Each ``NAME.new`` is renamed to ``NAME``.

Killed in step 1, the old model is untouched. Killed in step 3, a reader finds under ``NAME.new`` what has
not been renamed yet: it takes whichever of the two has the right checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import Failure, UserError

_PENDING = ".new"
_LOCK = ".lock"


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
        # one lock per path in this process, so that saving inside a locked training does not wait for itself
        lock = FileLock(directory / _LOCK, timeout=0, is_singleton=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"別のプログラムが同じフォルダーに保存しています: {directory}",
            "そちらが終わるのを待つか、--save で別のフォルダーを指定してください。",
        ) from None
    except (FileExistsError, NotADirectoryError):
        raise UserError(
            f"保存先がフォルダーではありません: {directory}", "--save に別の名前を指定してください。"
        ) from None
    except OSError as error:
        raise UserError(
            f"保存先に書き込めません: {directory}（{error.strerror}）",
            "フォルダーの権限を確かめるか、--save で書き込める場所を指定してください。",
        ) from None
    try:
        yield
    finally:
        lock.release()


def replace_files(directory: Path, files: Mapping[str, bytes], deciding: str, decision: bytes) -> None:
    """Replace a directory's files together, as described above. The caller holds :func:`locked`.

    Raises:
        Failure: writing failed (disk full, medium removed); what was there before still is.
    """
    try:
        _write_through(directory, files, deciding, decision)
    except OSError as error:
        raise Failure(
            f"保存に失敗しました: {directory}（{error.strerror}）",
            "保存する前の内容はそのまま残っています。空き容量を確かめて、もう一度保存してください。",
        ) from error


def read_checked(directory: Path, name: str, size: int, digest: str) -> bytes:
    """The content of ``name`` that has the given size in bytes and SHA-256.

    Raises:
        Failure: there is none; says whether the file is missing, cut short or altered.
    """
    for candidate in (directory / name, directory / (name + _PENDING)):
        if not candidate.is_file() or candidate.stat().st_size != size:
            continue
        content = candidate.read_bytes()
        if sha256(content) == digest:
            return content
    path = directory / name
    if not path.is_file():
        raise Failure(
            f"モデルのファイルがありません: {path}", "モデルのフォルダーをもう一度コピーしてください。"
        )
    found = path.stat().st_size
    detail = f"{size} バイトのはずが {found} バイトです" if found != size else "中身が保存したときと違います"
    raise Failure(
        f"モデルのファイルが壊れています: {path}（{detail}）", "保存し直すか、元のコピーを使ってください。"
    )


def _write_through(directory: Path, files: Mapping[str, bytes], deciding: str, decision: bytes) -> None:
    _finish_interrupted(directory, deciding)
    for name, content in files.items():
        _write_synced(directory / (name + _PENDING), content)
    _write_synced(directory / (deciding + _PENDING), decision)
    Path(directory / (deciding + _PENDING)).replace(directory / deciding)
    _sync_directory(directory)
    for name in files:
        Path(directory / (name + _PENDING)).replace(directory / name)
    _sync_directory(directory)


def _finish_interrupted(directory: Path, deciding: str) -> None:
    """Step 3 of a save that was killed, before its ``.new`` files are written over.

    A pending file that the deciding one does not speak of is left from a save that never got to step 2.
    """
    decision = directory / deciding
    if not decision.is_file():
        return
    decided = decision.read_bytes()
    for pending in sorted(directory.glob("*" + _PENDING)):
        if sha256(pending.read_bytes()).encode("ascii") in decided:
            Path(pending).replace(pending.with_suffix(""))


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
    finally:
        os.close(descriptor)
