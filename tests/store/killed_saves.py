"""Run as a program: save over a model, killed before the first, second, third ... call that touches the disk.

    python killed_saves.py FOLDER

``FOLDER/old`` and ``FOLDER/new`` hold models. For every k a copy of ``old`` appears as ``FOLDER/killed-k``,
into which ``new`` was being saved when the process died. The last copy is from a save that went through.
"""

from __future__ import annotations

import builtins
import io
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from jsl_seq2seq.store import SavedModel, load_model, save_model

KILLED = 77


class Countdown:
    """Ends the process, without a chance to clean up, when it has been asked often enough."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> bool:
        self.left -= 1
        return self.left == 0

    def before(self, honest: Any) -> Any:
        """``honest``, but the process may end before it."""

        def call(*args: Any, **kwargs: Any) -> Any:
            if self():
                os._exit(KILLED)
            return honest(*args, **kwargs)

        return call


class TornFile:
    """A file of which half may be written when the process ends."""

    def __init__(self, file: Any, countdown: Countdown) -> None:
        self._file, self._countdown = file, countdown

    def write(self, content: bytes) -> int:
        if self._countdown():
            self._file.write(content[: len(content) // 2])
            self._file.flush()
            os._exit(KILLED)
        return self._file.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> TornFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def save_and_die(model: SavedModel, directory: Path, calls: int) -> None:
    """The body of a child process."""
    countdown = Countdown(calls)
    for name in ("replace", "rename", "fsync", "unlink", "remove", "mkdir", "open"):
        setattr(os, name, countdown.before(getattr(os, name)))
    honest_open = io.open

    def torn_open(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if "w" not in mode:
            return honest_open(file, mode, *args, **kwargs)
        if countdown():
            os._exit(KILLED)
        return TornFile(honest_open(file, mode, *args, **kwargs), countdown)

    io.open = builtins.open = torn_open
    save_model(model, directory)
    os._exit(0)


def main(folder: Path) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on fork with threads: ours only save
    new = load_model(folder / "new", training_state=True)
    for calls in range(1, 1000):
        directory = folder / f"killed-{calls}"
        shutil.copytree(folder / "old", directory)
        child = os.fork()
        if not child:
            save_and_die(new, directory, calls)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != KILLED:
            sys.exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
