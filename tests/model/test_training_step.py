"""A whole step as training runs it: loss, gradients, clipping and Adam, prepared once and called often."""

from __future__ import annotations

import numpy as np

from jsl_seq2seq.backends.interface import Array
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.model import Dropout, Transformer
from jsl_seq2seq.settings import ModelConfig, VocabSize

from ..backend_cases import Backend
from .reference import on_device, random_batch, random_parameters

CONFIG = ModelConfig(VocabSize(9, 8), d_model=8, n_heads=2, n_layers=2, d_ff=12)


def losses(backend: Backend, rate: float) -> list[float]:
    """Twelve steps over four batches of two shapes, each with its own dropout key."""
    ops = backend.ops(Tape())
    parameters, flat = on_device(ops, random_parameters(CONFIG, 1))
    m, v = ops.zeros(flat.shape), ops.zeros(flat.shape)
    model = Transformer(ops, parameters, CONFIG)

    def step(source: Array, target_in: Array, target_out: Array, key: Array, rates: Array) -> Array:
        loss = model.loss(source, target_in, target_out, 0.1, Dropout(ops, rate, key))
        gradient = ops.clip_norm(ops.gradients(loss, parameters), 1.0)
        ops.adam_update(flat, gradient, m, v, rates, (0.9, 0.98))
        return loss

    compiled = ops.capture(step)
    batches = [random_batch(CONFIG, [4 + i % 2, 2], [3, 1 + i % 2], i) for i in range(4)]
    found = []
    for number in range(12):
        ids = [ops.array(ids) for ids in batches[number % 4]]
        key, rates = ops.array(np.array([number], np.uint32)), ops.array([0.002 * (number + 1), 1e-9])
        found.append(float(ops.to_host(compiled(*ids, key, rates))))
    return found


def test_training_learns_and_follows_numpy(backend: Backend) -> None:
    found = losses(backend, rate=0)
    np.testing.assert_allclose(found, losses(Backend("ndarray", np.float64), rate=0), rtol=1e-3)
    assert np.mean(found[-4:]) < 0.8 * np.mean(found[:4])


def test_training_with_dropout_follows_numpy(backend: Backend) -> None:
    """The masks are the same on every backend."""
    found = losses(backend, rate=0.2)
    np.testing.assert_allclose(found, losses(Backend("ndarray", np.float64), rate=0.2), rtol=1e-3)
    assert np.isfinite(found).all()
    assert found != losses(backend, rate=0)
