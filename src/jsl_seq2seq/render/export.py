"""Attention and weights as files: a CSV table and an SVG picture of each matrix.

An export replaces the earlier export of its kind (attention or weights) in its folder as a whole, and touches no
other file there: not the other kind's, and none that this module does not write.
"""

from __future__ import annotations

import base64
import csv
import difflib
import errno
import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from ..errors import Failure, UserError
from ..io.files import is_link, require_writable, signals_deferred, write_utf8
from ..tokenize import Tokenizers
from ..translate.translator import Translation
from .glyphs import visible
from .heatmap import heatmap_svg
from .pages import render

LONGEST = 20
"""Positions up to which attention is exported without ``force``: a longer picture is hard to read."""

_ATTENTION_FILE = re.compile(
    r"(\d{2,}/)?(attention\.html|attn_(decoder_|cross_)?layer\d+_head\d+\.(csv|svg))", re.ASCII
)
_WEIGHTS_FILE = re.compile(r"weights_(encoder|decoder)\.[\w.]+\.(csv|svg)", re.ASCII)

_FILE_NAMES = {
    "encoder.self": "attn_layer",
    "decoder.self": "attn_decoder_layer",
    "decoder.cross": "attn_cross_layer",
}
_TITLES = {
    "encoder.self": "エンコーダーの自己アテンション",
    "decoder.self": "デコーダーの自己アテンション",
    "decoder.cross": "デコーダーからの交差アテンション",
}


@dataclass(frozen=True)
class Table:
    """One matrix to export.

    Attributes:
        name: file name without its ending.
        values: [rows, columns].
        title: what the matrix is, on the picture and in the first line of the CSV.
        subject: what was computed from it: the sentence and its translation; empty for weights.
        signed: whether 0 is the middle of the picture's colours (weights) or their start (attention).
    """

    name: str
    values: np.ndarray
    row_labels: Sequence[str]
    column_labels: Sequence[str]
    title: str
    subject: str
    row_title: str
    column_title: str
    signed: bool

    def csv(self) -> str:
        """The content of the CSV file."""
        title = visible(f"{self.subject}　{self.title}" if self.subject else self.title)
        corner = f"{self.row_title}\\{self.column_title}"
        return table_csv(self.values, self.row_labels, self.column_labels, corner, title)

    def svg(self) -> str:
        """The content of the SVG file."""
        return heatmap_svg(
            self.values,
            self.row_labels,
            self.column_labels,
            title=self.title,
            subtitle=self.subject,
            row_title=self.row_title,
            column_title=self.column_title,
            value_range=None if self.signed else (0.0, 1.0),
            zero_is_masked=not self.signed,
        )


def require_exportable(translation: Translation) -> None:
    """Raise UserError if the sentence or its translation has more than :data:`LONGEST` positions, or its attention was
    not asked for."""
    if translation.attention is None:
        raise UserError(
            f"アテンションを取らずに訳した文です: {translation.text[:LONGEST]}",
            "translate(..., attention=True) のように、頼んで訳してください。",
            code="attention-not-taken",
            text=translation.text,
        )
    longest = max(max(one.weights.shape[1:]) for one in translation.attention.values())
    if longest > LONGEST:
        raise UserError(
            f"長い文（{longest} 個の並び）なので、アテンションの書き出しを省きました: {translation.text[:LONGEST]}…",
            f"{LONGEST} 個までなら、そのまま書き出せます。",
            code="attention-too-long",
            found=longest,
            limit=LONGEST,
            text=translation.text,
        )


def export_attention(
    translations: Sequence[Translation | None], directory: Path, force: bool = False
) -> list[Path]:
    """Write the attention of translations (made with ``attention=True``): CSV and SVG of each layer and head,
    and a page ``attention.html`` that shows the pictures.

    Replaces the earlier attention export in ``directory``: all of it, or after an error nothing.

    Args:
        translations: one is written into ``directory`` itself, several into ``01``, ``02``, ... below it, with
            an ``attention.html`` above that links to theirs. ``None`` keeps a number free.
        force: export sentences of more than :data:`LONGEST` positions, too.

    Returns:
        The files written; none if there was no translation.

    Raises:
        UserError: a sentence is too long (``attention-too-long``).
        Failure: a file cannot be written (``export-not-written``).
    """
    shown = {f"{number:02}": one for number, one in enumerate(translations, start=1) if one is not None}
    if not force:
        for translation in shown.values():
            require_exportable(translation)
    if not shown:
        return []
    files: dict[str, str] = {}
    for number, translation in shown.items():
        folder = f"{number}/" if len(translations) > 1 else ""
        tables = attention_tables(translation)
        files |= {f"{folder}{name}": text for name, text in _table_files(tables).items()}
        files[f"{folder}attention.html"] = attention_page(translation, tables)
    if len(translations) > 1:
        files["attention.html"] = attention_index(shown)
    return _replace(directory, ".attention", _ATTENTION_FILE, files)


