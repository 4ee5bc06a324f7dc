"""The innermost loop in float32: a few rows of inputs times a few panels of weights, kept in registers throughout.

Laid out as :mod:`.tile`'s bytes are: a panel is the weights of as many output columns as a vector has lanes,
``[input][column]``, so that one load brings a vector of weights, and one broadcast an input of a row. Every sum is
added up from the first input to the last, whatever rows are computed beside it: a row's result depends on no other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from ..numpy import aligned_empty
from .emit import FLOAT, data, everywhere, intrinsic, load, loop, number, store, vector
from .tile import COLUMNS, MACHINE, ROWS
from .vectors import multiply_add


def panels(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[I, O] and [O] -> panels [columns / lanes, I, lanes] and bias [columns]; columns are filled up to whole tiles."""
    inputs, outputs = weight.shape
    columns = -(-outputs // COLUMNS) * COLUMNS
    filled = np.zeros((inputs, columns), np.float32)
    filled[:, :outputs] = weight
    cut = filled.reshape(inputs, columns // MACHINE.lanes, MACHINE.lanes).transpose(1, 0, 2)
    found = aligned_empty(cut.size).reshape(cut.shape)
    np.copyto(found, cut)
    return found, np.pad(bias, (0, columns - outputs)).astype(np.float32)


def _float_tile(rows: int) -> Any:
    @intrinsic
    def tile(
        typing: Any, inputs: Any, row: Any, stride: Any, inner: Any, weights: Any, bias: Any, column: Any, out: Any
    ) -> Any:  # fmt: skip
        """out[row + r, column + c] = Σ inputs[row + r] · weights[c] + bias[c]

        Args:
            inputs: [R, stride] of float32, of which ``inner`` count.
            weights: [columns · inner] of float32 in panels.
            bias: [columns] of float32.
            out: [R, columns] of float32.
        """

        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, row, stride, inner, _, _, column, out = arguments
            width = builder.extract_value(
                context.make_array(signature.args[7])(context, builder, out).shape, 1
            )
            arrays = (data(context, builder, signature, arguments, each) for each in (0, 4, 5, 7))
            _write(builder, rows, row, stride, inner, column, width, *arrays)
            return context.get_dummy_value()

        place = types.intp
        return types.void(inputs, place, place, place, weights, bias, place, out), write

    return tile


def _write(
    b: Any, rows: int, row: Any, stride: Any, inner: Any, column: Any, width: Any,
    inputs: Any, weights: Any, bias: Any, out: Any,
) -> None:  # fmt: skip
    lanes = MACHINE.lanes
    floats = vector(FLOAT, lanes)
    columns = [b.add(column, number(column, lanes * panel)) for panel in range(MACHINE.panels)]
    each_row = [b.add(row, number(row, r)) for r in range(rows)]

    def add(k: Any, *sums: Any) -> list[Any]:
        """One input of every row more."""
        offset = b.mul(k, number(k, lanes))
        values = [load(b, weights, b.add(b.mul(each, inner), offset), floats) for each in columns]
        added = []
        for r, each in enumerate(each_row):
            one = everywhere(b, b.load(b.gep(inputs, [b.add(b.mul(each, stride), k)])), lanes)
            added += [
                multiply_add(b, one, value, sums[r * len(values) + panel])
                for panel, value in enumerate(values)
            ]
        return added

    zeros = [ir.Constant(floats, [0.0] * lanes)] * (len(columns) * rows)
    sums = iter(loop(b, inner, 1, zeros, add))
    offsets = [load(b, bias, each, floats) for each in columns]
    for each in each_row:
        for at, offset in zip(columns, offsets, strict=True):
            store(b, b.fadd(next(sums), offset), out, b.add(b.mul(each, width), at))


float_tile_of_one, float_tile_of_rows = _float_tile(1), _float_tile(ROWS)
