"""reshape and transpose."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..backend_cases import Backend, normal
from .oracle import agree, seeds, shapes


@given(data=st.data(), shape=shapes, seed=seeds)
def test_reshape(backend: Backend, data: st.DataObject, shape: tuple[int, ...], seed: int) -> None:
    size = math.prod(shape)
    options: list[tuple[int, ...]] = [shape, (size,), (-1,), (1, size, 1), (shape[0], -1), (-1, shape[-1])]
    new = data.draw(st.sampled_from(options))
    agree(backend, lambda ops, x: ops.reshape(x, new), lambda x: x.reshape(new), normal(seed, *shape))


@given(data=st.data(), shape=shapes, seed=seeds)
def test_transpose(backend: Backend, data: st.DataObject, shape: tuple[int, ...], seed: int) -> None:
    axes = data.draw(st.permutations(range(len(shape))))
    agree(backend, lambda ops, x: ops.transpose(x, axes), lambda x: x.permute(*axes), normal(seed, *shape))


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_transpose_then_reshape_reads_the_new_order(backend: Backend, axes: tuple[int, int, int]) -> None:
    """What splitting and joining heads rests on."""
    agree(
        backend,
        lambda ops, x: ops.reshape(ops.transpose(x, axes), (4, 6)),
        lambda x: x.permute(axes).reshape(4, 6),
        normal(1, 2, 3, 4),
    )
