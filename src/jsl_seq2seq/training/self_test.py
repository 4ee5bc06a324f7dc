"""Run a backend on a small model, compare its results with NumPy's, and time it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ..backends.registry import Backend, choose_backend
from ..data.batching import Batch, EncodedPair, make_batch
from ..model import Transformer
from ..model.initialization import initial_parameters
from ..search.decoding import decoding_step
from ..settings import SOS, ModelConfig, TrainingConfig, VocabSize
from .trainer import Trainer

_CONFIG = ModelConfig(VocabSize(source=90, target=82))
"""The reference setting: d_model 16, 2 heads, 4+4 layers, d_ff 32."""
_STEPS = 5
_ROUNDED = 0.05
"""Largest difference of a logit allowed for 8-bit weights, relative to the largest logit; about 0.01 is typical."""


@dataclass(frozen=True)
class SelfTest:
    """The result for one backend.

    Attributes:
        difference: largest relative difference from NumPy, of a loss over the first steps or of a logit.
        seconds: median time of one training step, or of one pass.
        allowed: what the difference may be.
    """

    difference: float
    seconds: float
    allowed: float = 1e-3

    @property
    def passed(self) -> bool:
        """Whether the difference from NumPy is within what is allowed."""
        return self.difference <= self.allowed


@np.errstate(all="ignore")  # whatever a caller told NumPy to raise
def self_test(backend: Backend) -> SelfTest:
    """Train the reference model a few steps on ``backend`` and on NumPy, with batches of 8.

    Raises:
        JslError: the backend failed.
    """
    losses, _ = _train(backend, _STEPS)
    reference, _ = _train(choose_backend("ndarray"), _STEPS)
    _, seconds = _train(backend, 3 * _STEPS)
    return SelfTest(float(np.max(np.abs(losses / reference - 1))), float(np.median(seconds[_STEPS:])))


@np.errstate(all="ignore")  # whatever a caller told NumPy to raise
def translating_self_test(backend: Backend) -> SelfTest:
    """Run the forward pass of a batch of 8, and decode its first position, with the reference model on ``backend`` and
    on NumPy, without training.

    Raises:
        JslError: the backend failed.
    """
    found, seconds = _translate(backend)
    reference, _ = _translate(choose_backend("ndarray"))
    difference = max(
        float(np.abs(ours - numpys).max() / np.abs(numpys).max())
        for ours, numpys in zip(found, reference, strict=True)
    )
    rounds = backend.open(None).precision == "int8"
    return SelfTest(difference, seconds, _ROUNDED if rounds else SelfTest.allowed)


def _translate(backend: Backend) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """Logits and the first position's log-probabilities, which a compiled network computes, and seconds of a pass."""
    ops = backend.open(None)
    values = initial_parameters(_CONFIG, seed=0)
    model = Transformer(ops, {name: ops.array(value) for name, value in values.items()}, _CONFIG)
    batch, logits, seconds = _batch(), np.empty(0), []
    for _ in range(3 * _STEPS):
        started = time.perf_counter()
        logits = ops.to_host(model(ops.array(batch.source), ops.array(batch.target_in)))
        seconds.append(time.perf_counter() - started)
    step = decoding_step(ops, model, batch.source.tolist(), 1)
    return (logits, step(np.full(len(batch.source), SOS, np.int32))), float(np.median(seconds[_STEPS:]))


def _train(backend: Backend, steps: int) -> tuple[np.ndarray, list[float]]:
    """Losses and seconds of each step."""
    trainer = Trainer(backend, _CONFIG, TrainingConfig(), initial_parameters(_CONFIG, seed=0))
    batch, losses, seconds = _batch(), [], []
    for _ in range(steps):
        started = time.perf_counter()
        losses.append(float(trainer.ops.to_host(trainer.update(batch))))
        seconds.append(time.perf_counter() - started)
    return np.array(losses), seconds


def _batch() -> Batch:
    generator = np.random.default_rng(0)
    sizes = _CONFIG.vocab_size
    return make_batch([
        EncodedPair(
            tuple(generator.integers(3, sizes.source, 10).tolist()),
            tuple(generator.integers(3, sizes.target, 4).tolist()),
        )
        for _ in range(8)
    ])  # fmt: skip
