"""Decoding with a network compiled as one: the same as operation by operation, in however many threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import MASKED, pad_rows
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.search import beam_search, greedy
from jsl_seq2seq.search.constraints import OpenWordConstraint, OpenWordIds
from jsl_seq2seq.search.decoding import _CachedStep, decoding_step
from jsl_seq2seq.settings import EOS, PAD, SOS, ModelConfig

from ..backend_cases import make_ops, require
from .networks import CONFIG, SOURCES, network_on

WIDE = replace(CONFIG, d_model=48, n_heads=3, d_ff=70, temperature=1.5)
CONFIGS = {
    "usual": CONFIG,
    "wide": WIDE,
    "plain": replace(CONFIG, final_norm=False, embedding_scale=False, specials_masked=False),
    "tied": replace(CONFIG, tied_embeddings=True, source_length=5),
}
LIMIT = 11
SENTENCES = [[3 + (7 * number + place) % 17 for place in range(1 + number % 6)] for number in range(13)]


@pytest.fixture(scope="module", params=["int8", "numba"])
def ops(request: pytest.FixtureRequest) -> Any:
    require(request.param)
    return make_ops(request.param)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
@given(sources=SOURCES, seed=st.integers(0, 20), data=st.data())
def test_a_step_is_that_of_the_operations(
    ops: Any, config: ModelConfig, sources: list[list[int]], seed: int, data: st.DataObject
) -> None:
    """Also after rows have been reordered, have come twice and have been left out."""
    model = network_on(ops, seed, config)
    source = pad_rows(sources, PAD, at_least=config.source_length)
    compiled, plain = decoding_step(ops, model, sources, LIMIT), _CachedStep(ops, model, source, LIMIT, None)
    latest = np.full(len(sources), SOS, np.int32)
    for _ in range(LIMIT):
        found, wanted = compiled(latest), plain(latest)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)
        rows = np.array(data.draw(st.lists(st.integers(0, len(latest) - 1), min_size=1, max_size=7)))
        latest = data.draw(st.lists(st.integers(3, 8), min_size=len(rows), max_size=len(rows)))
        latest = np.array(latest, np.int32)
        compiled.keep(rows)
        plain.keep(rows)


def constraints(count: int) -> list[OpenWordConstraint]:
    """Of each sentence another set of tags, and words of its characters."""
    found = []
    for number in range(count):
        outside = np.zeros(CONFIG.vocab_size.target, bool)
        outside[[EOS, 3, 4 + number % 3]] = True
        found.append(OpenWordConstraint(OpenWordIds(3, 4), [-1, 7, 8][: 1 + number % 3], outside))
    return found


def decoded(ops: Any, config: ModelConfig, sources: Sequence[Sequence[int]]) -> list[Any]:
    """By every kind of search."""
    model, own = network_on(ops, 1, config, EOS=0.5), constraints(len(sources))
    return [
        greedy(ops, model, sources, LIMIT),
        greedy(ops, model, sources, LIMIT, constraints=own),
        beam_search(ops, model, sources, LIMIT, 3, 2),
        beam_search(ops, model, sources, LIMIT, 3, 2, constraints=own),
    ]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
def test_threads_and_capacity_change_no_bit(
    ops: Any, config: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jsl_seq2seq.backends.int8 import network  # noqa: PLC0415  only if Numba is there

    monkeypatch.setattr(network, "_SHARE", 1)
    monkeypatch.setattr(network, "thread_count", lambda: 1)
    wanted = decoded(ops, config, SENTENCES)
    for threads, capacity in ((2, 32), (3, 2), (5, 3)):
        monkeypatch.setattr(network, "thread_count", lambda threads=threads: threads)
        monkeypatch.setattr(network, "_CAPACITY", capacity)
        assert decoded(ops, config, SENTENCES) == wanted
    monkeypatch.setattr(network, "thread_count", lambda: 1)
    for number, sentence in enumerate(SENTENCES):
        assert decoded(ops, config, [sentence])[0] == [wanted[0][number]]
        assert decoded(ops, config, [sentence])[2] == [wanted[2][number]]


def test_batches_at_the_same_time_do_not_share_memory(ops: Any) -> None:
    """Each has its own; what one no longer needs, the next one uses."""
    model, latest = network_on(ops, 1, CONFIG), np.full(len(SENTENCES), SOS, np.int32)

    def started(sources: Sequence[Sequence[int]]) -> Any:
        return decoding_step(ops, model, sources, LIMIT)

    def alone(sources: Sequence[Sequence[int]]) -> list[np.ndarray]:
        step = started(sources)
        return [step(latest) for _ in range(LIMIT)]

    turned = SENTENCES[::-1]
    wanted = list(zip(alone(SENTENCES), alone(turned), strict=True))
    for _ in range(2):
        one, other = started(SENTENCES), started(turned)
        for position in range(LIMIT):
            for step, expected in zip((one, other), wanted[position], strict=True):
                np.testing.assert_array_equal(step(latest), expected)


def test_what_is_impossible_has_no_share(ops: Any) -> None:
    """Log-probabilities of a shortlist are normalized over what each sentence may hold."""
    from jsl_seq2seq.backends.network import Shortlist  # noqa: PLC0415

    model = network_on(ops, 0, WIDE)
    possible = np.array([[True, False, True, True], [True, True, False, False]])
    network = ops.network(model.config, model.parameters, lambda position: [0.1 * position] * WIDE.d_model)
    batch = network.start(
        np.array([[4, 5, 6], [7, 8, PAD]]), PAD, 3, Shortlist(np.array([2, 3, 5, 8]), possible)
    )
    found = batch.log_probs(np.array([SOS, SOS]))
    assert (found[~possible] < MASKED / 2).all()
    np.testing.assert_allclose(np.exp(found.astype(np.float64)).sum(axis=1), 1, rtol=1e-5)


def test_numbers_that_overflow_are_refused(ops: Any) -> None:
    model = network_on(ops, 0, CONFIG)
    model.parameters["decoder.layers.1.norm3.bias"][0] = np.nan  # type: ignore[index]
    with pytest.raises(Failure) as refused:
        greedy(ops, model, [[3, 4]], LIMIT)
    assert refused.value.code == "scores-not-finite"


@pytest.mark.parametrize(
    ("limit", "wanted"), [("1", 1), ("2", 2), ("2,1", 2), ("99", 7), ("", 7), ("none", 7), ("0", 7)]
)
def test_how_many_threads(monkeypatch: pytest.MonkeyPatch, limit: str, wanted: int) -> None:
    require("int8")
    from jsl_seq2seq.backends.int8 import network  # noqa: PLC0415

    monkeypatch.setitem(vars(network.numba_config), "NUMBA_NUM_THREADS", 7)
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert network.thread_count() == wanted


def test_an_error_of_one_thread_is_everybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    require("int8")
    from jsl_seq2seq.backends.int8 import network  # noqa: PLC0415

    def fail_at(place: int) -> Any:
        def compute(first: int, _: int) -> int:
            if first == place:
                raise MemoryError
            return first

        return compute

    parts = [(0, 2), (2, 4), (4, 6)]
    for place in (0, 2, 4):
        with pytest.raises(MemoryError):
            network._in_threads(fail_at(place), parts)
    assert network._in_threads(fail_at(-1), parts) == [0, 2, 4]
