"""embedding."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given

from ..backend_cases import Backend, normal
from .oracle import agree, row_sizes, seeds, shapes, sizes


def check(backend: Backend, weight: np.ndarray, ids: np.ndarray) -> None:
    agree(
        backend,
        lambda ops, weight: ops.embedding(weight, ops.array(ids)),
        lambda weight: torch.nn.functional.embedding(torch.from_numpy(ids), weight),
        weight,
    )


@given(shape=shapes, vocabulary=sizes, width=row_sizes, seed=seeds)
def test_embedding(backend: Backend, shape: tuple[int, ...], vocabulary: int, width: int, seed: int) -> None:
    """So few rows that most shapes repeat some and leave others out."""
    ids = np.random.default_rng(seed).integers(0, vocabulary, shape)
    check(backend, normal(seed, vocabulary, width), ids)


def test_one_id_a_thousand_times(backend: Backend) -> None:
    check(backend, normal(1, 9, 3), np.full((10, 100), 4))


def test_ids_of_any_integer_type(backend: Backend) -> None:
    weight = normal(1, 5, 2)
    for dtype in (np.int32, np.int64):
        found = backend.run(
            lambda ops, w, dtype=dtype: ops.embedding(w, ops.array(np.array([[4, 0]], dtype))), weight
        )
        np.testing.assert_array_equal(found, weight[[[4, 0]]].astype(backend.dtype))
