"""``jsl-seq2seq export``: weights as CSV tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..store import SavedModel, load_model, shipped_model
from . import options as opt
from .console import note


def export(
    load: opt.Load = None,
    export_weights: opt.ExportWeights = None,
    export_dir: opt.ExportDir = None,
    quiet: opt.Quiet = False,
) -> None:
    if not export_weights:
        raise UserError(
            "どの重みを書き出すかが指定されていません。",
            "--export-weights encoder のように、層の名前かその前半を指定してください（くり返せます）。",
            code="no-weights-named",
        )
    model = load_model(load or shipped_model(), record=False)
    run_weight_export(model, export_weights, opt.exports(load, export_dir), quiet)


def run_weight_export(model: SavedModel, names: Sequence[str], directory: Path, quiet: bool) -> None:
    """Export the parameters called ``names`` or below them, and say where to."""
    from ..render.export import export_weights  # noqa: PLC0415  pictures are slow to import

    written = export_weights(model.parameters, model.tokenizers, names, directory)
    if not quiet:
        note(f"重み {'、'.join(names)} を書き出しました: {directory}（{len(written)} ファイル）")
