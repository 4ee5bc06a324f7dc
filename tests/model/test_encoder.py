"""A sentence's result does not depend on its company."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from jsl_seq2seq.settings import PAD, ModelConfig, VocabSize

from ..backend_cases import Backend
from .reference import Problem, model_on, problems, random_batch, random_parameters

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


@given(problem=problems())
def test_alone_is_the_same_as_in_a_padded_batch(backend: Backend, problem: Problem) -> None:
    config, values, batch = problem.config, problem.parameters, problem.batch
    ops, model = model_on(backend, values, config)
    together = ops.to_host(model(ops.array(batch.source), ops.array(batch.target_in)))
    memory, _mask = model.encoder(ops.array(batch.source))
    assert tuple(memory.shape) == (*batch.source.shape, config.d_model)
    for row, (source, target) in enumerate(zip(batch.source, batch.target_in, strict=True)):
        s, t = np.count_nonzero(source != PAD), np.count_nonzero(target != PAD)
        alone = ops.to_host(model(ops.array(source[None, :s]), ops.array(target[None, :t])))
        tolerance = TOLERANCE[backend.dtype] * max(1, np.abs(alone).max())
        np.testing.assert_allclose(together[row, :t], alone[0], rtol=0, atol=tolerance)
        remembered, _ = model.encoder(ops.array(source[None, :s]))
        np.testing.assert_allclose(
            ops.to_host(memory)[row, :s], ops.to_host(remembered)[0], rtol=0, atol=10 * tolerance
        )


def test_every_character_matters_and_so_does_their_order(backend: Backend) -> None:
    config = ModelConfig(VocabSize(9, 8), d_model=8, n_heads=2, n_layers=1, d_ff=12)
    ops, model = model_on(backend, random_parameters(config, 1), config)
    source = np.array([[3, 4, 5, 6]])

    def memory(ids: np.ndarray) -> np.ndarray:
        return ops.to_host(model.encoder(ops.array(ids))[0])

    plain = memory(source)
    for position in range(4):
        changed = source.copy()
        changed[0, position] = 8
        difference = np.abs(memory(changed) - plain).max(axis=-1)
        assert np.all(difference > 1e-4)  # every position sees every other, in both directions
    swapped = memory(source[:, [1, 0, 2, 3]])
    assert np.abs(swapped[0, [1, 0, 2, 3]] - plain[0]).max() > 1e-3


def test_the_batch_order_does_not_matter(backend: Backend) -> None:
    config = ModelConfig(VocabSize(9, 8), d_model=8, n_heads=2, n_layers=1, d_ff=12)
    ops, model = model_on(backend, random_parameters(config, 1), config)
    batch = random_batch(config, [5, 2, 3], [2, 3, 1], 3)
    order = [2, 0, 1]
    plain = ops.to_host(model(ops.array(batch.source), ops.array(batch.target_in)))
    mixed = ops.to_host(model(ops.array(batch.source[order]), ops.array(batch.target_in[order])))
    np.testing.assert_allclose(mixed, plain[order], rtol=0, atol=TOLERANCE[backend.dtype])
