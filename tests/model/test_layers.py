"""The small parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.model.layers import Dropout, Embedding, identity, sinusoid

from ..backend_cases import Backend, normal


def test_sinusoid_at_known_places() -> None:
    assert sinusoid(0, 6) == [0, 1, 0, 1, 0, 1]
    assert sinusoid(1, 4) == pytest.approx([0.8414709848, 0.5403023059, 0.0099998333, 0.9999500004])
    assert sinusoid(100, 4) == pytest.approx([-0.5063656411, 0.8623188723, 0.8414709848, 0.5403023059])


def test_every_position_is_different() -> None:
    rows = np.array([sinusoid(position, 16) for position in range(200)])
    distances = np.linalg.norm(rows[:, None] - rows, axis=-1) + np.eye(200)
    assert distances.min() > 0.3


@pytest.mark.parametrize("start", [0, 1, 5])
def test_embedding_is_a_scaled_row_plus_its_position(backend: Backend, start: int) -> None:
    ops, weight = backend.ops(), backend.rounded(normal(1, 7, 4))
    embedding = Embedding(ops, {"here.weight": ops.array(weight)}, "here")
    ids = np.array([[3, 3, 6], [0, 1, 2]])
    wanted = weight[ids] * 2 + [sinusoid(start + i, 4) for i in range(3)]
    for _ in range(2):  # the second time from what it remembers
        found = ops.to_host(embedding(ops.array(ids), start))
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        embedding(ops.array(ids), start + 1)


def test_every_dropout_of_a_step_has_its_own_mask(backend: Backend) -> None:
    ops = backend.ops()
    x = ops.array(np.ones(100))

    def masks(key: int) -> list[bytes]:
        drop = Dropout(ops, 0.5, ops.array(np.array([key], np.uint32)))
        return [(ops.to_host(drop(x)) > 0).tobytes() for _ in range(4)]

    first, second = masks(1), masks(2)
    assert len({*first, *second}) == 8
    assert masks(1) == first


def test_inference_has_no_regularizer() -> None:
    x: Any = object()
    assert identity(x) is x
