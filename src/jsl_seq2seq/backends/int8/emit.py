"""LLVM's instructions for what Numba's Python has no words for: vectors of numbers, and loops that keep them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import cgutils

intrinsic: Any = extending.intrinsic
"""Decorates functions that write instructions; a call leaves their first argument out."""

BYTE, INT, FLOAT = ir.IntType(8), ir.IntType(32), ir.FloatType()


def vector(kind: Any, lanes: int) -> Any:
    """The type of ``lanes`` numbers side by side."""
    return ir.VectorType(kind, lanes)


def data(context: Any, builder: Any, signature: Any, arguments: Sequence[Any], nth: int) -> Any:
    """Where the elements of an intrinsic's argument, an array, begin."""
    return context.make_array(signature.args[nth])(context, builder, arguments[nth]).data


def number(like: Any, value: int) -> Any:
    """An integer of the type that ``like`` has."""
    return ir.Constant(like.type, value)


def load(builder: Any, elements: Any, place: Any, kind: Any) -> Any:
    """A vector of type ``kind`` from the element at ``place`` on."""
    address = builder.bitcast(builder.gep(elements, [place]), kind.as_pointer())
    return builder.load(address, align=1)


def store(builder: Any, value: Any, elements: Any, place: Any) -> None:
    """A vector to the elements from ``place`` on."""
    address = builder.bitcast(builder.gep(elements, [place]), value.type.as_pointer())
    builder.store(value, address, align=1)


def everywhere(builder: Any, value: Any, lanes: int) -> Any:
    """``value`` in every lane."""
    nothing = ir.Constant(vector(value.type, lanes), ir.Undefined)
    first = ir.Constant(vector(INT, lanes), [0] * lanes)
    return builder.shuffle_vector(builder.insert_element(nothing, value, INT(0)), nothing, first)


def call(builder: Any, name: str, result: Any, *arguments: Any, **options: Any) -> Any:
    """One of LLVM's own functions."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments, **options)


def loop(
    builder: Any, count: Any, step: int, starts: Sequence[Any], body: Callable[..., Sequence[Any]]
) -> Sequence[Any]:
    """``state = body(i, *state)`` for i = 0, ``step``, ... below ``count``, which is above 0. The state stays in
    registers.
    """
    before, block = builder.block, builder.append_basic_block("loop")
    after = builder.append_basic_block("after")
    builder.branch(block)
    builder.position_at_end(block)
    i = builder.phi(count.type)
    state = [builder.phi(start.type) for start in starts]
    following = body(i, *state)
    further = builder.add(i, number(count, step))
    i.add_incoming(number(count, 0), before)
    i.add_incoming(further, block)
    for variable, start, value in zip(state, starts, following, strict=True):
        variable.add_incoming(start, before)
        variable.add_incoming(value, block)
    builder.cbranch(builder.icmp_signed("<", further, count), block, after)
    builder.position_at_end(after)
    return following
