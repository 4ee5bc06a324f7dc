"""Numbers on their way to the device and back."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from jsl_seq2seq.backends.backend import Backend as Opened
from jsl_seq2seq.backends.interface import DecodingOps, GraphDecodingOps, InferenceOps, TrainingOps
from jsl_seq2seq.backends.numpy import NumpyDecodingOps, NumpyOps
from jsl_seq2seq.errors import UserError

from ..backend_cases import NAMES, Backend, make_ops, normal, require
from ..refusals import refused
from .oracle import seeds, shapes


def test_capabilities_are_types() -> None:
    """NumPy's backend trains and decodes; nothing says no but a missing type."""
    assert issubclass(NumpyOps, TrainingOps) and issubclass(NumpyOps, DecodingOps)
    assert not issubclass(NumpyOps, GraphDecodingOps)
    assert not issubclass(NumpyDecodingOps, TrainingOps)


def test_a_backend_without_training_refuses_to_train() -> None:
    backend = Opened("ndarray", lambda _: NumpyDecodingOps(), "")
    with refused(UserError, "学習"):
        backend.training_ops(None)
    assert isinstance(Opened("ndarray", NumpyOps, "").training_ops(None), TrainingOps)


def test_every_operation_is_in_this_suite() -> None:
    tests = [path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].glob("*/test_*.py")]
    called = set(re.findall(r"\bops\.(\w+)\(", "\n".join(tests)))
    offered = {
        name
        for capability in (InferenceOps, DecodingOps, GraphDecodingOps, TrainingOps)
        for name, value in vars(capability).items()
        if callable(value) and not name.startswith("_")
    }
    assert offered - called == set()


@pytest.mark.parametrize("name", NAMES)
def test_backend_is_here(name: str) -> None:
    """The one skip, or failure, that stands for all tests of a missing backend."""
    require(name)
    ops = make_ops(name)
    assert ops.to_host(ops.add(ops.array([1.0]), ops.array([2.0]))).tolist() == [3.0]


@given(shape=shapes, seed=seeds)
def test_floats_come_back_in_the_backends_type(backend: Backend, shape: tuple[int, ...], seed: int) -> None:
    values, ops = normal(seed, *shape), backend.ops()
    array = ops.array(values)
    assert tuple(array.shape) == shape
    back = ops.to_host(array)
    assert back.dtype == backend.dtype
    np.testing.assert_array_equal(back, values.astype(backend.dtype))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1, 2, 3]], "iu"),
        (np.array([[7]], np.int32), "iu"),
        (np.array([2**32 - 1], np.uint32), "iu"),
        ([[0.5, -1.5]], "f"),
        (2.5, "f"),
    ],
)
def test_lists_and_integers(backend: Backend, values: object, kind: str) -> None:
    ops = backend.ops()
    back = ops.to_host(ops.array(values))
    assert back.dtype.kind in kind
    assert back.tolist() == np.asarray(values).tolist()


def test_several_arrays_at_once(backend: Backend) -> None:
    ops = backend.ops()
    arrays = [ops.array(np.full((2, 1), number, np.int32)) for number in range(3)]
    assert [array.tolist() for array in ops.all_to_host(arrays)] == [[[n], [n]] for n in range(3)]
    assert ops.all_to_host([]) == []


def test_a_list_loses_no_digits(backend: Backend) -> None:
    """A float64 backend has 0.1, and not the float32 nearest to it."""
    ops = backend.ops()
    assert ops.to_host(ops.array([0.1, 1 / 3])).tolist() == np.array([0.1, 1 / 3], backend.dtype).tolist()


def test_a_transposed_numpy_array_keeps_its_meaning(backend: Backend) -> None:
    values, ops = np.arange(6.0).reshape(2, 3).T, backend.ops()
    assert ops.to_host(ops.array(values)).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_the_array_is_a_copy(backend: Backend) -> None:
    """Training writes into arrays in place; the numbers they came from stay."""
    values, ops = np.ones(3, backend.dtype), backend.ops()
    flat, zero, one = ops.array(values), ops.zeros((3,)), ops.array([1.0, 1.0, 1.0])
    ops.adam_update(flat, one, zero, ops.zeros((3,)), ops.array([0.5, 1e-8]), (0.9, 0.98))
    assert ops.to_host(flat)[0] != 1
    assert values.tolist() == [1, 1, 1]


def test_zeros(backend: Backend) -> None:
    zeros = backend.ops().to_host(backend.ops().zeros((2, 1, 3)))
    assert zeros.dtype == backend.dtype
    np.testing.assert_array_equal(zeros, np.zeros((2, 1, 3)))


def test_name_and_device_are_for_people(backend: Backend) -> None:
    ops = backend.ops()
    assert ops.name == backend.name
    assert ops.device.strip()


def test_the_beginning_of_a_table(backend: Backend) -> None:
    ops = make_ops(backend.name)
    table = ops.array(np.arange(8, dtype=np.float32))
    for shape in ((2, 3), (4, 2)):
        wanted = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
        np.testing.assert_array_equal(ops.to_host(ops.beginning(table, shape)), wanted)


def test_a_release_takes_nothing_from_arrays(backend: Backend) -> None:
    ops = make_ops(backend.name)
    before = ops.array(np.array([1, 2], np.float32))
    ops.release()
    assert ops.to_host(ops.add(before, before)).tolist() == [2, 4]


def test_exclusive_computations_nest(backend: Backend) -> None:
    ops = make_ops(backend.name)
    with ops.exclusive(), ops.exclusive():
        assert ops.to_host(ops.array(np.array([1, 2], np.float32))).tolist() == [1, 2]
