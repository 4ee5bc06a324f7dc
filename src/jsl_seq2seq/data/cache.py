"""What was read from large data files, kept on disk for the other processes of the machine and for the next time.

An entry is a directory of a cache, complete or not there at all: it is made under another name, by one process
while the others wait, and then renamed. Where no cache can be written the entry is made in the system's folder for
temporary files, for one process alone.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from ..errors import Failure
from ..io.files import has_locks, read_bytes, write_utf8
from ..io.text import format_json, parse_json
from ..settings.environment import cache_folder, system_cache_folder

Loaded = TypeVar("Loaded")

MAX_BYTES = 16 << 30
MAX_ENTRIES = 32
"""Of what was used last; older entries are removed."""

_META = "meta.json"
_LARGEST_META = 1 << 28
"""Bytes of it: it holds the names of all units."""
_ABANDONED = 24 * 60 * 60
"""Seconds after which an unfinished entry belongs to no running process."""


def directory() -> Path:
    """The cache: the environment variable JSL_SEQ2SEQ_CACHE, or a folder where the system keeps caches."""
    own = cache_folder()
    if own:
        return Path(own)
    if sys.platform == "win32":
        base = system_cache_folder() or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = system_cache_folder() or Path.home() / ".cache"
    return Path(base) / "jsl-seq2seq"


def entry(
    key: str,
    is_current: Callable[[dict[str, Any]], bool],
    build: Callable[[Path], dict[str, Any]],
    load: Callable[[Path, dict[str, Any]], Loaded],
) -> Loaded:
    """The entry of that name, made now unless it is there and current. Other processes wait meanwhile.

    Args:
        is_current: whether an entry with this record can be used.
        build: fills an empty directory and returns a record: JSON values.
        load: opens what was built. It raises OSError or ValueError if that is damaged.

    Raises:
        Failure: neither the cache nor a temporary directory can be written.
    """
    from filelock import FileLock  # noqa: PLC0415  only large files need it

    try:
        root = directory()
        root.mkdir(parents=True, exist_ok=True)
        if not has_locks(root):  # one would wait for ever
            raise NotImplementedError
        with FileLock(root / f"{key[:2]}.lock"):  # few, so that they need not be removed
            found = _found(root / key, is_current, load)
            if found is None:
                _make(root, key, build)
                found = _found(root / key, lambda _: True, load)
            if found is not None:
                _remove_old(root, key)
                return found
    except (OSError, NotImplementedError, RuntimeError):  # read-only, full, no locks, no home
        pass
    return _temporary(build, load)


def _found(
    place: Path,
    is_current: Callable[[dict[str, Any]], bool],
    load: Callable[[Path, dict[str, Any]], Loaded],
) -> Loaded | None:
    try:
        record = parse_json(read_bytes(place / _META, _LARGEST_META), max_values=_LARGEST_META)
        sizes = {file.name: file.stat().st_size for file in place.iterdir() if file.name != _META}
        if record["sizes"] != sizes or not is_current(record["record"]):
            return None
        loaded = load(place, record["record"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with suppress(OSError):
        os.utime(place / _META)
    return loaded


def _make(root: Path, key: str, build: Callable[[Path], dict[str, Any]]) -> None:
    made = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=root))
    try:
        record = build(made)
        sizes = {file.name: file.stat().st_size for file in made.iterdir()}
        values = format_json({"record": record, "sizes": sizes}, ascii_only=True)
        write_utf8(made / _META, values)
        shutil.rmtree(root / key, ignore_errors=True)
        made.replace(root / key)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _temporary(
    build: Callable[[Path], dict[str, Any]], load: Callable[[Path, dict[str, Any]], Loaded]
) -> Loaded:
    try:
        place = Path(tempfile.mkdtemp(prefix="jsl-seq2seq-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)  # at the end: its files are open
        return load(place, build(place))
    except OSError as error:
        folder = tempfile.tempdir or "TMPDIR"  # None where no folder can be written to
        raise Failure(
            f"一時ファイルを書けません: {folder}（{error.strerror or error}）",
            "空き容量を増やすか、環境変数 TMPDIR（Windows では TEMP）で別のフォルダーを指定してください。",
            code="temporary-not-written",
            path=folder,
            reason=error.strerror,
        ) from error


def _remove_old(root: Path, key: str) -> None:
    """Bound the cache, the entry in use left alone; whatever cannot be removed stays."""
    with suppress(OSError):
        now = time.time()
        entries = []
        for place in root.iterdir():
            if not place.is_dir() or place.name == key:
                continue
            if "." in place.name:  # unfinished
                if now - place.stat().st_mtime > _ABANDONED:
                    shutil.rmtree(place, ignore_errors=True)
                continue
            with suppress(OSError):
                size = sum(file.stat().st_size for file in place.iterdir())
                entries.append(((place / _META).stat().st_mtime, size, place))
        total = sum(file.stat().st_size for file in (root / key).iterdir())
        for number, (_, size, place) in enumerate(sorted(entries, reverse=True), start=2):
            total += size
            if total > MAX_BYTES or number > MAX_ENTRIES:
                shutil.rmtree(place, ignore_errors=True)
