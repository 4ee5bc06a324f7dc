"""The program on a real terminal, and what its screen shows."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyte

from .processes import environment, program

Screen = list[str]
"""The lines of a screen, without the blanks at their ends."""


class Terminal:
    """A program that runs on a pseudo-terminal of ``columns`` x ``lines``; use as a context manager.

    Attributes:
        screens: every screen since the beginning that differs from the one before, oldest first.
        written: all bytes that the program has written.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, columns: int, lines: int, **changes: str
    ) -> None:
        import fcntl  # noqa: PLC0415  POSIX alone has it
        import struct  # noqa: PLC0415
        import termios  # noqa: PLC0415

        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        settings = {"TERM": "xterm-256color", **changes}
        inherited = environment(**settings)
        for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
            if name not in changes:
                inherited.pop(name, None)
        self.process = subprocess.Popen(
            program(*arguments),
            cwd=folder,
            env=inherited,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )
        os.close(slave)
        self.screens: list[Screen] = []
        self.written = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def until(self, reached: Callable[[Screen], object] = lambda _: False, seconds: float = 100) -> Screen:
        """The first screen of which ``reached`` is true, else the last one, when the program has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                arrived = os.read(self._master, 65536)
            except OSError:  # the program has ended
                arrived = b""
            if not arrived:
                break
            self.written += arrived
            self._stream.feed(arrived)
            shown = self.shown()
            if not self.screens or shown != self.screens[-1]:
                self.screens.append(shown)
            if reached(shown):
                return shown
        return self.shown()

    def press(self, keys: str) -> None:
        """Type on the terminal."""
        os.write(self._master, keys.encode())

    def shown(self) -> Screen:
        """The screen as it is now."""
        return [line.rstrip() for line in self._screen.display]
