"""The tape, on numbers that are not arrays: it knows nothing but identity and addition."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.tape import Tape


class Number:
    """An array of one element."""

    def __init__(self, value: int) -> None:
        self.value = value


def times(tape: Tape, a: Number, b: Number) -> Number:
    result = Number(a.value * b.value)
    tape.record(result, (a, b), lambda g: (g * b.value, g * a.value))
    return result


def plus(tape: Tape, a: Number, b: Number) -> Number:
    result = Number(a.value + b.value)
    tape.record(result, (a, b), lambda g: (g, g))
    return result


def test_chain_rule() -> None:
    tape, x, y = Tape(), Number(3), Number(5)
    loss = times(tape, times(tape, x, y), y)  # x y²
    assert tape.gradients(loss, [x, y], operator.add) == [25, 30]


def test_an_array_used_several_times_gets_the_sum() -> None:
    tape, x = Tape(), Number(2)
    cube = times(tape, times(tape, x, x), x)
    loss = plus(tape, cube, plus(tape, x, x))  # x³ + 2x
    assert tape.gradients(loss, [x], operator.add) == [14]


def test_every_path_of_a_diamond_counts_once() -> None:
    """The shared middle must have its whole gradient before it is taken further back."""
    tape, x = Tape(), Number(2)
    middle = times(tape, x, x)
    left, right = times(tape, middle, Number(3)), times(tape, middle, Number(5))
    calls = []
    end = plus(tape, left, right)
    tape.record(loss := Number(0), (end,), lambda g: (calls.append(g) or g,))
    assert tape.gradients(loss, [x], operator.add) == [32]
    assert calls == [1]


def test_no_path_is_none() -> None:
    tape, x, aside, stranger = Tape(), Number(1), Number(2), Number(3)
    loss = times(tape, x, x)
    times(tape, aside, x)  # recorded, but the loss does not use it
    assert tape.gradients(loss, [aside, x, stranger], operator.add) == [None, 2, None]


def test_what_the_loss_does_not_use_is_not_differentiated() -> None:
    tape, x = Tape(), Number(1)

    def never(_: float) -> tuple[float]:
        raise AssertionError("this operation has nothing to do with the loss")

    loss = times(tape, x, x)
    tape.record(Number(0), (x,), never)
    assert tape.gradients(loss, [x], operator.add) == [2]


def test_a_result_in_the_middle_can_be_asked_for() -> None:
    tape, x = Tape(), Number(3)
    middle = times(tape, x, x)
    loss = times(tape, middle, middle)
    assert tape.gradients(loss, [middle, x], operator.add) == [18, 108]


def test_equal_values_are_different_arrays() -> None:
    tape, a, b = Tape(), Number(1), Number(1)
    loss = times(tape, a, times(tape, a, b))
    assert tape.gradients(loss, [a, b], operator.add) == [2, 1]


def test_the_same_array_asked_for_twice() -> None:
    tape, x = Tape(), Number(3)
    assert tape.gradients(times(tape, x, x), [x, x], operator.add) == [6, 6]


def test_the_tape_is_empty_afterwards() -> None:
    tape, x = Tape(), Number(3)
    first = times(tape, x, x)
    tape.gradients(first, [x], operator.add)
    assert tape.gradients(first, [x], operator.add) == [None]
    assert tape.gradients(plus(tape, x, x), [x], operator.add) == [2]


def test_memory_falls_while_it_walks() -> None:
    """Each result is let go once its gradient went further back."""
    tape, alive = Tape(), []
    results: list[weakref.ref[Number]] = []
    current = following = x = Number(1)
    for _ in range(5):
        following = Number(current.value)

        def vjp(g: float) -> tuple[float]:
            alive.append(sum(ref() is not None for ref in results))
            return (g,)

        tape.record(following, (current,), vjp)
        results.append(weakref.ref(following))
        current = following
    loss = current
    del current, following
    tape.gradients(loss, [x], operator.add)
    # the loss itself is ours, and the entry at hand is still held
    assert alive == [5, 5, 4, 3, 2]


def test_gradients_are_let_go_too() -> None:
    """Only those asked for outlive the operation that they belong to."""
    tape, made, alive = Tape(), [], []
    current = x = Number(1)
    for _ in range(5):
        following = Number(1)

        def vjp(_: object) -> tuple[Number]:
            alive.append(sum(ref() is not None for ref in made))
            made.append(weakref.ref(gradient := Number(2)))
            return (gradient,)

        tape.record(following, (current,), vjp)
        current = following
    (wanted,) = tape.gradients(current, [x], operator.add)
    assert wanted is made[-1]()
    assert alive == [0, 1, 1, 1, 1]


def test_a_vjp_with_too_few_gradients_is_noticed() -> None:
    tape, x, y = Tape(), Number(1), Number(2)
    tape.record(loss := Number(0), (x, y), lambda g: (g,))
    with pytest.raises(ValueError, match="zip"):
        tape.gradients(loss, [x], operator.add)


@dataclass(frozen=True)
class Dual:
    """A number and its exact slope: forward-mode differentiation, the other way round."""

    value: int
    slope: int

    def __mul__(self, other: Dual) -> Dual:
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, self.slope + other.slope)


def evaluate(program: list[tuple[bool, int, int]], inputs: list, times: Callable, plus: Callable) -> Any:
    """Multiply or add two numbers known so far, again and again."""
    known = list(inputs)
    for multiply, i, j in program:
        known.append((times if multiply else plus)(known[i % len(known)], known[j % len(known)]))
    return known[-1]


indices = st.integers(0, 100)


@given(program=st.lists(st.tuples(st.booleans(), indices, indices), min_size=1, max_size=8))
def test_any_program_agrees_with_dual_numbers(program: list[tuple[bool, int, int]]) -> None:
    tape, values = Tape(), [2, 3, 5]
    inputs = [Number(value) for value in values]
    loss = evaluate(program, inputs, partial(times, tape), partial(plus, tape))
    found = tape.gradients(loss, inputs, operator.add)
    for i in range(3):
        duals = [Dual(value, int(i == j)) for j, value in enumerate(values)]
        assert (found[i] or 0) == evaluate(program, duals, operator.mul, operator.add).slope
