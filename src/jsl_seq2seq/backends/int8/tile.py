"""The innermost loop: a few rows of bytes times a few panels of weights, kept in registers throughout.

CPUs of the last years multiply four pairs of bytes and add the products to a 32-bit sum, in every lane of a vector
at once: ``vpdpbusd`` on x86 (unsigned times signed), ``sdot`` on Arm (signed times signed). Numba has no word for
that, so :func:`_tile` writes LLVM's instructions itself. Where a CPU lacks them, a few instructions of AVX2 do, or
additions and multiplications that every CPU has.

A panel is the weights of as many output columns as a vector has lanes, four inputs of each side by side:
``[input / 4][column][input % 4]``. So one load brings a vector of weights, and one broadcast four inputs of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target

from .emit import BYTE, FLOAT, INT, call, data, everywhere, intrinsic, load, loop, number, store, vector

Dot = Callable[[Any, Any, Any, Any], Any]
"""(builder, sums [L] of 32 bits, inputs [L, 4], weights [L, 4] of 8 bits) -> sums + Σ₄ inputs · weights."""


@dataclass(frozen=True)
class Machine:
    """How this CPU multiplies bytes.

    Attributes:
        name: of the instructions, for people.
        lanes: 32-bit sums in a vector.
        panels: vectors of columns that a tile has; with :data:`ROWS` rows its sums stay in registers.
        zero: what inputs are shifted by, so that they are in the range that the instruction takes.
    """

    name: str
    lanes: int
    panels: int
    zero: int
    dot: Dot


def _x86(builder: Any, sums: Any, inputs: Any, weights: Any) -> Any:
    words = sums.type
    name = f"llvm.x86.avx512.vpdpbusd.{32 * words.count}"
    return call(builder, name, words, sums, builder.bitcast(inputs, words), builder.bitcast(weights, words))


def _arm(builder: Any, sums: Any, inputs: Any, weights: Any) -> Any:
    return call(builder, "llvm.aarch64.neon.sdot.v4i32.v16i8", sums.type, sums, inputs, weights)


def _anywhere(builder: Any, sums: Any, inputs: Any, weights: Any) -> Any:
    """Two products of signed bytes still fit into 16 bits: 2 · 127² < 2¹⁵."""

    def pair_sums(x: Any) -> Any:
        nothing = ir.Constant(x.type, ir.Undefined)
        half = vector(INT, x.type.count // 2)
        even, odd = (
            builder.shuffle_vector(x, nothing, ir.Constant(half, list(range(start, x.type.count, 2))))
            for start in (0, 1)
        )
        return builder.add(even, odd)

    shorts = vector(ir.IntType(16), inputs.type.count)
    twos = pair_sums(builder.mul(builder.sext(inputs, shorts), builder.sext(weights, shorts)))
    return builder.add(sums, pair_sums(builder.sext(twos, vector(INT, twos.type.count))))


def _avx2(builder: Any, sums: Any, inputs: Any, weights: Any) -> Any:
    """|x| · (w with the sign of x): AVX2 multiplies unsigned by signed, adding pairs in 16 bits."""
    bytes_, shorts = inputs.type, vector(ir.IntType(16), inputs.type.count // 2)
    absolute = call(builder, f"llvm.abs.v{bytes_.count}i8", bytes_, inputs, ir.Constant(ir.IntType(1), 0))
    signed = call(builder, "llvm.x86.avx2.psign.b", bytes_, weights, inputs)
    twos = call(builder, "llvm.x86.avx2.pmadd.ub.sw", shorts, absolute, signed)
    ones = ir.Constant(shorts, [1] * shorts.count)
    return builder.add(sums, call(builder, "llvm.x86.avx2.pmadd.wd", sums.type, twos, ones))


_DOT_PRODUCT = """
declare i32 @llvm.vector.reduce.add.v16i32(<16 x i32>)
define i32 @dot(<16 x i8> %a, <16 x i8> %b) {
  %c = sext <16 x i8> %a to <16 x i32>
  %d = sext <16 x i8> %b to <16 x i32>
  %e = mul <16 x i32> %c, %d
  %f = call i32 @llvm.vector.reduce.add.v16i32(<16 x i32> %e)
  ret i32 %f
}
"""


def _has_sdot(triple: str, cpu: str, features: str) -> bool:
    """Whether LLVM compiles a dot product to ``sdot`` there: by the CPU's name; it lists no such feature."""
    target = llvmlite.binding.Target.from_triple(triple)
    machine = target.create_target_machine(cpu=cpu, features=features)
    return "sdot" in machine.emit_assembly(llvmlite.binding.parse_assembly(_DOT_PRODUCT))


