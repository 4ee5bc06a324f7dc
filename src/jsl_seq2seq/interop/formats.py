"""Other programs' model formats: one table, and how an export is written to a directory.

A format is a folder or module here with ``export(SavedModel) -> Exported``, and one line of :data:`FORMATS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ..errors import UserError
from ..extras import optional
from ..io.files import is_regular, replace_own_files, require_own
from ..settings import require_choice
from ..store import SavedModel
from ..store.directory import WEIGHTS, is_ours


@dataclass(frozen=True)
class Format:
    """A format that models can be written in.

    Attributes:
        module: the module of this folder that writes it.
        libraries: what it imports beyond this package's own dependencies.
        extra: of this package, which installs them.
    """

    module: str
    libraries: tuple[str, ...] = ()
    extra: str = ""


FORMATS = {
    "onnx": Format("onnx", ("onnx",), "onnx"),
    "huggingface": Format("huggingface"),
    "ctranslate2": Format("ctranslate2", ("ctranslate2",), "ctranslate2"),
    "web": Format("web"),
}
"""By the name that users give."""


@dataclass(frozen=True)
class Exported:
    """A model in another format.

    Attributes:
        files: their contents by name.
        notes: what was found out about the export, in Japanese, one line each.
    """

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


def export_model(model: SavedModel, name: str, destination: Path) -> Exported:
    """Write a model to a directory in another format.

    Raises:
        UserError: there is no such format, its library is missing, the model cannot be written in it, or the
            directory is no place for it.
        Failure: writing failed, or the written model computes something else.
    """
    require_choice("format", name, tuple(FORMATS))
    found = FORMATS[name]
    _require_libraries(name, found)
    _refuse_model(destination)
    require_own(destination, ())  # before the work
    made: Exported = import_module(f".{found.module}", __package__).export(model)
    replace_own_files(destination, made.files)
    return made


def require_masks(model: SavedModel, name: str, final_norm: bool = True) -> None:
    """Raises UserError for a model without attention masks: no other program computes what it computes.

    Args:
        final_norm: whether the format requires a LayerNorm behind the last layers, too.
    """
    if not model.config.attention_masks or (final_norm and not model.config.final_norm):
        raise UserError(
            f"アテンションのマスクか最後の LayerNorm なしで学習したモデルは、{name} 形式で書き出せません。",
            "元の Rust/Burn プロジェクトから取り込んだモデルは、元の形式でだけ書き出せます。",
            code="export-without-masks",
            format=name,
        )


def require_whole_tags(model: SavedModel, name: str) -> None:
    """Raises UserError for a model that writes tags in pieces: the format's reader would not put them together."""
    kind = model.tokenizers.target.segmentation.kind
    if not model.tokenizers.target.segmentation.whole:
        raise UserError(
            f"target_tokenizer が {kind} のモデルは、{name} 形式で書き出せません。",
            "onnx か ctranslate2 なら書き出せます（タグの部品の列を出すので、読む側でつなぎます）。"
            "target_units が tags か words なら、huggingface にも書き出せます。",
            code="export-unsupported",
            format=name,
            setting="target_tokenizer",
            value=kind,
        )


def _require_libraries(name: str, found: Format) -> None:
    for library in found.libraries:
        optional(library, found.extra, f"{name} 形式で書き出すには")


def _refuse_model(destination: Path) -> None:
    """Raises UserError if a model of ours is there: files of the same names would be replaced."""
    config = destination / "config.json"
    if is_ours(config) and is_regular(destination / WEIGHTS):
        raise UserError(
            f"書き出し先に jsl-seq2seq のモデルがあります: {destination}",
            "そのファイルを上書きしないように、別のフォルダーを指定してください。",
            code="would-overwrite-model",
            path=destination,
        )