def attention_tables(translation: Translation) -> list[Table]:
    """One table for each layer and head; rows are queries, columns keys."""
    tables = []
    source, target = translation.tokenizers.source.name, translation.tokenizers.target.name
    for name, attention in (translation.attention or {}).items():
        stack, layer, kind = name.split(".")
        columns = target if (stack, kind) == ("decoder", "self") else source
        for head, weights in enumerate(attention.weights):
            tables.append(
                Table(
                    f"{_FILE_NAMES[f'{stack}.{kind}']}{layer}_head{head}",
                    weights,
                    attention.query_labels,
                    attention.key_labels,
                    f"{_TITLES[f'{stack}.{kind}']}　第 {layer} 層・ヘッド {head}",
                    subject_of(translation),
                    f"見ている{source}" if stack == "encoder" else f"書く{target}",
                    f"見られている{columns}",
                    signed=False,
                )
            )
    return tables


def attention_page(translation: Translation, tables: Sequence[Table]) -> str:
    """The page of one translation: every layer and head in the view that the server's page has, in one file that
    loads nothing, and links to the tables and pictures beside it.

    The page's policy lets no script run but its own, which is named by its hash (Content Security Policy 3, 2.3.1).
    """
    source, target = translation.tokenizers.source.name, translation.tokenizers.target.name
    values = {
        "attention": {name: one.to_dict() for name, one in (translation.attention or {}).items()},
        "words": {"source": source, "target": target},
    }
    script = _page_asset("attention.js") + _START
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return render(
        "attention.html",
        title=subject_of(translation),
        warnings=translation.warnings,
        tables=tables,
        values=values,
        view_style=_page_asset("attention.css"),
        script=script,
        policy=f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'",
    )


def _page_asset(name: str) -> str:
    """A file of the server's page, which exported pages share."""
    return resources.files("jsl_seq2seq").joinpath("assets", "page", name).read_text(encoding="utf-8")


_START = """
{
  const values = JSON.parse(document.getElementById("values").textContent);
  jslAttention.view(document.getElementById("attention"), values.attention, { words: values.words });
}
"""
"""Shows the view of an exported page."""


def attention_index(translations: Mapping[str, Translation]) -> str:
    """The page that links to the pages of several translations, folder name -> translation."""
    subjects = {folder: subject_of(translation) for folder, translation in translations.items()}
    return render("attention_index.html", title="アテンションの書き出し", subjects=subjects)


def subject_of(translation: Translation) -> str:
    """The sentence and its translation, as every file of an attention export shows them."""
    return f"{translation.text} → {translation}"


def export_weights(
    parameters: Mapping[str, np.ndarray], tokenizers: Tokenizers, wanted: Sequence[str], directory: Path
) -> list[Path]:
    """Write parameters, a CSV and an SVG each.

    Replaces the earlier weights export in ``directory``: all of it, or after an error nothing.

    Args:
        wanted: names or their beginnings: ``decoder`` is every parameter of the decoder.

    Raises:
        UserError: there is no such parameter (``weights-not-found``); names the nearest.
        Failure: a file cannot be written (``export-not-written``).
    """
    names = dict.fromkeys(name for one in wanted for name in matching_names(parameters, one))
    if not names:
        return []
    tables = []
    for name in names:
        values = parameters[name]
        rows, columns = parameter_labels(name, values.shape, tokenizers)
        table = values.reshape(len(rows), len(columns))
        tables.append(
            Table(
                f"weights_{name}", table, rows, columns, name, "", "行（入力側）", "列（出力側）", signed=True
            )
        )
    return _replace(directory, ".weights", _WEIGHTS_FILE, _table_files(tables))


def matching_names(parameters: Mapping[str, np.ndarray], wanted: str) -> list[str]:
    """Parameters called ``wanted`` or below it; UserError with the nearest names if there is none."""
    found = [name for name in parameters if name == wanted or name.startswith(wanted.rstrip(".") + ".")]
    if found:
        return found
    known = sorted(
        {".".join(name.split(".")[:end]) for name in parameters for end in range(1, name.count(".") + 2)}
    )
    near = difflib.get_close_matches(wanted, known, n=5, cutoff=0.4) or ["encoder", "decoder"]
    raise UserError(
        f"{wanted!r} という名前の重みはありません。",
        "近い名前: " + "、".join(near),
        code="weights-not-found",
        name=wanted,
        nearest=tuple(near),
    )


