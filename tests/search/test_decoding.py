"""Whichever way the next tag is computed, it is what a teacher-forced pass over the prefix says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jsl_seq2seq.model import parameter_specs
from jsl_seq2seq.search import greedy
from jsl_seq2seq.search.decoding import decoding_step, group_by_padded_length
from jsl_seq2seq.settings import SOS, ModelConfig, VocabSize

from ..backend_cases import Backend
from ..model.reference import model_on, random_parameters

CONFIG = ModelConfig(VocabSize(9, 8), d_model=8, n_heads=2, n_layers=2, d_ff=12, max_seq_len=12)
UNMASKED = replace(CONFIG, final_norm=False, attention_masks=False, source_length=6, embedding_scale=False)
SOURCES = [(3, 4, 5), (6,), (7, 8, 3, 4, 5)]


@pytest.mark.parametrize("config", [CONFIG, UNMASKED], ids=["masked", "unmasked"])
def test_steps_equal_one_pass(backend: Backend, config: ModelConfig) -> None:
    ops, model = model_on(backend, random_parameters(config, 1), config)
    written = np.array([[SOS, 5, 3, 7], [SOS, 4, 4, 3], [SOS, 6, 7, 5]])
    step = decoding_step(ops, model, SOURCES, capacity=4)
    stepped = [step(written[:, index].astype(np.int32)) for index in range(4)]
    width = max(config.source_length, 5)
    source = np.array([[*ids, *[0] * (width - len(ids))] for ids in SOURCES])
    for length in range(1, 5):
        logits = ops.to_host(model(ops.array(source), ops.array(written[:, :length])))[:, -1]
        logits = logits.astype(np.float64)
        expected = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        np.testing.assert_allclose(stepped[length - 1], expected, atol=1e-4)


def test_without_masks_earlier_positions_do_change(backend: Backend) -> None:
    """Why there is a second way: a cache would keep what the newest tag has changed."""
    ops, model = model_on(backend, random_parameters(UNMASKED, 1), UNMASKED)
    source = ops.array(np.array([[3, 4, 5, 0, 0, 0]]))
    short = ops.to_host(model(source, ops.array(np.array([[SOS, 5]]))))
    long = ops.to_host(model(source, ops.array(np.array([[SOS, 5, 3]]))))
    assert np.abs(long[:, :2] - short).max() > 0.01


def test_without_masks_only_equal_lengths_share_a_batch() -> None:
    sources = [(3,), (3,) * 6, (3,) * 9, (3, 4), (4,) * 9]
    assert group_by_padded_length(CONFIG, sources) == [[0, 1, 2, 3, 4]]
    assert group_by_padded_length(UNMASKED, sources) == [[0, 1, 3], [2, 4]]


def test_each_comes_out_as_it_would_alone(backend: Backend) -> None:
    ops, model = model_on(backend, random_parameters(UNMASKED, 2), UNMASKED)
    sources = [*SOURCES, (3,) * 9, (5, 4, 3, 3, 3, 3, 3, 8)]
    together = greedy(ops, model, sources, 6)
    for source, hypothesis in zip(sources, together, strict=True):
        alone = greedy(ops, model, [source], 6)[0]
        assert alone.ids == hypothesis.ids
        np.testing.assert_allclose(alone.log_probs, hypothesis.log_probs, atol=1e-4)


def test_the_options_leave_out_what_is_not_there() -> None:
    left_out = set(parameter_specs(CONFIG)) - set(parameter_specs(UNMASKED))
    assert left_out == {
        f"{side}.final_norm.{kind}" for side in ("encoder", "decoder") for kind in ("weight", "bias")
    }
