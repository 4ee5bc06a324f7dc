"""The loops of attention over vectors of eight numbers.

Compiled from plain loops these would multiply one number at a time: stores might alias later loads, and a head might
not be a multiple of a vector wide.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.np.arrayobj import populate_array

from .emit import BYTE, FLOAT, INT, call, data, everywhere, intrinsic, load, loop, number, store, vector

LANES = 8
"""Two registers on Arm, one on most of x86, half of one with AVX-512, which is as fast."""
BYTES = 16
"""Numbers that are rounded to bytes at once."""
WIDE, WIDER = 2, 4
"""Vectors that are mixed at once, where a head is that wide."""

_VECTOR, _INTEGERS = vector(FLOAT, LANES), vector(INT, LANES)


def _all(value: float) -> Any:
    return ir.Constant(_VECTOR, [value] * LANES)


_ZEROS = _all(0.0)


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
        typing: Any, weights: Any, first: Any, step: Any, values: Any, places: Any, count: Any, start: Any, out: Any,
        at: Any,
    ) -> Any:  # fmt: skip
        """out[at + e] = Σ weights[first + n · step] · values[places[n] + start + e] for n below ``count``, above 0."""

        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, first, step, _, _, count, start, _, at = arguments
            weights, values, places, out = (
                data(context, builder, signature, arguments, each) for each in (0, 3, 4, 7)
            )
            offsets = [number(start, LANES * each) for each in range(vectors)]

            def add(n: Any, *totals: Any) -> list[Any]:
                place = builder.add(first, builder.mul(n, step))
                weight = everywhere(builder, builder.load(builder.gep(weights, [place])), LANES)
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
        return types.void(weights, place, place, values, places, place, place, out, place), write

    return mixture


mixture_of_one, mixture_of_wide, mixture_of_wider = _mixing(1), _mixing(WIDE), _mixing(WIDER)


def _maximum(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _exp(builder: Any, x: Any) -> Any:
    """exp of numbers that are not above 0, as :func:`.kernels.exp_in_place` computes it."""
    a = _maximum(builder, x, _all(-87.0))
    k = call(builder, f"llvm.rint.v{LANES}f32", _VECTOR, builder.fmul(a, _all(1.4426950408889634)))
    r = multiply_add(builder, k, _all(-0.693359375), a)
    r = multiply_add(builder, k, _all(2.12194440e-4), r)
    p = _all(1 / 720)
    for coefficient in (1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0):
        p = multiply_add(builder, p, r, _all(coefficient))
    exponent = builder.add(builder.fptosi(k, _INTEGERS), ir.Constant(_INTEGERS, [127] * LANES))
    power = builder.bitcast(builder.shl(exponent, ir.Constant(_INTEGERS, [23] * LANES)), _VECTOR)
    return builder.fmul(p, power)


@intrinsic
def softmax_of_lanes(typing: Any, x: Any, at: Any, count: Any, step: Any) -> Any:
    """Softmax in place over n below ``count``, at least 1, of x[at + n · step + lane], for each of the lanes."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, at, count, step = arguments
        elements = data(context, builder, signature, arguments, 0)

        def place(n: Any) -> Any:
            return builder.add(at, builder.mul(n, step))

        def larger(n: Any, largest: Any) -> list[Any]:
            return [_maximum(builder, load(builder, elements, place(n), _VECTOR), largest)]

        def raise_and_add(n: Any, total: Any) -> list[Any]:
            power = _exp(builder, builder.fsub(load(builder, elements, place(n), _VECTOR), largest))
            store(builder, power, elements, place(n))
            return [builder.fadd(total, power)]

        def divide(n: Any) -> list[Any]:
            share = builder.fdiv(load(builder, elements, place(n), _VECTOR), total)
            store(builder, share, elements, place(n))
            return []

        (largest,) = loop(builder, count, 1, [load(builder, elements, at, _VECTOR)], larger)
        (total,) = loop(builder, count, 1, [_ZEROS], raise_and_add)
        loop(builder, count, 1, [], divide)
        return context.get_dummy_value()

    each = types.intp
    return types.void(x, each, each, each), write


@intrinsic
def rounded_bytes(
    typing: Any, x: Any, at: Any, factor: Any, shift: Any, count: Any, out: Any, place: Any
) -> Any:
    """out[place + i] = round(x[at + i] · factor) + shift for i below ``count``, a multiple of :data:`BYTES` above 0."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, at, factor, shift, count, _, place = arguments
        numbers, found = (data(context, builder, signature, arguments, each) for each in (0, 5))
        floats, integers = vector(FLOAT, BYTES), vector(INT, BYTES)
        factors, shifts = (everywhere(builder, each, BYTES) for each in (factor, shift))

        def convert(i: Any) -> list[Any]:
            scaled = builder.fmul(load(builder, numbers, builder.add(at, i), floats), factors)
            whole = builder.fptosi(call(builder, f"llvm.rint.v{BYTES}f32", floats, scaled), integers)
            shifted = builder.trunc(builder.add(whole, shifts), vector(BYTE, BYTES))
            store(builder, shifted, found, builder.add(place, i))
            return []

        loop(builder, count, BYTES, [], convert)
        return context.get_dummy_value()

    each = types.intp
    return types.void(x, each, types.float32, types.int32, each, out, each), write


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
