"""``jsl-seq2seq export``: a model in another program's format, or weights as CSV tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from ..errors import UserError
from ..store import SavedModel, load_model, model_directory
from . import options as opt
from .console import note, say


def export(
    directories: Annotated[
        list[Path] | None,
        opt.argument("--format のとき: モデル（なければ付属のもの）と、書き出し先", "［DIR］ OUT"),
    ] = None,
    model_format: opt.Format = None,
    load: opt.Load = None,
    export_weights: opt.ExportWeights = None,
    export_dir: opt.ExportDir = None,
    quiet: opt.Quiet = False,
) -> None:
    given = directories or []
    if model_format:
        _export_model(model_format, given, load, quiet)
        if not export_weights:
            return
        load, given = given[0] if len(given) == 2 else load, []
    if given:
        raise UserError(
            f"余分な引数があります: {given[0]}",
            "ほかの形式で書き出すなら、--format onnx のように形式も指定してください。",
            code="extra-argument",
            argument=str(given[0]),
        )
    if not export_weights:
        raise UserError(
            "どの重みを書き出すかが指定されていません。",
            "--export-weights encoder のように、層の名前かその前半を指定してください（くり返せます）。"
            "ほかの形式で書き出すなら、--format onnx のように形式を指定してください。",
            code="no-weights-named",
        )
    model = load_model(model_directory(load), record=False)
    run_weight_export(model, export_weights, opt.exports(load, export_dir), quiet)


def _export_model(name: str, given: Sequence[Path], load: Path | None, quiet: bool) -> None:
    """``DIR OUT``, or ``OUT`` alone for the model of --load or the shipped one."""
    from ..interop.formats import export_model  # noqa: PLC0415  most exports do not need it

    if not given:
        raise UserError(
            "書き出し先のフォルダーが指定されていません。",
            f"jsl-seq2seq export --format {name} モデル 書き出し先 のように指定してください。",
            code="missing-argument",
            argument="OUT",
        )
    if len(given) > 2 or (load and len(given) == 2):
        raise UserError(
            f"余分な引数があります: {given[-1]}",
            "モデルと書き出し先を 1 つずつ指定してください。",
            code="extra-argument",
            argument=str(given[-1]),
        )
    *model, destination = given
    made = export_model(
        load_model(model_directory(model[0] if model else load), record=False), name, destination
    )
    if quiet:
        say(str(destination))
        return
    for line in made.notes:
        note(line)
    say(f"書き出しました: {destination}")
    for file, content in made.files.items():
        if "/" not in file:
            say(f"  {file}  {len(content):,} バイト")
    for folder in sorted({file.rpartition("/")[0] for file in made.files} - {""}):
        sizes = [len(content) for file, content in made.files.items() if file.startswith(f"{folder}/")]
        say(f"  {folder}/  {len(sizes)} ファイル、{sum(sizes):,} バイト")


def run_weight_export(model: SavedModel, names: Sequence[str], directory: Path, quiet: bool) -> None:
    """Export the parameters called ``names`` or below them, and say where to."""
    from ..render.export import export_weights  # noqa: PLC0415  pictures are slow to import

    written = export_weights(model.parameters, model.tokenizers, names, directory)
    if not quiet:
        note(f"重み {'、'.join(names)} を書き出しました: {directory}（{len(written)} ファイル）")
