"""An error as the command line shows it: settings under the names of their options, and hints that name options.

The rooms below ``cli/`` name settings by field (``batch_size``), and their hints are for every caller. Here the
field becomes the option (``--batch-size``), and a hint of :data:`HINTS` replaces the error's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import JslError

HINTS: dict[str, Callable[[JslError], str]] = {
    "adapter-below-minimum": lambda error: (
        "--device で別のアダプターを選ぶか、--backend ndarray を使ってください。"
    ),
    "address-unusable": lambda error: (
        "--port 0（空いているポート）か別の番号を指定するか、使っているプログラムを止めてください。"
    ),
    "attention-too-long": lambda error: (
        f"{error.limit} を超えても書き出すには --force-export を付けてください。"
    ),
    "average-without-keep": lambda error: "--keep average を足すか、--average を外してください。",
    "backend-without-process-group": lambda error: (
        "--backend torch を指定するか、torchrun を使わずに実行してください。"
    ),
    "burn-ids-mismatch": lambda error: "import-burn からやり直してください。",
    "burn-invalid": lambda error: "import-burn からやり直してください。",
    "config-foreign": lambda error: (
        "元の Rust/Burn プロジェクトのモデルなら、jsl-seq2seq import-burn で取り込めます。"
    ),
    "d-model-not-divisible": lambda error: (
        "--d-model を --n-heads の倍数にしてください（例: --d-model 64 --n-heads 4）。"
    ),
    "device-without-backend": lambda error: (
        "--backend wgpu か --backend torch と一緒に指定してください（一覧: jsl-seq2seq backends）。"
    ),
    "dictionary-without-open-words": lambda error: (
        "--dictionary とモデルの dictionary.tsv を使わずに訳すか、"
        "--target-units open-tags で学習したモデルを --load で指定してください。"
    ),
    "ensemble-mismatch": lambda error: (
        "--load で並べられるのは、両側の語彙が同じモデルです。"
        "同じ --data で、--seed だけを変えて学習したものを使ってください。"
    ),
    "export-not-written": lambda error: (
        "--export-dir で書き込める場所を指定してください。前に書き出したものは、そのまま残っています。"
    ),
    "gpu-failed": lambda error: (
        "ドライバーを更新するか、--device で別のアダプターを選ぶか、--backend ndarray を使ってください。"
    ),
    "gpu-lost": lambda error: (
        "保存済みのモデルは無事です。もう一度実行し、続きは --load で学習してください。"
    ),
    "gpu-not-found": lambda error: error.hint.replace("ndarray バックエンド", "--backend ndarray "),
    "gpu-only-simulated": lambda error: "GPU なしで使うなら --backend ndarray のほうが速く動きます。",
    "gpu-out-of-memory": lambda error: (
        "長い文を分けるか、学習なら --batch-size を小さくするか、--backend ndarray を使ってください。"
    ),
    "gpu-values-missing": lambda error: (
        "保存済みのモデルは無事です。もう一度実行し、続きは --load で学習してください。"
    ),
    "lines-out-of-memory": lambda error: _in_less_memory(error),
    "not-a-token": lambda error: (
        error.hint + "（< > のない語の列なら --target-units words を付けます）"
        if error.units == "tags" and isinstance(error.written, str) and not {"<", ">"} & set(error.written)
        else error.hint
    ),
    "not-imported": lambda error: (
        "import-burn で取り込んだモデルだけを書き出せます。"
        "元のプロジェクトには最後の LayerNorm・マスク・別々の語彙がなく、同じ計算になりません。"
    ),
    "precision-for-other-purpose": lambda error: (
        f"--precision に {' か '.join(error.usable)} を指定してください。"
    ),
    "precision-not-on-backend": lambda error: (
        f"--precision を外すか、--backend {error.able[0]} を指定してください。"
    ),
    "process-lost": lambda error: (
        "先に止まったプロセスのメッセージを見てください。最後の途中保存は無事です。"
        "同じコマンドに --resume を付けると、そこから続けられます。"
    ),
    "recorded-data-missing": lambda error: "--data で学習データのファイルを指定してください。",
    "save-locked": lambda error: "そちらが終わるのを待つか、--save などで別のフォルダーを指定してください。",
    "save-not-a-directory": lambda error: "--save などに別の名前を指定してください。",
    "save-not-writable": lambda error: (
        "フォルダーの権限を確かめるか、書き込める別の場所を指定してください（学習なら --save）。"
    ),
    "sentence-too-long": lambda error: (
        f"--max-seq-len {error.longest} で新しく学習するか、その文を分けてください。"
    ),
    "setting-fixed-by-model": lambda error: (
        f"{flag(error.setting)} を外すか、--load を外して新しいモデルを学習してください。"
    ),
    "setting-negative": lambda error: f"使わないなら {flag(error.setting)} 0 とします。",
    "starter-units-fixed": lambda error: (
        "--source-units と --target-units を外すか、--data で自分のデータを指定してください。"
    ),
    "subword-vocab-too-small": lambda error: (
        f"{flag(error.setting)} {2 * error.characters} のように、大きくしてください。"
    ),
    "subword-vocab-without-subwords": lambda error: (
        f"{flag(next(iter(error.settings)))} subword を足すか、{flag(error.setting)} を外してください。"
    ),
    "token-required": lambda error: (
        "--token-file FILE か環境変数 JSL_SEQ2SEQ_TOKEN でトークンを渡すか、--host を外してください。"
    ),
    "torch-device-unusable": lambda error: (
        "--device cuda、mps、cpu のうち、この機械にあるものを指定してください。"
    ),
    "training-out-of-memory": lambda error: _in_less_memory(error).replace(
        "d_model や n_layers", "--d-model や --n-layers"
    ),
    "translation-out-of-memory": lambda error: _in_less_memory(error),
    "unknown-tags": lambda error: (
        f"--load か --resume を外して新しいモデルを学習するか、その{error.name}の文をデータから外してください。"
    ),
    "validation-data-missing": lambda error: (
        f"--valid FILE で検証データを指定するか、{flag(error.setting)} を外してください。"
    ),
    "wgpu-missing": lambda error: (
        "pip install wgpu で入ります。入れられない機械では --backend ndarray を使ってください。"
    ),
    "would-overwrite": lambda error: (
        "上書きしないように止めました。--save などに別の（新しい）場所を指定してください。"
    ),
}
"""Code -> the hint, made from the error's facts. Sorted by code."""


def _in_less_memory(error: JslError) -> str:
    return error.hint.replace("ビーム", "--beam").replace("ndarray バックエンド", "--backend ndarray ")


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
