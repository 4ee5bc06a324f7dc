"""Two loops of attention over vectors of eight numbers.

Compiled from plain loops these would multiply one number at a time: stores might alias later loads, and a head might
not be a multiple of a vector wide.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.np.arrayobj import populate_array

from .emit import FLOAT, call, data, everywhere, intrinsic, load, loop, number, store, vector

LANES = 8
"""Two registers on Arm, one on most of x86, half of one with AVX-512, which is as fast."""
WIDE = 4
"""Vectors that are mixed at once, where a head is that wide."""

_VECTOR = vector(FLOAT, LANES)
_ZEROS = ir.Constant(_VECTOR, [0.0] * LANES)


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c, in one instruction where there is one."""
    return builder.fadd(builder.fmul(a, b, flags=["contract"]), c, flags=["contract"])


@intrinsic
def product(typing: Any, a: Any, i: Any, b: Any, j: Any, width: Any) -> Any:
    """Σ a[i + e] · b[j + e] for e below ``width``, a multiple of :data:`LANES` above 0."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, i, _, j, width = arguments
        left, right = (data(context, builder, signature, arguments, each) for each in (0, 2))

        def add(e: Any, total: Any) -> list[Any]:
            x, y = (
                load(builder, *at, _VECTOR) for at in ((left, builder.add(i, e)), (right, builder.add(j, e)))
            )
            return [multiply_add(builder, x, y, total)]

        (total,) = loop(builder, width, LANES, [_ZEROS], add)
        reduce, zero = f"llvm.vector.reduce.fadd.v{LANES}f32", ir.Constant(FLOAT, 0.0)
        return call(builder, reduce, FLOAT, zero, total, fastmath=["reassoc"])

    place = types.intp
    return types.float32(a, place, b, place, place), write


def _mixing(vectors: int) -> Any:
    @intrinsic
    def mixture(
        typing: Any, weights: Any, values: Any, places: Any, count: Any, start: Any, out: Any, at: Any
    ) -> Any:
        """out[at + e] = Σ weights[n] · values[places[n] + start + e] for n below ``count``, which is above 0."""

        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, _, _, count, start, _, at = arguments
            weights, values, places, out = (
                data(context, builder, signature, arguments, each) for each in (0, 1, 2, 5)
            )
            offsets = [number(start, LANES * each) for each in range(vectors)]

            def add(n: Any, *totals: Any) -> list[Any]:
                weight = everywhere(builder, builder.load(builder.gep(weights, [n])), LANES)
                row = builder.add(builder.load(builder.gep(places, [n])), start)
                return [
                    multiply_add(
                        builder, weight, load(builder, values, builder.add(row, offset), _VECTOR), total
                    )
                    for offset, total in zip(offsets, totals, strict=True)
                ]

            totals = loop(builder, count, 1, [_ZEROS] * vectors, add)
            for offset, total in zip(offsets, totals, strict=True):
                store(builder, total, out, builder.add(at, offset))
            return context.get_dummy_value()

        place = types.intp
        return types.void(weights, values, places, place, place, out, place), write

    return mixture


mixture_of_one, mixture_of_wide = _mixing(1), _mixing(WIDE)


@intrinsic
def flat(typing: Any, x: Any) -> Any:
    """The memory from an array's first element on, as an array of its own."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, arguments[0])
        view = context.make_array(signature.return_type)(context, builder)
        one = context.get_constant(types.intp, 1)
        populate_array(view, source.data, [one], [source.itemsize], source.itemsize, None)
        return view._getvalue()

    return types.Array(x.dtype, 1, "C")(x), write
