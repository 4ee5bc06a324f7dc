"""The two ways this program stops on purpose, each with words for the person in front of it.

Both carry what is wrong and where (``what``) and what to do next (``hint``), in Japanese. The command
line prints them without a traceback; the library lets them rise as ordinary exceptions.
"""

from __future__ import annotations


class JslError(Exception):
    """Base of every error that this package raises for a reason a user can act on.

    Args:
        what: what is wrong and where, one or two sentences in Japanese.
        hint: what to do next, in Japanese; may be empty.
    """

    exit_code = 1

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}" if self.hint else self.what


class UserError(JslError):
    """The request cannot be carried out as it was made: a typo, a missing file, a broken line (exit code 2)."""

    exit_code = 2


class Failure(JslError):
    """The request was fine and something else failed: disk full, no GPU, a damaged model (exit code 1)."""

    exit_code = 1