def _this_machine() -> Machine:
    # what Numba compiles for: less than the CPU has, where a setting or a known bug excludes it
    context: Any = cpu_target.target_context
    triple, cpu, features = context.codegen().magic_tuple()
    has = {word[1:]: word[0] == "+" for word in features.split(",") if word}
    if has.get("avx512vnni"):
        return Machine("AVX-512 VNNI", lanes=16, panels=4, zero=128, dot=_x86)
    if has.get("avxvnni"):
        return Machine("AVX-VNNI", lanes=8, panels=2, zero=128, dot=_x86)
    if has.get("avx2"):
        return Machine("AVX2", lanes=8, panels=2, zero=0, dot=_avx2)
    if triple.startswith(("aarch64", "arm64")) and _has_sdot(triple, cpu, features):
        return Machine("Arm dotprod", lanes=4, panels=4, zero=0, dot=_arm)
    return Machine("8 ビットの積和命令なし", lanes=8, panels=2, zero=0, dot=_anywhere)


MACHINE = _this_machine()
ROWS = 4
"""Rows of a tile."""
COLUMNS = MACHINE.lanes * MACHINE.panels
"""Columns of a tile."""


def _tile(rows: int) -> Any:
    @intrinsic
    def tile(
        typing: Any, inputs: Any, row: Any, inner: Any, weights: Any, start: Any, scale: Any, bias: Any,
        column: Any, row_scales: Any, out: Any,
    ) -> Any:  # fmt: skip
        """out[row + r, column + c] = (start[c] + Σ inputs[row + r] · weights[c]) · row_scales[r] · scale[c] + bias[c]

        Args:
            inputs: [R, inner] bytes.
            inner: a multiple of four.
            weights: [columns, inner] bytes in panels.
            start: [columns] integers of 32 bits.
            scale, bias, row_scales: [columns], [columns], [R] of float32.
            out: [R, columns] of float32.
        """

        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, row, inner, _, _, _, _, column, _, out = arguments
            width = builder.extract_value(
                context.make_array(signature.args[9])(context, builder, out).shape, 1
            )
            arrays = (data(context, builder, signature, arguments, each) for each in (0, 3, 4, 5, 6, 8, 9))
            _write(builder, rows, row, inner, column, width, *arrays)
            return context.get_dummy_value()

        place = types.intp
        return types.void(inputs, place, place, weights, start, scale, bias, place, row_scales, out), write

    return tile


def _write(
    b: Any, rows: int, row: Any, inner: Any, column: Any, width: Any,
    inputs: Any, weights: Any, start: Any, scale: Any, bias: Any, row_scales: Any, out: Any,
) -> None:  # fmt: skip
    lanes = MACHINE.lanes
    ints, floats, fours = vector(INT, lanes), vector(FLOAT, lanes), vector(BYTE, 4 * lanes)
    columns = [b.add(column, number(column, lanes * panel)) for panel in range(MACHINE.panels)]
    each_row = [b.add(row, number(row, r)) for r in range(rows)]

    def add(k: Any, *sums: Any) -> list[Any]:
        """Four inputs of every row more."""
        places = (b.add(b.mul(each, inner), b.mul(k, number(k, lanes))) for each in columns)
        panels = [load(b, weights, place, fours) for place in places]
        added = []
        for r, each in enumerate(each_row):
            word = b.bitcast(b.gep(inputs, [b.add(b.mul(each, inner), k)]), INT.as_pointer())
            four = b.bitcast(everywhere(b, b.load(word, align=1), lanes), fours)
            for panel, values in enumerate(panels):
                added.append(MACHINE.dot(b, sums[r * len(panels) + panel], four, values))
        return added

    starts = [load(b, start, each, ints) for each in columns]
    sums = iter(loop(b, inner, 4, starts * rows, add))
    steps = [load(b, scale, each, floats) for each in columns]
    biases = [load(b, bias, each, floats) for each in columns]
    for each in each_row:
        row_step = everywhere(b, b.load(b.gep(row_scales, [each])), lanes)
        for at, step, offset in zip(columns, steps, biases, strict=True):
            y = b.fmul(b.sitofp(next(sums), floats), b.fmul(row_step, step))
            store(b, b.fadd(y, offset), out, b.add(b.mul(each, width), at))


tile_of_one, tile_of_rows = _tile(1), _tile(ROWS)
