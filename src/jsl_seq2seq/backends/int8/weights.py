"""Weights of one byte: each column of a linear layer is rounded to whole multiples of a step of its own.

    W[i, o] ≈ scale[o] · q[i, o],   q in -127 ... 127,   scale[o] = max |W[:, o]| / 127

(absmax quantization of vectors, as in Dettmers et al. 2022, "LLM.int8()", without its mixed precision). A row of inputs
is rounded in the same way at run time, so that no data are needed to quantize a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .tile import COLUMNS, MACHINE


@dataclass(frozen=True)
class PackedWeights:
    """Linear layers of one input side by side, as :mod:`.tile` reads them. Columns are filled up to whole tiles.

    Attributes:
        values: [columns · inner] signed bytes, panel after panel.
        start: [columns] initial value of the sums: minus what the shift of the inputs adds.
        scale, bias: [columns] float32.
        inputs: how many there are.
        inner: the same, filled up to a multiple of four.
        width: columns that are not filled up.
    """

    values: np.ndarray
    start: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    inputs: int
    inner: int
    width: int


def packed(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray]) -> PackedWeights:
    """n of [I, O] and n of [O], all finite -> the same in bytes."""
    together = np.concatenate(weights, axis=1)
    inputs, outputs = together.shape
    inner, columns = -(-inputs // 4) * 4, -(-outputs // COLUMNS) * COLUMNS
    step = (np.abs(together).max(axis=0) / 127).astype(np.float32)
    scale = np.where(step > 0, step, np.float32(1))
    q = np.zeros((inner, columns), np.int8)
    q[:inputs, :outputs] = np.rint(together / scale)
    panels = q.reshape(inner // 4, 4, columns // MACHINE.lanes, MACHINE.lanes).transpose(2, 0, 3, 1)
    filled = [
        np.pad(part, (0, columns - outputs)).astype(np.float32) for part in (scale, np.concatenate(biases))
    ]
    return PackedWeights(
        values=np.ascontiguousarray(panels).reshape(-1),
        start=-MACHINE.zero * q.sum(axis=0, dtype=np.int32),
        scale=filled[0],
        bias=filled[1],
        inputs=inputs,
        inner=inner,
        width=outputs,
    )
