"""A small training step, as the trainer builds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jsl_seq2seq.backends.interface import Array, TrainingOps
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.model import Dropout, Transformer
from jsl_seq2seq.settings import ModelConfig, VocabSize

from ...model.reference import on_device, random_parameters

CONFIG = ModelConfig(VocabSize(20, 17), d_model=8, n_heads=2, n_layers=2, d_ff=12)
REFERENCE = ModelConfig(VocabSize(80, 168))


class Training:
    """Parameters, moments and the step that changes them; ``make_ops`` gets the tape."""

    def __init__(
        self, make_ops: Callable[[Tape], TrainingOps], config: ModelConfig = CONFIG, dropout: float = 0.1
    ) -> None:
        self.ops = make_ops(Tape())
        parameters, self.flat = on_device(self.ops, random_parameters(config, 1))
        m, v = self.ops.zeros(self.flat.shape), self.ops.zeros(self.flat.shape)
        model = Transformer(self.ops, parameters, config)

        def step(source: Array, target_in: Array, target_out: Array, rates: Array, key: Array) -> Array:
            array = self.ops.array
            drop = Dropout(self.ops, dropout, array(key))
            loss = model.loss(array(source), array(target_in), array(target_out), 0.1, drop)
            gradient = self.ops.clip_norm(self.ops.gradients(loss, parameters), 1.0)
            self.ops.adam_update(self.flat, gradient, m, v, array(rates), (0.9, 0.98))
            return loss

        self.plain_step = step
        self.step: Any = self.ops.capture(step)
        self.config = config

    def batch(self, number: int, batch: int = 4) -> list[np.ndarray]:
        """Arguments of the step: random sentences, one of four pairs of lengths."""
        generator = np.random.default_rng(number)
        sizes, lengths = self.config.vocab_size, (4 + number % 2, 3 + number // 2 % 2)
        source = generator.integers(3, sizes.source, (batch, lengths[0]), np.int32)
        target = generator.integers(3, sizes.target, (batch, lengths[1]), np.int32)
        source[0, 2:] = 0
        rates = np.array([0.002, 1e-9], np.float32)
        return [source, target, np.roll(target, -1, axis=1), rates, np.array([number], np.uint32)]
