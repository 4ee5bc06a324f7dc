"""The two errors that this package raises on purpose.

Both carry what is wrong and where (``what``) and what to do next (``hint``), in Japanese, and for programs a
stable ``code`` and the facts that the words are made from. The command line prints them without a traceback and
adds what its own options can do about them; the library raises them as ordinary exceptions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any


class JslError(Exception):
    """Base of every error that this package raises for a reason a user can act on.

    Args:
        what: what is wrong and where, one or two sentences in Japanese.
        hint: what to do next, in Japanese; may be empty. It names no command-line option: those are known to
            ``cli/`` alone.
        code: a stable name for this kind of error, such as ``text-too-long``; docs/errors.md lists all of them.
        facts: what the words are made from, under stable names (``path``, ``line``, ``limit``, ...). Each can be
            read as an attribute: ``error.path``.
    """

    exit_code = 1

    def __init__(self, what: str, hint: str = "", *, code: str = "error", **facts: Any) -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint
        self.code = code
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}" if self.hint else self.what

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON values: ``error`` (what), ``hint``, ``code`` and ``facts``.

        In the facts paths become strings, sequences lists, and numbers that JSON does not have strings.
        """
        return {"error": self.what, "hint": self.hint, "code": self.code, "facts": _json_value(self.facts)}


class UserError(JslError):
    """The request cannot be carried out as it was made: a typo, a missing file, a broken line (exit code 2)."""

    exit_code = 2


class Failure(JslError):
    """The request was fine and something else failed: disk full, no GPU, a damaged model (exit code 1)."""

    exit_code = 1


def _json_value(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): _json_value(one) for name, one in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(map(str, value))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_json_value(one) for one in value]
    return str(value)
