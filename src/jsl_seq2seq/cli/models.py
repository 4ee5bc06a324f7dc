"""The commands about whole model directories: what each takes and what it calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options as opt


def _directory(text: str, name: str = "DIR") -> Any:
    return typer.Argument(metavar=name, help=text, show_default=False)


def verify(
    directory: Annotated[Path, _directory("調べるモデルのフォルダー")],
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    from .verify import run_verification  # noqa: PLC0415

    if not run_verification(directory, quiet, as_json):
        raise typer.Exit(1)


def compare(
    first: Annotated[Path, _directory("1 つ目のモデル", "DIR1")],
    second: Annotated[Path, _directory("2 つ目のモデル", "DIR2")],
    data: opt.Compared = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    from .compare import run_comparison  # noqa: PLC0415

    run_comparison(first, second, data, quiet, as_json)


def import_burn(
    directory: Annotated[Path, _directory("元のプロジェクトのモデル（model.bin と config.json）")],
    destination: Annotated[Path, _directory("保存先のフォルダー", "DIR2")],
    quiet: opt.Quiet = False,
) -> None:
    from .convert import run_import  # noqa: PLC0415

    run_import(directory, destination, quiet)


def export_burn(
    directory: Annotated[Path, _directory("import-burn で取り込んだモデル")],
    destination: Annotated[Path, _directory("書き出し先のフォルダー", "DIR2")],
    quiet: opt.Quiet = False,
) -> None:
    from .convert import run_export  # noqa: PLC0415

    run_export(directory, destination, quiet)


COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "verify": (verify, "モデルが壊れていないか調べ、何が入っているかを示します。"),
    "compare": (compare, "2 つのモデルの設定・語彙・重み・訳の違いを示します。"),
    "import-burn": (import_burn, "元の Rust/Burn プロジェクトのモデルを取り込みます。"),
    "export-burn": (export_burn, "取り込んだモデルを、元の Rust/Burn の形式で書き出します。"),
}
"""Every command with its help text."""
