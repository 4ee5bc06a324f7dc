"""Paths as they may stand in a model directory, which people publish."""

from __future__ import annotations

import re
import shlex
from pathlib import Path


def published(path: Path) -> Path:
    """The path without what it says about the machine: an absolute one often begins with somebody's name.

    Below the working directory it becomes relative to that, elsewhere only its last part is left.
    """
    if not path.anchor:
        return path
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return Path(path.name) if path.name else path


def quoted(path: Path) -> str:
    """The path as one types it, in quotes where a shell would take it apart; forward slashes work everywhere."""
    text = path.as_posix()
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else in_quotes(text)


def in_quotes(text: str) -> str:
    """The text in quotes that no shell looks into."""
    return shlex.quote(text) if set('"$`\\!') & set(text) else f'"{text}"'
