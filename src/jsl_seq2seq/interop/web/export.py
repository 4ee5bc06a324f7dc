"""The files that the npm package in ``web/`` reads: everything that translates a text, in one file for each precision.

    bytes 0-3     "JSLW"
    bytes 4-7     version of the layout, 1 (all integers are unsigned, little-endian)
    bytes 8-39    SHA-256 of everything behind it
    bytes 40-     in gzip: the header's length (4 bytes), the header (JSON), zeros up to a multiple of 16, the tensors

The header holds the model's configuration, its tokenizers, and for each tensor its name, type, shape and offset from
the first tensor, a multiple of 16. Nothing depends on the sizes of a model.

Matrices are float32, float16 or int8; where they are int8, biases and LayerNorm's vectors are float16. An int8 matrix
is q · scale, with one float32 scale for each row of an embedding and for each output of a linear layer. Only what is
stored is rounded: the engine computes in float32.

Scales are an eighth of the standard deviation of the matrix's values (the median of its rows', which a few large values
leave as it is), larger where |q| <= 127 requires it. A value has 5 bits of entropy then, and hardly more in gzip, whose
Huffman codes are short where many values are alike (Han et al. 2016, §4). The smallest scales that cover the values
(Krishnamoorthi 2018, §3) leave 7.4. One step for all rows has the least squared error for its entropy (Gish & Pierce
1968).

An embedding is rounded without the mean of each of its columns, which is added again: the shipped model's has a column
that is nearly constant and 50 times as large as the others, and scales that have to cover it leave those others no
precision.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Any, Literal

import numpy as np

from ...errors import UserError
from ...io.text import canonical_json, format_json
from ...store import SavedModel
from ...tokenize.normalize import FORMAT_1, JAPANESE, NFC
from ...tokenize.tokenizer import CharTokenizer, WordTokenizer
from ..formats import Exported, require_masks, require_whole_tags
from ..weights import output_layer
from .site import MODEL, site

MAGIC, VERSION = b"JSLW", 1
Precision = Literal["float32", "float16", "int8"]
OUTPUT = "decoder.output_projection.weight"
STEPS = 8
"""Of int8, in one standard deviation."""
_ALIGNMENT = 16
_SYSTEM_AT = 9
_NORMALIZERS = {id(JAPANESE): "japanese", id(FORMAT_1): "format-1", id(NFC): "nfc"}


def export(model: SavedModel) -> Exported:
    """``model.int8.bin``, ``model.float16.bin``, in ``model.json`` the size and SHA-256 of both, and a page
    (:mod:`.site`) that translates with the first.

    Raises:
        UserError: the model has something that the engine does not compute.
    """
    files = {f"model.{precision}.bin": model_file(model, precision) for precision in ("int8", "float16")}
    told = {
        "format": "jsl-seq2seq-web",
        "format_version": VERSION,
        "files": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        },
    }
    listed = format_json(told, indent=2).encode() + b"\n"
    return Exported(
        {**files, "model.json": listed, **site(files[MODEL], model.config.uncertain_below)},
        ("書き出し先は、サーバーなしで訳すページでもあります。そのフォルダーで python -m http.server を動かし、"
         "http://localhost:8000/ を開いてください。",),
    )  # fmt: skip


def model_file(model: SavedModel, precision: Precision) -> bytes:
    """One file, complete. The same model gives the same bytes (with the same zlib)."""
    _require_supported(model)
    tensors: list[dict[str, Any]] = []
    data = bytearray()

    def add(array: np.ndarray) -> int:
        """Append an array at the next aligned place; its offset."""
        data.extend(bytes(-len(data) % _ALIGNMENT))
        offset = len(data)
        data.extend(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return offset

    for name, array in _tensors(model).items():
        dtype = "float16" if precision == "int8" and array.ndim == 1 else precision
        told: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": dtype}
        if dtype == "int8":
            axis = 0 if _is_rows(name) else 1
            if axis == 0:
                mean = array.mean(axis=0, dtype=np.float32)
                told["mean"] = add(mean)
                array = array - mean
            quantized, scales = quantize(array, axis)
            told |= {"axis": axis, "scales": add(scales), "offset": add(quantized)}
        else:
            told["offset"] = add(array.astype(dtype))
        tensors.append(told)
    header = canonical_json(_header(model, tensors))
    start = struct.pack("<I", len(header)) + header
    rest = _gzip(start + bytes(-len(start) % _ALIGNMENT) + data)
    return MAGIC + struct.pack("<I", VERSION) + hashlib.sha256(rest).digest() + rest


def _gzip(content: bytes) -> bytes:
    """RFC 1952, without time and system.

    Short repetitions, which among weights are chance, are written as literals: 6 % less of the shipped model in int8.
    """
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL + 1, zlib.Z_FILTERED)
    packed = packer.compress(content) + packer.flush()
    return packed[:_SYSTEM_AT] + b"\xff" + packed[_SYSTEM_AT + 1 :]


def quantize(array: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """A matrix as int8 and one float32 scale for each index of ``axis``; q · scale is at most scale / 2 away."""
    largest = np.abs(array).max(axis=1 - axis, keepdims=True)
    deviation = np.median(array.std(axis=1 - axis, dtype=np.float64))
    scales = np.maximum(deviation / STEPS, largest / 127)
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.rint(array / scales).clip(-127, 127).astype(np.int8), scales.reshape(-1)


def _tensors(model: SavedModel) -> dict[str, np.ndarray]:
    """The parameters; an output layer of its own as [V, D], as the embedding is."""
    found = dict(model.parameters)
    if not model.config.tied_embeddings:
        found[OUTPUT] = np.ascontiguousarray(output_layer(model, model.parameters)[0])
    return found


def _is_rows(name: str) -> bool:
    """Whether a matrix has one row for each token, rather than one column for each output."""
    return name.endswith("embedding.weight") or name == OUTPUT


def _header(model: SavedModel, tensors: list[dict[str, Any]]) -> dict[str, Any]:
    source, target = model.tokenizers.source, model.tokenizers.target
    return {
        "format": "jsl-seq2seq-web",
        "config": model.config.to_json(),
        "vocabulary": model.tokenizers.to_json(),
        "vocab_hash": model.tokenizers.hash,
        "source": {
            "kind": source.kind,
            "normalizer": _NORMALIZERS[id(source.spelling)],
            "name": source.name,
            "unit_name": source.unit_name,
            "unknown_hint": source.unknown_hint,
        },
        "target": {"kind": target.kind, "name": target.name},
        "tensors": tensors,
    }


def _require_supported(model: SavedModel) -> None:
    """Raises UserError for what the engine would compute otherwise than the translator; names it."""
    require_masks(model, "web", final_norm=False)
    require_whole_tags(model, "web")
    config, source = model.config, model.tokenizers.source
    unsupported: dict[str, Any] = {}
    if not isinstance(source, CharTokenizer | WordTokenizer):
        unsupported["source_units"] = source.kind
    elif id(source.spelling) not in _NORMALIZERS:
        unsupported["normalizer"] = source.normalizer
    if config.source_length:
        unsupported["source_length"] = config.source_length
    if not config.specials_masked:
        unsupported["specials_masked"] = config.specials_masked
    if unsupported:
        setting, value = next(iter(unsupported.items()))
        raise UserError(
            f"{setting} が {value} のモデルは、web 形式で書き出せません。",
            "onnx など、ほかの形式なら書き出せます。",
            code="export-unsupported",
            format="web",
            setting=setting,
            value=value,
        )
