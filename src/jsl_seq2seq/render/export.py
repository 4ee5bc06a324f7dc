"""Attention and weights as files: a CSV for programs and spreadsheets, a picture for people."""

from __future__ import annotations

import difflib
import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import Failure, UserError
from ..tokenize import Vocabularies
from ..translate.translator import Translation
from .glyphs import visible
from .heatmap import heatmap_svg
from .labels import parameter_labels
from .tables import table_csv

LONGEST = 20
"""Positions up to which attention is exported unasked: beyond, a picture is no longer readable."""

_FILE_NAMES = {
    "encoder.self": "attn_layer",
    "decoder.self": "attn_decoder_layer",
    "decoder.cross": "attn_cross_layer",
}
_TITLES = {
    "encoder.self": "エンコーダーの自己注意",
    "decoder.self": "デコーダーの自己注意",
    "decoder.cross": "デコーダーからの交差注意",
}


@dataclass(frozen=True)
class Table:
    """One matrix to export.

    Attributes:
        name: file name without its ending.
        signed: whether 0 is the middle of the picture's colours (weights) or their start (attention).
    """

    name: str
    values: np.ndarray
    row_labels: Sequence[str]
    column_labels: Sequence[str]
    title: str
    row_title: str
    column_title: str
    signed: bool


def export_attention(translation: Translation, directory: Path, force: bool = False) -> list[Path]:
    """Write every attention map of a translation (made with ``attention=True``) and a page that shows them all.

    Returns:
        The files written: CSV and SVG for each layer and head, and ``attention.html``.

    Raises:
        UserError: the sentence or its translation is longer than :data:`LONGEST` and ``force`` is false.
        Failure: a file cannot be written.
    """
    assert translation.attention is not None, "translate(..., attention=True) first"
    longest = max(max(one.weights.shape[1:]) for one in translation.attention.values())
    if longest > LONGEST and not force:
        raise UserError(
            f"長い文（{longest} 個の並び）なので、注意の書き出しを省きました: {translation.text[:LONGEST]}…",
            f"{LONGEST} を超えても書き出すには --force-export を付けてください。",
        )
    tables = attention_tables(translation)
    page = _page(translation, [table.name for table in tables])
    return [*_write_tables(tables, directory), _write(directory / "attention.html", page)]


def attention_tables(translation: Translation) -> list[Table]:
    """One table for each layer and head; rows are queries, columns keys."""
    tables = []
    source, target = translation.kinds.source_name, translation.kinds.target_name
    for name, attention in (translation.attention or {}).items():
        stack, layer, kind = name.split(".")
        rows = source if stack == "encoder" else target
        columns = target if (stack, kind) == ("decoder", "self") else source
        for head, weights in enumerate(attention.weights):
            tables.append(
                Table(
                    f"{_FILE_NAMES[f'{stack}.{kind}']}{layer}_head{head}",
                    weights,
                    attention.query_labels,
                    attention.key_labels,
                    f"{_TITLES[f'{stack}.{kind}']}　第 {layer} 層・ヘッド {head}",
                    f"見ている{rows}",
                    f"見られている{columns}",
                    signed=False,
                )
            )
    return tables


def export_weights(
    parameters: Mapping[str, np.ndarray], vocabularies: Vocabularies, wanted: str, directory: Path
) -> list[Path]:
    """Write every parameter that is ``wanted`` or lies under it (``decoder`` means all of the decoder).

    Raises:
        UserError: there is none; names the nearest.
        Failure: a file cannot be written.
    """
    tables = []
    for name in matching_names(parameters, wanted):
        values = parameters[name]
        rows, columns = parameter_labels(name, values.shape, vocabularies)
        table = values.reshape(len(rows), len(columns))
        tables.append(
            Table(f"weights_{name}", table, rows, columns, name, "行（入力側）", "列（出力側）", signed=True)
        )
    return _write_tables(tables, directory)


def matching_names(parameters: Mapping[str, np.ndarray], wanted: str) -> list[str]:
    """Parameters called ``wanted`` or below it; UserError with the nearest names if there is none."""
    found = [name for name in parameters if name == wanted or name.startswith(wanted.rstrip(".") + ".")]
    if found:
        return found
    known = sorted(
        {".".join(name.split(".")[:end]) for name in parameters for end in range(1, name.count(".") + 2)}
    )
    near = difflib.get_close_matches(wanted, known, n=5, cutoff=0.4) or ["encoder", "decoder"]
    raise UserError(f"{wanted!r} という名前の重みはありません。", "近い名前: " + "、".join(near))


def _write_tables(tables: Sequence[Table], directory: Path) -> list[Path]:
    paths = []
    for table in tables:
        corner = f"{table.row_title}\\{table.column_title}"
        text = table_csv(table.values, table.row_labels, table.column_labels, corner)
        paths.append(_write(directory / f"{table.name}.csv", "\ufeff" + text))  # Excel wants the mark
        picture = heatmap_svg(
            table.values,
            list(table.row_labels),
            list(table.column_labels),
            title=table.title,
            row_title=table.row_title,
            column_title=table.column_title,
            value_range=None if table.signed else (0.0, 1.0),
            zero_is_masked=not table.signed,
        )
        paths.append(_write(directory / f"{table.name}.svg", picture))
    return paths


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Failure(
            f"書き出せませんでした: {path}（{error.strerror or os.strerror(error.errno or 0)}）",
            "--export-dir で書き込める場所を指定してください。",
        ) from None
    return path


def _page(translation: Translation, names: Sequence[str]) -> str:
    figures = "\n".join(f'<img src="{name}.svg" alt="{name}" loading="lazy">' for name in names)
    title = html.escape(visible(f"{translation.text} → {translation}"))
    return f"""<!doctype html>
<html lang="ja">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  body {{ font-family: sans-serif; margin: 1.5rem; color: #222; background: #fff; }}
  main {{ display: flex; flex-wrap: wrap; gap: 1rem; }}
  img {{ max-width: 100%; border: 1px solid #ddd; }}
</style>
<h1>{title}</h1>
<p>注意の重みです。行が「見ている」側、列が「見られている」側で、各行の合計は 1 になります。
出力はタグであって、日本手話そのものではありません。</p>
<main>
{figures}
</main>
</html>
"""
