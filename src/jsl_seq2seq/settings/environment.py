"""Every environment variable that the program reads, in one function each.

A function is called by what needs the value, when it needs it: nonsense in a variable is no concern of a command that
has no use for it. Libraries read variables of their own beside these.
"""

from __future__ import annotations

import os

from ..errors import UserError

_MOST_DIGITS = 9
_SMALLEST_TERMINAL, _LARGEST_TERMINAL = 20, 500
"""Columns, and lines."""


def started_processes() -> int:
    """The number of processes that ``torchrun`` started together, this one included: WORLD_SIZE.

    Raises:
        UserError: it is no whole number.
    """
    return max(1, _whole_number("WORLD_SIZE", 1))


def local_rank() -> int:
    """This process's number on its machine: LOCAL_RANK.

    Raises:
        UserError: it is no whole number.
    """
    return _whole_number("LOCAL_RANK", 0)


def has_rank() -> bool:
    """Whether this process has a number among those that were started together: RANK."""
    return "RANK" in os.environ


def resampling_seed(default: int) -> int | None:
    """The seed of sacrebleu's tests: SACREBLEU_SEED, where ``none`` asks for another in every run.

    Raises:
        UserError: it is no whole number.
    """
    if os.environ.get("SACREBLEU_SEED", "").lower() == "none":
        return None
    return _whole_number("SACREBLEU_SEED", default)


def thread_limit() -> int | None:
    """The most threads that shall compute: the first number of OMP_NUM_THREADS; ``None`` if it is no positive number,
    as libraries of OpenMP have it."""
    value = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return _digits(value) or None


def compiles_nothing() -> bool:
    """Whether Numba is told to leave functions as they are: NUMBA_DISABLE_JIT."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def cache_folder() -> str:
    """Where what was read from large files is kept, instead of where the system keeps caches: JSL_SEQ2SEQ_CACHE."""
    return os.environ.get("JSL_SEQ2SEQ_CACHE", "")


def system_cache_folder() -> str:
    """Where the system keeps caches: XDG_CACHE_HOME, or LOCALAPPDATA on Windows; empty if it is not set."""
    return os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", "")


def server_token() -> str:
    """The token of a server's clients, empty without one: JSL_SEQ2SEQ_TOKEN. On a command line every user of the
    machine could read it."""
    return os.environ.get("JSL_SEQ2SEQ_TOKEN", "")


def draws_lines_anew() -> bool:
    """Whether a terminal can: TERM says so."""
    return os.environ.get("TERM") not in ("dumb", "unknown")


def require_terminal_size() -> None:
    """Make TERMINAL_WIDTH, COLUMNS and LINES sizes that a terminal has, or unset them if they are no numbers: Typer and
    Rich fail at some that are none, and fill lines of any width, a help page of 999,999 columns with 90 MB."""
    for variable in ("TERMINAL_WIDTH", "COLUMNS", "LINES"):
        size = _digits(os.environ.get(variable, ""))
        if size:
            os.environ[variable] = str(min(max(size, _SMALLEST_TERMINAL), _LARGEST_TERMINAL))
        else:
            os.environ.pop(variable, None)


def set_runtime_folder(folder: str) -> None:
    """Set XDG_RUNTIME_DIR where there is none, as without a desktop session: Vulkan's loader would write four warnings
    to standard error."""
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)


def _whole_number(variable: str, default: int) -> int:
    """A variable's value; ``default`` if it is not set, or empty."""
    value = os.environ.get(variable, "").strip()
    if not value:
        return default
    number = _digits(value)
    if number is None:
        raise UserError(
            f"環境変数 {variable} が 0 以上の整数ではありません: {value}",
            f"要らなければ、{variable} を外してください（unset {variable}）。",
            code="environment-not-a-number",
            variable=variable,
            value=value,
        )
    return number


def _digits(value: str) -> int | None:
    """The number that a few ASCII digits are; ``None`` for anything else."""
    few = value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
    return int(value) if few else None
