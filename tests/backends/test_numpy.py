"""What only the reference backend promises."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.backends.tape import Tape


class Spy(Tape):
    """A tape that only counts."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def record(self, output: object, inputs: object, vjp: object) -> None:
        self.operations += 1


def test_every_differentiable_operation_is_recorded_once() -> None:
    spy = Spy()
    ops = NumpyOps(spy)
    x, ids = ops.array(np.ones((2, 2))), np.array([[1, 0]])
    row = ops.array(np.ones(2))
    for run in (
        lambda: ops.reshape(x, (4,)),
        lambda: ops.transpose(x, (1, 0)),
        lambda: ops.add(x, row),
        lambda: ops.scale(x, 2),
        lambda: ops.matmul(x, x),
        lambda: ops.linear(x, x, row),
        lambda: ops.relu(x),
        lambda: ops.softmax(x),
        lambda: ops.layer_norm(x, row, row),
        lambda: ops.embedding(x, ids),
        lambda: ops.dropout(x, 0.5, np.array([1], np.uint32), 1),
        lambda: ops.cross_entropy(x, np.array([1, 0]), 0),
    ):
        before = spy.operations
        run()
        assert spy.operations == before + 1


def test_without_a_tape_nothing_is_kept() -> None:
    ops = NumpyOps()
    x = ops.array(np.ones((2, 2)))
    output = ops.softmax(ops.linear(x, x, ops.array(np.ones(2))))
    alive = weakref.ref(output)
    del output
    assert alive() is None


def test_gradients_need_a_tape() -> None:
    with pytest.raises(AssertionError, match="tape"):
        NumpyOps().gradients(np.zeros(()), {})


def test_array_never_shares_memory_with_what_it_was_given() -> None:
    """Adam writes in place: parameters handed in must survive."""
    values = np.ones(3, np.float32)
    assert not np.shares_memory(NumpyOps().array(values), values)


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_elementwise_operations_take_empty_arrays(shape: tuple[int, ...]) -> None:
    ops = NumpyOps()
    empty = ops.zeros(shape)
    for result in (ops.add(empty, empty), ops.scale(empty, 2), ops.relu(empty), ops.reshape(empty, (0,))):
        assert result.size == 0
        assert result.dtype == np.float32
