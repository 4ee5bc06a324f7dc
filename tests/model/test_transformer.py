"""The whole model against PyTorch's, values and every gradient."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.model import Dropout
from jsl_seq2seq.settings import PAD, ModelConfig, VocabSize

from ..backend_cases import Backend
from .reference import (
    Answer,
    Batch,
    Problem,
    model_on,
    our_answer,
    problems,
    random_batch,
    random_parameters,
    torch_answer,
)

CONFIG = ModelConfig(VocabSize(9, 8), d_model=8, n_heads=2, n_layers=2, d_ff=12)

TOLERANCE = {np.float64: (1e-8, 1e-12), np.float32: (1e-4, 2e-6)}
"""Relative, and the part of a tensor's largest element (or of 1) that is rounding: a key's bias, for example, has
the exact gradient 0 and a computed one of many terms that cancel."""


def assert_answers_agree(backend: Backend, ours: Answer, reference: Answer, slack: float = 1) -> None:
    relative, floor = (slack * tolerance for tolerance in TOLERANCE[backend.dtype])

    def close(name: str, actual: np.ndarray, expected: np.ndarray) -> None:
        assert actual.dtype == backend.dtype, name
        size = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(actual, expected, rtol=relative, atol=floor * size, err_msg=name)

    close("logits", ours.logits, reference.logits)
    assert ours.loss == pytest.approx(reference.loss, rel=relative, abs=floor)
    assert list(ours.gradients) == list(reference.gradients)
    for name, gradient in ours.gradients.items():
        close(name, gradient, reference.gradients[name])


@given(problem=problems(), label_smoothing=st.sampled_from([0.0, 0.1]))
def test_logits_loss_and_gradients(backend: Backend, problem: Problem, label_smoothing: float) -> None:
    config, values, batch = problem.config, problem.parameters, problem.batch
    values = {name: backend.rounded(value) for name, value in values.items()}
    reference = torch_answer(values, config, batch, label_smoothing)
    assert_answers_agree(backend, our_answer(backend, values, config, batch, label_smoothing), reference)


def test_the_reference_setting(backend: Backend) -> None:
    """d_model 16, 2 heads, 4+4 layers, batch 8: what the first command line trains."""
    config = ModelConfig(VocabSize(89, 82))
    values = {name: backend.rounded(value) for name, value in random_parameters(config, 4).items()}
    batch = random_batch(config, [10, 4, 7, 1, 12, 9, 3, 5], [3, 2, 4, 1, 6, 3, 2, 2], 5)
    reference = torch_answer(values, config, batch)
    assert_answers_agree(backend, our_answer(backend, values, config, batch), reference)


@given(problem=problems())
@pytest.mark.parametrize("option", ["final_norm", "attention_masks", "embedding_scale"])
def test_without_one_of_its_options(backend: Backend, option: str, problem: Problem) -> None:
    """How the original Rust project trained, for models imported from it.

    Without a final norm logits grow large, without √D the first norm magnifies: rounding does more.
    """
    config = dataclasses.replace(problem.config, **{option: False})
    values = {name: backend.rounded(value) for name, value in random_parameters(config, problem.seed).items()}
    reference = torch_answer(values, config, problem.batch)
    assert_answers_agree(backend, our_answer(backend, values, config, problem.batch), reference, slack=10)


def test_dropout_acts_in_training_and_only_there(backend: Backend) -> None:
    ops, model = model_on(backend, random_parameters(CONFIG, 1), CONFIG)
    source, target, _ = (ops.array(ids) for ids in random_batch(CONFIG, [4, 2], [3, 3], 2))

    def logits(rate: float, key: int) -> np.ndarray:
        drop = Dropout(ops, rate, ops.array(np.array([key], np.uint32)))
        return ops.to_host(model(source, target, drop))

    plain = ops.to_host(model(source, target))
    np.testing.assert_array_equal(logits(0, 1), plain)
    assert np.abs(logits(0.5, 1) - plain).max() > 0.1
    np.testing.assert_array_equal(logits(0.5, 1), logits(0.5, 1))
    assert np.abs(logits(0.5, 1) - logits(0.5, 2)).max() > 0.1


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_padded_targets_cost_nothing(backend: Backend, label_smoothing: float) -> None:
    """Loss and gradients of a sentence do not know how far the batch was padded."""
    values = random_parameters(CONFIG, 1)
    plain = random_batch(CONFIG, [4], [3], 3)
    padded = Batch(*(np.pad(ids, ((0, 0), (0, 4)), constant_values=PAD) for ids in plain))
    short = our_answer(backend, values, CONFIG, plain, label_smoothing)
    long = our_answer(backend, values, CONFIG, padded, label_smoothing)
    assert_answers_agree(backend, dataclasses.replace(long, logits=long.logits[:, :3]), short)


def test_a_source_of_nothing_but_padding_gives_numbers(backend: Backend) -> None:
    """Fully masked rows in every attention to the source: zeros there, never NaN, and the neighbour unharmed."""
    values, batch = random_parameters(CONFIG, 1), random_batch(CONFIG, [3, 3], [2, 2], 3)
    batch.source[0] = PAD
    answer = our_answer(backend, values, CONFIG, batch)
    assert np.isfinite(answer.logits).all()
    assert all(np.isfinite(gradient).all() for gradient in answer.gradients.values())
    alone = our_answer(backend, values, CONFIG, Batch(*(ids[1:] for ids in batch)))
    np.testing.assert_allclose(answer.logits[1:], alone.logits, rtol=1e-5, atol=1e-5)
