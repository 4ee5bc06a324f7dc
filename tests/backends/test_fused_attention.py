"""fused_attention, where a backend has it, at its limits; that it is attention, model/test_attention.py shows."""

from __future__ import annotations

import numpy as np
import pytest

from jsl_seq2seq.backends.interface import Array, Mask
from jsl_seq2seq.model import Capture, Transformer

from ..backend_cases import Backend, Ops, normal
from ..model.reference import random_batch, random_parameters
from ..model.test_training_step import CONFIG


def fused(ops: Ops, query: Array, key: Array, value: Array, mask: Mask | None) -> Array:
    heads = ops.fused_attention(query, key, value, mask)
    if heads is None:
        pytest.skip(f"{ops.name} has no fused attention")
    return heads


def test_a_row_that_sees_nothing_gives_zeros(backend: Backend) -> None:
    ops = backend.ops()
    array = ops.array(normal(1, 2, 1, 3, 4))
    found = ops.to_host(
        fused(ops, array, array, array, ops.padding_mask(ops.array([[0, 0, 0], [1, 1, 0]]), 0))
    )
    np.testing.assert_array_equal(found[0], 0)
    assert np.all(found[1] != 0)


def test_looking_takes_the_explicit_path(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    ops = backend.ops()
    values = random_parameters(CONFIG, 1)
    model = Transformer(ops, {name: ops.array(value) for name, value in values.items()}, CONFIG)
    batch = random_batch(CONFIG, [4, 2], [3, 3], 1)
    source, target = ops.array(batch.source), ops.array(batch.target_in)
    unseen = ops.to_host(model(source, target))

    def refuse(*_: Array) -> Array:
        raise AssertionError("fused, though somebody looks")

    monkeypatch.setattr(ops, "fused_attention", refuse)
    capture = Capture()
    np.testing.assert_allclose(ops.to_host(model(source, target, observe=capture)), unseen, atol=2e-5)
    assert len(capture.weights) == 3 * CONFIG.n_layers
