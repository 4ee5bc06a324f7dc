"""Named float32 arrays in safetensors files. Never pickle: a model file must not be able to run code."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ..errors import Failure

Shapes = Mapping[str, tuple[int, ...]]
_MIXED = "別のモデルのファイルが混ざっていないか確かめて、元のコピーに戻してください。"


def flatten(named: Mapping[str, np.ndarray], shapes: Shapes) -> np.ndarray:
    """The arrays named in ``shapes`` behind one another, [N], in that order."""
    return np.concatenate([named[name].reshape(-1) for name in shapes])


def unflatten(flat: np.ndarray, shapes: Shapes) -> dict[str, np.ndarray]:
    """What :func:`flatten` put together, as views of ``flat`` [N]."""
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    pieces = np.split(flat, ends[:-1])
    return {name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}


def pack(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a safetensors file, in which every array reads back as it was.

    Raises:
        Failure: an array holds NaN or infinity, so that it could not be loaded, or does not come back the same.
    """
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise Failure(
                f"重み {name} に数でない値（NaN や無限大）があるので保存できません。",
                "学習が発散しています。learning_rate を小さくして、学習し直してください。",
                code="weights-diverged",
                name=name,
                setting="learning_rate",
            )
    # safetensors 0.8 writes the memory of an array as it lies, so a transposed view would be scrambled
    contiguous = {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()}
    content = safetensors.numpy.save(contiguous)
    for name, array in safetensors.numpy.load(content).items():
        if not np.array_equal(array, contiguous[name], equal_nan=True):
            raise Failure(
                f"重み {name} を正しく書き出せませんでした。",
                "safetensors を更新して、もう一度保存してください。",
                code="weights-not-written",
                name=name,
            )
    return content


def largest(shapes: Shapes) -> int:
    """More bytes than a file of these arrays can have."""
    return sum(4 * math.prod(shape) + 1_000 for shape in shapes.values()) + 10_000


def unpack(
    content: bytes, shapes: Shapes, path: Path, optional: Sequence[Shapes] = ()
) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, exactly those named in ``shapes``, in that order.

    Args:
        path: stands in messages.
        optional: sets of further arrays, of each of which all may be there or none.

    Raises:
        Failure: not safetensors, a name too many or too few, another shape or type, NaN or infinity.
    """
    try:
        tensors = safetensors.numpy.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise Failure(
            f"重みのファイルを読めません: {path}（safetensors ではありません: {error}）",
            "元のコピーに戻してください。",
            code="weights-unreadable",
            path=path,
            reason=str(error),
        ) from None
    for more in optional:
        if not tensors.keys().isdisjoint(more):
            shapes = {**shapes, **more}
    missing, extra = [n for n in shapes if n not in tensors], [n for n in tensors if n not in shapes]
    if missing or extra:
        listed = [f"足りない: {', '.join(missing[:3])}"] * bool(missing) + [
            f"余分: {', '.join(extra[:3])}"
        ] * bool(extra)
        raise Failure(
            f"重みの名前が設定と合いません: {path}（{'、'.join(listed)}）",
            _MIXED,
            code="weights-names",
            path=path,
            missing=missing,
            extra=extra,
        )
    for name, shape in shapes.items():
        array = tensors[name]
        if array.dtype != np.float32:
            raise Failure(
                f"重み {name} の型が float32 ではなく {array.dtype} です: {path}",
                _MIXED,
                code="weights-dtype",
                path=path,
                name=name,
                found=str(array.dtype),
            )
        if array.shape != shape:
            raise Failure(
                f"重み {name} の形が {shape} ではなく {array.shape} です: {path}",
                _MIXED,
                code="weights-shape",
                path=path,
                name=name,
                found=array.shape,
                expected=shape,
            )
        if not np.isfinite(array).all():
            raise Failure(
                f"重み {name} に数でない値（NaN や無限大）があります: {path}",
                "元のコピーに戻すか、学習し直してください。",
                code="weights-not-finite",
                path=path,
                name=name,
            )
    return {name: tensors[name] for name in shapes}
