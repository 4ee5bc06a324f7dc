"""The one way to open, read and write files that a user, or somebody else, has named.

Reading: a path must lead to a regular file. FIFOs, devices and sockets are refused before they are opened (opening
one may block for ever, or act), and once more on the open descriptor, for the case that the path has been exchanged
in between. No more bytes are read than the caller allows.

Writing: the content goes into a new file with an unpredictable name, created exclusively and without following
links (O_CREAT | O_EXCL | O_NOFOLLOW), is forced to disk, and takes its place in one rename. So whatever stands under
the final name, a link to a file elsewhere included, is replaced and never written through.

What goes wrong is an :class:`OSError` whose ``strerror`` is in Japanese where it is made here; callers say what they
were about to do, and what helps.

Several files that belong together (:func:`replace_files`) are either the old ones or the new ones, whatever
happens in between. One of them decides what the directory holds: in a model directory ``config.json``, which
carries the SHA-256 of all others. Saving goes in three steps:

1. Every new file is written beside the old one, as ``NAME.TOKEN.new`` with a token that nobody can foresee, and
   forced to disk. It is created exclusively: nothing that lies there already is written to, or through.
2. The deciding file is replaced in one rename. Until then the directory is the old model, from then on the
   new one.
3. Each ``NAME.TOKEN.new`` is renamed to ``NAME``, and files that the new model does not have are deleted.

Killed in step 1, the old model is untouched. Killed in step 3, a reader finds under ``NAME.TOKEN.new`` what has
not been renamed yet: it takes whichever has the right checksum. Earlier releases wrote ``NAME.new``, which is
read, too.

Files that other programs read (:func:`replace_own_files`) have readers that look for no checksum. There the old files
are removed before the first new one gets its name: killed in step 3, files are missing until the same command has run
once more, but none of the old ones stands beside one of the new. A signal that asks the program to end waits for the
end of step 3.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import signal
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Never

from ..errors import Failure, UserError

PENDING = re.compile(r"(?P<name>.+?)(\.[0-9a-f]{16})?\.new")
"""Names of files that wait for their rename; ``name`` is the final one."""

LOCK = ".lock"
_MOST_PENDING = 100
"""Files under such names that are looked at: those of a few saves that were killed."""
_LONGEST_DECISION = 1_000_000
_ATTEMPTS = 100
_LONGEST_LIST = 1_000
MANIFEST = ".jsl-seq2seq-export"
"""By which a later export finds that what it replaces was written by an earlier one."""
_MANIFEST = b"jsl-seq2seq: SHA-256 of the files that it wrote here"


def open_regular(path: Path, links: bool = True) -> io.BufferedReader:
    """A regular file, open for reading bytes.

    Args:
        links: whether the last part of the path may be a symbolic link.

    Raises:
        OSError: there is none, it cannot be read, or it is something else than a regular file (``EINVAL``).
    """
    _require_regular(_status(path, links), path)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    descriptor = os.open(path, flags if links else flags | getattr(os, "O_NOFOLLOW", 0))
    try:
        _require_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def read_bytes(path: Path, limit: int, links: bool = True) -> bytes:
    """The content of a regular file of at most ``limit`` bytes.

    Raises:
        OSError: as :func:`open_regular`; or the file is larger (``EFBIG``), in which case none of it is kept.
    """
    with open_regular(path, links) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > limit else file.read(size + 1)
        if len(content) > size:  # it has grown since
            content += file.read(limit + 1 - len(content)) if len(content) <= limit else b""
        if max(size, len(content)) > limit:
            raise OSError(errno.EFBIG, f"大きすぎます。上限は {limit:,} バイトです", str(path))
    return content


def write_bytes(path: Path, content: bytes, sync: bool = True) -> None:
    """Put a file with this content in the place of what is there, whole or not at all.

    Args:
        sync: whether to wait until it is on disk.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    with new_file(path, sync) as file:
        file.write(content)


def write_utf8(path: Path, text: str, sync: bool = True) -> None:
    """:func:`write_bytes` of UTF-8, with the line ends that the text has; half a surrogate pair becomes ``?``."""
    write_bytes(path, text.encode("utf-8", "replace"), sync)


def append_bytes(path: Path, content: bytes) -> None:
    """Add bytes to the end of a regular file, in one piece.

    Raises:
        OSError: there is none, it is a link or something else, or it cannot be written.
    """
    _require_regular(_status(path, links=False), path)
    flags = os.O_WRONLY | os.O_APPEND
    for flag in ("O_NOFOLLOW", "O_BINARY", "O_CLOEXEC", "O_NONBLOCK"):
        flags |= getattr(os, flag, 0)
    with os.fdopen(os.open(path, flags), "ab", buffering=0) as file:
        _require_regular(os.fstat(file.fileno()), path)
        file.write(content)