def parameter_labels(
    name: str, shape: tuple[int, ...], tokenizers: Tokenizers
) -> tuple[list[str], list[str]]:
    """Row and column labels of a parameter as a table (a vector is one row).

    An axis over a vocabulary has its entries as labels, every other axis its indices.
    """
    rows, columns = (1, *shape)[-2:]
    row_labels, column_labels = [str(i) for i in range(rows)], [str(i) for i in range(columns)]
    if name == "encoder.embedding.weight":
        row_labels = tokenizers.source.labels()
    elif name == "decoder.embedding.weight":
        row_labels = tokenizers.target.labels()
    elif name.startswith("decoder.output_projection."):
        column_labels = tokenizers.target.labels()
    return row_labels, column_labels


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""A spreadsheet would run a label that begins like this (OWASP, "CSV Injection")."""


def table_csv(
    values: np.ndarray, row_labels: Sequence[str], column_labels: Sequence[str], corner: str, title: str
) -> str:
    """CSV text: ``# title`` in the first line, a header of column labels, then a label and its numbers per row.

    Numbers keep every bit of a float32. A label that a spreadsheet would take for a formula gets an
    apostrophe in front.

    Args:
        values: [rows, columns].
        corner: the header's first cell; what rows and columns are.
        title: one line.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([f"# {title}"])
    writer.writerow([corner, *map(_safe, column_labels)])
    for label, row in zip(row_labels, values, strict=True):
        writer.writerow([_safe(label), *(format(float(value), ".9g") for value in row)])
    return out.getvalue()


def _safe(label: str) -> str:
    return "'" + label if label.startswith(_FORMULA_STARTS) else label


def _table_files(tables: Iterable[Table]) -> dict[str, str]:
    """File name -> content."""
    files = {}
    for table in tables:
        files[f"{table.name}.csv"] = "\ufeff" + table.csv()  # Excel reads UTF-8 only with the mark
        files[f"{table.name}.svg"] = table.svg()
    return files


def _replace(directory: Path, kind: str, ours: re.Pattern[str], files: Mapping[str, str]) -> list[Path]:
    """Replace the files of one kind in a folder by ``files``, relative path -> content.

    The new files are written into a hidden folder of an unpredictable name in ``directory`` first. Then the
    earlier files of the kind move to a second hidden folder, and only then the new ones take their places: old
    and new never stand side by side, also if this is killed. An error restores the earlier files, and a signal that
    asks the program to end waits. Files that do not match ``ours`` are neither moved nor deleted.
    """
    require_place(directory)
    made = not directory.exists()
    try:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(directory, kind)
            new = Path(tempfile.mkdtemp(prefix=f"{kind}-new-", dir=directory))
            old = Path(tempfile.mkdtemp(prefix=f"{kind}-old-", dir=directory))
            for name, text in files.items():
                path = new / name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_utf8(path, text, sync=False)
            _exchange(directory, new, old, _written(directory, ours))
        finally:
            _remove_abandoned(directory, kind)
            if made and directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()
    except OSError as error:
        raise _not_written(directory, error) from None
    return [directory / name for name in files]


def require_place(directory: Path) -> None:
    """Raise Failure (``export-not-written``) if tables and pictures cannot be written to a directory, or be made out
    there: before the work."""
    try:
        require_writable(directory)
        if directory.exists():
            next(directory.iterdir(), None)  # what an earlier export left must be found
    except OSError as error:
        raise _not_written(directory, error) from None


def _not_written(directory: Path, error: OSError) -> Failure:
    reason = error.strerror or os.strerror(error.errno or 0)
    return Failure(
        f"書き出せませんでした: {error.filename or directory}（{reason}）",
        "書き込める場所を指定してください。前に書き出したものは、そのまま残っています。",
        code="export-not-written",
        path=directory,
        reason=reason,
    )


def _remove_abandoned(directory: Path, kind: str) -> None:
    """Remove the hidden folders of an export that has ended, or was killed. Links are left alone."""
    for path in directory.glob(f"{kind}-*"):
        if re.fullmatch(r"\.\w+-(new|old)(-\w+)?", path.name):
            shutil.rmtree(path, ignore_errors=True)


def _written(directory: Path, ours: re.Pattern[str]) -> list[str]:
    """Relative paths of the files of one kind that an earlier export left."""
    folders = [directory, *(path for path in directory.glob("[0-9][0-9]*") if not is_link(path))]
    found = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    names = [path.relative_to(directory).as_posix() for path in found if path.is_file()]
    return [name for name in names if ours.fullmatch(name)]


def _exchange(directory: Path, new: Path, old: Path, earlier: Sequence[str]) -> None:
    """Move ``earlier`` from the folder to ``old`` and everything in ``new`` into the folder, or nothing at all."""
    moves = [(directory / name, old / name) for name in earlier]
    moves += [
        (path, directory / path.relative_to(new)) for path in sorted(new.rglob("*")) if not path.is_dir()
    ]
    done: list[tuple[Path, Path]] = []
    with signals_deferred():
        try:
            for start, goal in moves:
                goal.parent.mkdir(parents=True, exist_ok=True)
                if goal.parent != directory and is_link(goal.parent):
                    raise OSError(errno.ELOOP, "フォルダーではなくリンクです", str(goal.parent))
                start.replace(goal)
                done.append((start, goal))
        except BaseException:
            for start, goal in reversed(done):
                goal.replace(start)
            _remove(old, moves)
            raise
        _remove(old, moves)


def _remove(old: Path, moves: Sequence[tuple[Path, Path]]) -> None:
    """Remove the folder of earlier files, and the folders that moving left empty."""
    shutil.rmtree(old, ignore_errors=True)
    for folder in {path.parent for move in moves for path in move}:
        with suppress(OSError):  # not empty, or not there
            folder.rmdir()
