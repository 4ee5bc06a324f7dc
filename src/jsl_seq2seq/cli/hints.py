"""An error as the command line shows it: settings under the names of their options, and hints that name options.

The rooms below ``cli/`` name settings by field (``batch_size``), and their hints are for every caller. Here the
field becomes the option (``--batch-size``), and a hint of :data:`HINTS` replaces the error's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import JslError

HINTS: dict[str, Callable[[JslError], str]] = {
    "attention-too-long": lambda error: (
        f"{error.limit} を超えても書き出すには --force-export を付けてください。"
    ),
    "burn-ids-mismatch": lambda error: "import-burn からやり直してください。",
    "burn-invalid": lambda error: "import-burn からやり直してください。",
    "config-foreign": lambda error: (
        "元の Rust/Burn プロジェクトのモデルなら、jsl-seq2seq import-burn で取り込めます。"
    ),
    "d-model-not-divisible": lambda error: (
        "--d-model を --n-heads の倍数にしてください（例: --d-model 64 --n-heads 4）。"
    ),
    "export-not-written": lambda error: (
        "--export-dir で書き込める場所を指定してください。前に書き出したものは、そのまま残っています。"
    ),
    "not-imported": lambda error: (
        "import-burn で取り込んだモデルだけを書き出せます。"
        "元のプロジェクトには最後の LayerNorm・マスク・別々の語彙がなく、同じ計算になりません。"
    ),
    "save-locked": lambda error: "そちらが終わるのを待つか、--save などで別のフォルダーを指定してください。",
    "save-not-a-directory": lambda error: "--save などに別の名前を指定してください。",
    "save-not-writable": lambda error: (
        "フォルダーの権限を確かめるか、--save などで書き込める場所を指定してください。"
    ),
    "setting-fixed-by-model": lambda error: (
        f"{flag(error.setting)} を外すか、--load を外して新しいモデルを学習してください。"
    ),
    "setting-negative": lambda error: f"使わないなら {flag(error.setting)} 0 とします。",
    "would-overwrite": lambda error: (
        "上書きしないように止めました。--save などに別の（新しい）フォルダーを指定してください。"
    ),
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
