"""dropout: a pure function of key, site and position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import Array

from ..backend_cases import Backend, Compute, Ops, normal
from .oracle import seeds, shapes

GOLDEN_BITS = {
    (0, 1): "110110000100100101000100000110110010100110100100",
    (1, 1): "111001101010010010011100101011100110100011100100",
    (1, 2): "110100000011011001011000101000000011110001110100",
    (4294967295, 7): "100110100011011011001000010000011011011110101001",
}
"""By key and site: the topmost bit of the first 48 words, 1 where the element is kept at rate 0.5."""

words = st.integers(0, 2**32 - 1)


def dropout(rate: float, key: int, site: int) -> Compute:
    def compute(ops: Ops, x: Array) -> Array:
        return ops.dropout(x, rate, ops.array(np.array([key], np.uint32)), site)

    return compute


def kept(backend: Backend, rate: float, key: int, site: int, *shape: int) -> np.ndarray:
    return backend.run(dropout(rate, key, site), np.ones(shape)) > 0


def pcg(x: int) -> int:
    """Jarzynski & Olano 2020, listing of PCG, in Python's own integers."""
    state = (x * 747796405 + 2891336453) % 2**32
    word = (((state >> ((state >> 28) + 4)) ^ state) * 277803737) % 2**32
    return (word >> 22) ^ word


def word(key: int, site: int, position: int) -> int:
    """The random word that decides about one element."""
    return pcg((position + pcg((site + pcg(key)) % 2**32)) % 2**32)


def test_golden_bits(backend: Backend) -> None:
    """Saved trainings continue with these bits: if this fails, old models no longer resume exactly."""
    bits = {
        (key, site): "".join("01"[int(bit)] for bit in kept(backend, 0.5, key, site, 48))
        for key, site in ((0, 1), (1, 1), (1, 2), (2**32 - 1, 7))
    }
    assert bits == GOLDEN_BITS


@given(key=words, site=st.integers(0, 1000), rate=st.sampled_from([0.1, 0.25, 0.5, 0.9, 0.999]))
def test_every_word_is_the_published_hash(backend: Backend, key: int, site: int, rate: float) -> None:
    wanted = [word(key, site, position) >= int(rate * 2**32) for position in range(64)]
    assert kept(backend, rate, key, site, 64).tolist() == wanted


@pytest.mark.parametrize(("rate", "key", "position"), [(0.75, 2376235, 63), (0.5, 10967316, 21)])
def test_the_word_at_the_threshold_is_kept(backend: Backend, rate: float, key: int, position: int) -> None:
    """Searched for: one word in four thousand million tells < from <=."""
    assert word(key, 1, position) == int(rate * 2**32)
    assert kept(backend, rate, key, 1, 64)[position]


@given(shape=shapes, rate=st.sampled_from([0.1, 0.5, 0.75]), key=words, site=st.integers(0, 99), seed=seeds)
def test_kept_elements_grow_and_gradients_go_the_same_way(
    backend: Backend, shape: tuple[int, ...], rate: float, key: int, site: int, seed: int
) -> None:
    x, g = backend.rounded(normal(seed, *shape)), backend.rounded(normal(seed + 1, *shape))
    mask = kept(backend, rate, key, site, *shape)
    output, (gradient,) = backend.differentiate(dropout(rate, key, site), [x], g)
    np.testing.assert_allclose(output, np.where(mask, x / (1 - rate), 0), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.where(mask, g / (1 - rate), 0), rtol=1e-6)
    assert output.dtype == gradient.dtype == backend.dtype


@given(shape=shapes, seed=seeds)
def test_rate_zero_changes_nothing(backend: Backend, shape: tuple[int, ...], seed: int) -> None:
    x, g = backend.rounded(normal(seed, *shape)), backend.rounded(normal(seed + 1, *shape))
    output, (gradient,) = backend.differentiate(dropout(0, 1, 1), [x], g)
    np.testing.assert_array_equal(output, x)
    np.testing.assert_array_equal(gradient, g)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
def test_the_expectation_stays(backend: Backend, rate: float) -> None:
    n = 20_000
    output = backend.run(dropout(rate, 12, 3), np.ones(n))
    fallen = np.mean(output == 0)
    assert abs(fallen - rate) < 4 * np.sqrt(rate * (1 - rate) / n)
    np.testing.assert_allclose(output[output != 0], 1 / (1 - rate), rtol=1e-6)


def test_key_and_site_choose_the_mask(backend: Backend) -> None:
    masks = [
        kept(backend, 0.5, key, site, 4, 100).tobytes()
        for key, site in ((5, 1), (5, 2), (6, 1), (1, 5), (0, 0))
    ]
    assert len(set(masks)) == len(masks)
    assert kept(backend, 0.5, 5, 1, 4, 100).tobytes() == masks[0]


def test_neighbouring_keys_and_sites_are_not_shifted_copies(backend: Backend) -> None:
    """A counter plus a key would give one step's mask again in the next, a few places further."""
    masks = [kept(backend, 0.5, key, site, 400) for key, site in ((8, 1), (9, 1), (8, 2), (9, 2))]
    for i, a in enumerate(masks):
        for b in masks[:i]:
            for shift in range(10):
                assert 0.3 < np.mean(a[shift:300] == b[: 300 - shift]) < 0.7
                assert 0.3 < np.mean(b[shift:300] == a[: 300 - shift]) < 0.7


def test_the_shape_does_not_matter(backend: Backend) -> None:
    """Position counts elements in order, so a reshaped array loses the same ones."""
    flat = kept(backend, 0.3, 1, 2, 24)
    np.testing.assert_array_equal(kept(backend, 0.3, 1, 2, 2, 3, 4).ravel(), flat)
