"""The decoder never looks ahead, and writing tag by tag gives what teacher forcing gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.settings import PAD, ModelConfig, VocabSize

from ..backend_cases import Backend
from .reference import Problem, model_on, problems, random_batch, random_parameters

CONFIG = ModelConfig(VocabSize(9, 8), d_model=8, n_heads=2, n_layers=2, d_ff=12)
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


@given(problem=problems(), data=st.data())
def test_later_tags_never_change_earlier_logits(
    backend: Backend, problem: Problem, data: st.DataObject
) -> None:
    config, values, batch = problem.config, problem.parameters, problem.batch
    ops, model = model_on(backend, values, config)
    start = data.draw(st.integers(0, batch.target_in.shape[1] - 1))
    changed = batch.target_in.copy()
    changed[:, start:] = (changed[:, start:] + 1) % config.vocab_size.target
    source = ops.array(batch.source)
    before = ops.to_host(model(source, ops.array(batch.target_in)))
    after = ops.to_host(model(source, ops.array(changed)))
    np.testing.assert_array_equal(before[:, :start], after[:, :start])
    assert np.all(np.abs(before[:, start] - after[:, start]).max(axis=-1) > 0)


@given(problem=problems(), spare=st.integers(0, 2))
def test_step_by_step_is_teacher_forcing(backend: Backend, problem: Problem, spare: int) -> None:
    config, values, batch = problem.config, problem.parameters, problem.batch
    ops, model = model_on(backend, values, config)
    length = batch.target_in.shape[1]
    wanted = ops.to_host(model(ops.array(batch.source), ops.array(batch.target_in)))
    cache = model.decoder.start(*model.encoder(ops.array(batch.source)), capacity=length + spare)
    assert cache.length == 0
    tolerance = TOLERANCE[backend.dtype] * max(1, np.abs(wanted).max())
    for position in range(length):
        ids = ops.array(batch.target_in[:, position : position + 1])
        logits, cache = model.decoder.step(ids, cache)
        assert cache.length == position + 1
        found = ops.to_host(logits)
        assert found.shape == (len(batch.source), config.vocab_size.target)
        np.testing.assert_allclose(found, wanted[:, position], rtol=0, atol=tolerance)


def test_a_long_sentence_fills_its_cache(backend: Backend) -> None:
    ops, model = model_on(backend, random_parameters(CONFIG, 1), CONFIG)
    batch = random_batch(CONFIG, [30], [40], 4)
    wanted = ops.to_host(model(ops.array(batch.source), ops.array(batch.target_in)))
    cache = model.decoder.start(*model.encoder(ops.array(batch.source)), capacity=40)
    for position in range(40):
        logits, cache = model.decoder.step(ops.array(batch.target_in[:, position : position + 1]), cache)
        np.testing.assert_allclose(
            ops.to_host(logits), wanted[:, position], rtol=0, atol=TOLERANCE[backend.dtype] * 20
        )


def test_two_sentences_can_be_written_in_turns(backend: Backend) -> None:
    """The cache is a value of its own: nothing about a sentence stays on the model."""
    ops, model = model_on(backend, random_parameters(CONFIG, 1), CONFIG)
    batches = [random_batch(CONFIG, [4, 2], [3, 3], seed) for seed in (1, 2)]
    caches = [model.decoder.start(*model.encoder(ops.array(b.source)), capacity=3) for b in batches]
    wanted = [ops.to_host(model(ops.array(b.source), ops.array(b.target_in))) for b in batches]
    for position in range(3):
        for turn, batch in enumerate(batches):
            ids = ops.array(batch.target_in[:, position : position + 1])
            logits, caches[turn] = model.decoder.step(ids, caches[turn])
            np.testing.assert_allclose(
                ops.to_host(logits), wanted[turn][:, position], rtol=0, atol=TOLERANCE[backend.dtype] * 20
            )


@pytest.mark.parametrize("position", [0, 1, 2])
def test_every_tag_so_far_and_every_character_matters(backend: Backend, position: int) -> None:
    ops, model = model_on(backend, random_parameters(CONFIG, 1), CONFIG)
    source, target = np.array([[3, 4, 5]]), np.array([[1, 6, 7]])

    def last(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        return ops.to_host(model(ops.array(source), ops.array(target)))[0, -1]

    plain = last(source, target)
    for ids in (source, target):
        kept, ids[0, position] = ids[0, position], 3 if ids is target else 8
        assert np.abs(last(source, target) - plain).max() > 1e-3
        ids[0, position] = kept


def test_padding_behind_the_target_is_not_seen(backend: Backend) -> None:
    ops, model = model_on(backend, random_parameters(CONFIG, 1), CONFIG)
    source, target = ops.array([[3, 4]]), np.array([[1, 5, 6]])
    padded = np.pad(target, ((0, 0), (0, 3)), constant_values=PAD)
    plain = ops.to_host(model(source, ops.array(target)))
    long = ops.to_host(model(source, ops.array(padded)))[:, :3]
    np.testing.assert_allclose(long, plain, rtol=0, atol=TOLERANCE[backend.dtype])