@contextlib.contextmanager
def new_file(path: Path, sync: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, which becomes ``path`` when the block ends without an error, forced to disk if ``sync``;
    after an error nothing of it is left.

    Raises:
        OSError: it cannot be created, written or renamed, or something stands there that is no file.
    """
    require_replaceable(path)
    descriptor, temporary = create_exclusively(path.parent, f".{path.name}", ".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _new_file_flags() -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    for flag in ("O_NOFOLLOW", "O_BINARY", "O_CLOEXEC"):
        flags |= getattr(os, flag, 0)
    return flags


def create_exclusively(directory: Path, name: str, end: str) -> tuple[int, Path]:
    """The descriptor and the path of a new, empty file ``NAME.TOKEN`` + ``end``; the token is random."""
    for _ in range(_ATTEMPTS):
        path = directory / f"{name}.{os.urandom(8).hex()}{end}"
        with contextlib.suppress(FileExistsError):
            return os.open(path, _new_file_flags(), 0o666), path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(directory / name))


def require_replaceable(path: Path) -> None:
    """Raise OSError if something stands there that is neither a regular file nor a link."""
    with contextlib.suppress(FileNotFoundError):
        status = _status(path, links=False)
        if not stat.S_ISLNK(status.st_mode):
            _require_regular(status, path)


def require_writable(directory: Path) -> bool:
    """Check that files can be written to a directory, which need not be there yet; nothing of the trial stays.

    Returns:
        Whether the file system can lock files.

    Raises:
        OSError: as writing there, or making the directory, would.
    """
    folder = directory
    while True:
        try:
            is_folder = stat.S_ISDIR(_status(folder).st_mode)
            break
        except FileNotFoundError:
            if is_link(folder) or folder == folder.parent:  # the second: the working directory is gone
                raise FileExistsError(errno.EEXIST, "リンクの先がありません", str(folder)) from None
            folder = folder.parent
    if not is_folder:
        raise NotADirectoryError(errno.ENOTDIR, "フォルダーではありません", str(folder))
    descriptor, path = create_exclusively(folder, ".jsl-seq2seq", ".tmp")
    try:
        return _can_lock(descriptor)
    finally:
        os.close(descriptor)
        path.unlink()


def has_locks(directory: Path) -> bool:
    """Whether the file system of a directory can lock files; True, too, where that cannot be tried."""
    try:
        return require_writable(directory)
    except OSError:
        return True


_NO_LOCKS = {
    getattr(errno, name) for name in ("ENOSYS", "ENOLCK", "EOPNOTSUPP", "ENOTSUP") if hasattr(errno, name)
}


def _can_lock(descriptor: int) -> bool:
    try:
        import fcntl  # noqa: PLC0415  Windows has none, and locks differently

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True
    except OSError as error:
        return error.errno not in _NO_LOCKS
    return True


def require_reachable(path: Path) -> None:
    """Check that it can be found out what stands at a path, and inside of it if that is a folder.

    Whether anything stands there does not matter.

    Raises:
        UserError: the name is too long or has a zero byte, links lead in a circle, or a folder may not be entered.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            _status(path)
            (path / "a").lstat()  # whatever is there or not: looking takes the permission to enter
    except OSError as error:
        raise UserError(
            f"この場所は使えません: {path}（{error.strerror}）",
            "名前と、途中のフォルダーの権限を確かめてください。",
            code="place-unreachable",
            path=path,
            reason=error.strerror,
        ) from None


def is_regular(path: Path) -> bool:
    """Whether the path leads to a regular file; False, too, where that cannot be found out."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return False


def is_link(path: Path) -> bool:
    """Whether the last part of the path leads elsewhere: a symbolic link, or a junction of Windows."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return False
    junction = getattr(status, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
    return stat.S_ISLNK(status.st_mode) or junction


def _status(path: Path, links: bool = True) -> os.stat_result:
    """What ``path.stat()`` or ``path.lstat()`` returns; OSError, too, for a name with a zero byte."""
    try:
        return path.stat() if links else path.lstat()
    except ValueError:
        raise OSError(errno.EINVAL, "名前に使えない文字があります", str(path)) from None


def _require_regular(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "フォルダーです", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "パイプや装置など、ふつうのファイルではないものです", str(path))


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make ``directory`` if needed and keep other programs from saving to it meanwhile; where the file system locks
    nothing, as some network drives, nothing keeps them from it.

    Raises:
        UserError: the directory cannot be made or written to, or another program is saving to it.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  only saving needs it

    with _saving_to(directory):
        # first of all: a lock that an earlier save has left can be taken in a read-only folder
        lockable = require_writable(directory)
        directory.mkdir(parents=True, exist_ok=True)
        _require_own_lock(directory / LOCK)
        # one lock per path in this process, so that saving inside a locked training does not block on itself
        lock = FileLock(directory / LOCK, timeout=0, is_singleton=True) if lockable else None
        try:
            if lock is not None:
                lock.acquire()
        except Timeout:
            raise UserError(
                f"別のプログラムが同じフォルダーに保存しています: {directory}",
                "そちらが終わるのを待つか、別のフォルダーを指定してください。",
                code="save-locked",
                path=directory,
            ) from None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


@contextlib.contextmanager
def _saving_to(directory: Path) -> Iterator[None]:
    """An OSError of the body is a UserError about the place where something is to be saved."""
    try:
        yield
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


POLITE_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""Signals that ask a program to end. SIGBREAK is what Windows sends for Ctrl-Break."""


@contextlib.contextmanager
def signals_deferred() -> Iterator[None]:
    """A signal that asks the program to end is handled when the block has ended: for names that change together.

    Only the main thread can do that; in another one the block is as it would be without.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before: dict[int, Any] = {}
    try:
        for number in POLITE_SIGNALS:
            if signal.getsignal(number) is not None:  # else it was not set by Python, and could not be again
                before[number] = signal.signal(number, lambda number, _: received.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in received:
            signal.raise_signal(number)


def replace_files(
    directory: Path,
    files: Mapping[str, bytes],
    deciding: str,
    decision: bytes,
    gone: Iterable[str] = (),
    *,
    apart: bool = False,
) -> None:
    """Replace a directory's files together, as described above. The caller holds :func:`locked`.

    Args:
        gone: names that the directory shall not have any more.
        apart: remove all old files before the first new one gets its name.

    Raises:
        Failure: writing failed (disk full, medium removed); what was there before still is.
    """
    try:
        for name in (*files, deciding):
            require_replaceable(directory / name)
        finish_interrupted(directory, deciding, apart)
        pending = _write_new(directory, {**files, deciding: decision})
    except OSError as error:
        raise _save_failed(directory, error) from error
    with signals_deferred():
        try:
            pending[deciding].replace(directory / deciding)
        except BaseException as error:
            _discard(pending.values())
            if isinstance(error, OSError):
                raise _save_failed(directory, error) from error
            raise
        # From here on the directory is the new model. What cannot be renamed now (on Windows, while someone
        # reads the old file) is found under its other name, and renamed by the next save.
        with contextlib.suppress(OSError):
            _sync_directory(directory)  # the decision is on disk before any old file goes
            for name in (*files, *gone) if apart else ():
                (directory / name).unlink(missing_ok=True)
            for name in files:
                pending[name].replace(directory / name)
            for name in gone:
                (directory / name).unlink(missing_ok=True)
            _discard(path for name in (*files, deciding, *gone) for path in _pending(directory, name))
            for folder in (*_folders(directory, files), directory):
                _sync_directory(folder)


def replace_own_files(directory: Path, files: Mapping[str, bytes], gone: Iterable[str] = ()) -> None:
    """:func:`replace_files` for files that do not say who wrote them: only those that this function wrote, and that
    are as it wrote them, are replaced or removed. Their SHA-256 stand in :data:`MANIFEST`, the deciding file.

    Args:
        files: by name; one with a ``/`` lies in a folder below the directory, which is made and may be no link.

    Raises:
        UserError: another program is writing there, or a file of one of these names is not ours, or was changed.
        Failure: writing failed.
    """
    with locked(directory):
        require_own(directory, (*files, *gone))
        kept = {name: digest for name, digest in _own(directory).items() if name not in {*files, *gone}}
        written = {name: sha256(content) for name, content in files.items()}
        lines = [f"{digest}  {name}" for name, digest in (kept | written).items()]
        manifest = b"\n".join([_MANIFEST, *(line.encode("utf-8") for line in lines[-_LONGEST_LIST:]), b""])
        replace_files(directory, files, MANIFEST, manifest, gone, apart=True)


def require_own_file(path: Path, is_own: Callable[[Path], bool]) -> None:
    """Refuse what this program did not write, or cannot find out whether it did; nothing there is well.

    Args:
        is_own: whether the content is what this program writes there; ValueError and RecursionError say that it is
            not, as does OSError for what is no regular file.

    Raises:
        UserError: something else has that name, a link to nothing included (``would-overwrite``), or it cannot be
            read (``would-overwrite-unreadable``), or it cannot be found out what is there.
    """
    require_reachable(path)
    try:
        path.lstat()
        if is_own(path):
            return
    except (ValueError, RecursionError):
        pass
    except OSError as error:
        if not is_link(path) and error.errno in (errno.ENOENT, errno.ENOTDIR):
            return
        require_readable(path, error)
    refuse_foreign(path)


_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ELOOP, errno.ENXIO, errno.EFBIG)
"""What :func:`read_bytes` finds in place of a file that it may read."""


def require_readable(path: Path, error: OSError) -> None:
    """Raise UserError for a file in the place of one that would be written, if ``error`` says that it is one, and
    cannot be read: so nobody can tell whether this program wrote it."""
    if error.errno not in _NO_FILE:
        raise UserError(
            f"上書きしてよいかどうかを確かめられません: {path} を読めません（{error.strerror}）",
            "読めるように権限を変えるか、別の名前か、別の（新しい）フォルダーを指定してください。",
            code="would-overwrite-unreadable",
            path=path,
            reason=error.strerror,
        ) from None


def refuse_foreign(path: Path) -> Never:
    """Raise UserError for a file in the place of one that would be written, and that this program did not write."""
    raise UserError(
        f"このプログラムが書いたのではないファイルがあります: {path}",
        "上書きしないように止めました。別の名前か、別の（新しい）フォルダーを指定してください。",
        code="would-overwrite",
        path=path,
    )


def require_own(directory: Path, names: Iterable[str]) -> None:
    """Refuse a directory that cannot be written to, or in which a file of one of these names is not as
    :func:`replace_own_files` wrote it. What that function was killed in is completed first.

    Raises:
        UserError: the file is not ours (``would-overwrite-foreign``), or ours and changed since
            (``would-overwrite-changed``), or cannot be read (``would-overwrite-unreadable``); or another program is
            writing there; or it cannot be written to.
        Failure: what had begun cannot be completed.
    """
    with _saving_to(directory):
        require_writable(directory)
    own: dict[str, str] = {}
    foreign, changed = [], []
    try:
        own = _own(directory)
    except OSError as error:
        require_readable(directory / MANIFEST, error)
        foreign = [directory / MANIFEST]
    if not foreign and is_regular(directory / MANIFEST):
        with locked(directory):
            try:
                finish_interrupted(directory, MANIFEST, apart=True)
                own = _own(directory)
            except OSError as error:
                raise _save_failed(directory, error) from error
    digests = set(own.values())
    for name in names:
        path = directory / name
        try:
            path.lstat()
            digest = _digest(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            require_readable(path, error)
            digest = ""  # no file
        if digest not in digests:
            (changed if digest and name in own else foreign).append(path)
    if foreign:
        raise UserError(
            f"このプログラムが書き出したのではないファイルがあります: {foreign[0]}",
            "上書きしないように止めました。別の（新しい）フォルダーを指定してください。",
            code="would-overwrite-foreign",
            path=foreign[0],
        )
    if changed:
        raise UserError(
            f"書き出したあとで書き換えられたファイルがあります: {'、'.join(map(str, changed))}",
            "上書きしないように止めました。別のフォルダーに書き出して見比べるか、"
            "書き換えたものを別の場所に移してから、もう一度実行してください。",
            code="would-overwrite-changed",
            path=changed[0],
            paths=changed,
        )


def _own(directory: Path) -> dict[str, str]:
    """Name -> SHA-256 of what was written there. Earlier releases wrote no names: theirs are numbered.

    Raises:
        OSError: the manifest is not ours.
    """
    path = directory / MANIFEST
    try:
        first, *lines = read_bytes(path, _LONGEST_DECISION, links=False).split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if first != _MANIFEST:
        raise OSError(errno.EINVAL, "このプログラムのものではありません", str(path))
    found = {}
    for number, line in enumerate(lines):
        digest, _, name = line.decode("utf-8", "replace").partition("  ")
        if digest:
            found[name or f"/{number}"] = digest
    return found


def replace_file(directory: Path, name: str, content: bytes) -> None:
    """Replace one file that belongs to no group, whole or not at all. The caller holds :func:`locked`.

    Raises:
        Failure: writing failed; what was there before still is.
    """
    try:
        require_replaceable(directory / name)
        pending = _write_new(directory, {name: content})
        try:
            pending[name].replace(directory / name)
        except BaseException:
            _discard(pending.values())
            raise
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
    path = directory / name
    # the name once more: another program may have finished a save, and renamed the pending file, meanwhile
    for candidate in (path, *_pending(directory, name), path):
        if not is_regular(candidate) or _size(candidate) != size:
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
            content = read_bytes(candidate, limit, links=candidate == path)
            if sha256(content) == digest:
                return content
    if not path.exists():
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


def _write_new(directory: Path, files: Mapping[str, bytes]) -> dict[str, Path]:
    """Step 1: where each file's content waits. Leaves nothing behind if it fails."""
    pending: dict[str, Path] = {}
    folders = _folders(directory, files)
    try:
        for folder in folders:
            _make_folder(folder)
        for name, content in files.items():
            descriptor, pending[name] = create_exclusively(directory, name, ".new")
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for folder in (*folders, directory):
            _sync_directory(folder)
    except BaseException:
        _discard(pending.values())
        raise
    return pending


def _folders(directory: Path, names: Iterable[str]) -> list[Path]:
    """The folders below a directory that files of these names (``assets/page.js``) lie in; names that lead out of it
    are left out."""
    below = (name for name in names if not name.startswith("/") and ".." not in name.split("/"))
    return sorted({(directory / name).parent for name in below} - {directory})


def _make_folder(folder: Path) -> None:
    """Raises OSError if something else stands there, a link to another folder included."""
    folder.mkdir(exist_ok=True)
    if is_link(folder):
        raise OSError(errno.ELOOP, "別の場所へのリンクです", str(folder))


def _discard(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _pending(directory: Path, name: str) -> list[Path]:
    """What waits for being renamed to ``name``: regular files, no links."""
    found, final = [], directory / name
    with contextlib.suppress(OSError):
        for path in final.parent.iterdir():
            match = PENDING.fullmatch(path.name)
            if match and match["name"] == final.name and stat.S_ISREG(path.lstat().st_mode):
                found.append(path)
    return sorted(found)[:_MOST_PENDING]


def _save_failed(directory: Path, error: OSError) -> Failure:
    return Failure(
        f"保存に失敗しました: {directory}（{error.strerror}）",
        "保存する前の内容はそのまま残っています。空き容量を確かめて、もう一度保存してください。",
        code="save-failed",
        path=directory,
        reason=error.strerror,
    )


def finish_interrupted(directory: Path, deciding: str, apart: bool = False) -> None:
    """Step 3 of a save that was killed. The caller holds :func:`locked`.

    A pending file whose checksum the deciding one does not hold is left from a save that never got to step 2.

    Args:
        apart: as for :func:`replace_files`.
    """
    if not is_regular(directory / deciding):
        return
    decided, waiting = read_bytes(directory / deciding, _LONGEST_DECISION), []
    below = [one for one in _folders(directory, _own(directory)) if not is_link(one)] if apart else []
    for path in sorted(path for folder in (directory, *below) for path in folder.glob("*.new"))[
        :_MOST_PENDING
    ]:
        match = PENDING.fullmatch(path.name)
        if match and stat.S_ISREG(path.lstat().st_mode) and _digest(path).encode("ascii") in decided:
            waiting.append((path, path.with_name(match["name"])))
    with signals_deferred():
        for _, final in waiting if apart else ():
            final.unlink(missing_ok=True)
        for path, final in waiting:
            path.replace(final)


def _digest(path: Path) -> str:
    with open_regular(path, links=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_own_lock(path: Path) -> None:
    """Raise OSError for a lock file that is a link, or something else that locking would act on."""
    with contextlib.suppress(FileNotFoundError):
        status = path.lstat()
        # many releases of filelock empty what they lock; nobody's content is lost with an empty file
        if stat.S_ISLNK(status.st_mode) or (status.st_nlink > 1 and status.st_size):
            raise OSError(errno.ELOOP, "リンクです", str(path))
        require_replaceable(path)


def _sync_directory(directory: Path) -> None:
    """Force a directory's names to disk."""
    if os.name == "nt":
        return  # Windows cannot open a directory; its renames are journalled
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except PermissionError:  # one that may be written to, and not listed
        os.sync()
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network drives cannot do this
            raise
    finally:
        os.close(descriptor)
