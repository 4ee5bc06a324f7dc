"""An error as the command line shows it: settings under the names of their options, and hints that name options.

The rooms below ``cli/`` name settings by field (``batch_size``), and their hints are for every caller. Here the
field becomes the option (``--batch-size``), and a hint of :data:`HINTS` replaces the error's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import JslError

HINTS: dict[str, Callable[[JslError], str]] = {
    "d-model-not-divisible": lambda error: (
        "--d-model を --n-heads の倍数にしてください（例: --d-model 64 --n-heads 4）。"
    ),
    "setting-fixed-by-model": lambda error: (
        f"{flag(error.setting)} を外すか、--load を外して新しいモデルを学習してください。"
    ),
    "setting-negative": lambda error: f"使わないなら {flag(error.setting)} 0 とします。",
}
"""Code -> the hint, made from the error's facts. Sorted by code."""


def flag(setting: str) -> str:
    """The option that sets a field: ``batch_size`` -> ``--batch-size``."""
    return "--" + setting.replace("_", "-")


def in_options(error: JslError) -> tuple[str, str]:
    """What is wrong and what to do next (may be empty), with the settings it is about written as options."""
    what, hint = error.what, error.hint
    for setting in _settings(error):
        field = re.compile(rf"(?<![\w-]){setting}(?!\w)", re.ASCII)
        what, hint = field.sub(flag(setting), what, count=1), field.sub(flag(setting), hint)
    own = HINTS.get(error.code)
    return what, own(error) if own else hint


def _settings(error: JslError) -> list[str]:
    """The fields that the error is about: its fact ``setting``, or the keys of ``settings``."""
    one = error.facts.get("setting")
    return ([one] if one else []) + list(error.facts.get("settings", {}))
