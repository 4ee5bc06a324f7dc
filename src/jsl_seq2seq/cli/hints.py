"""What the command line can do about an error: hints that name its options, by the error's code.

The rooms below ``cli/`` know no options; their hints are for everybody. A hint given here is shown instead.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import JslError

HINTS: dict[str, Callable[[JslError], str]] = {}
"""Code -> the hint, made from the error's facts."""


def hint_for(error: JslError) -> str:
    """What to do next, for somebody at the command line."""
    hint = HINTS.get(error.code)
    return hint(error) if hint else error.hint
