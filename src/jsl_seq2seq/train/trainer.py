"""One update after another: loss, gradients, Adam, all on the backend's device."""

from __future__ import annotations

import numpy as np

from ..autodiff import Tape
from ..config import ModelConfig, TrainingConfig
from ..model import Dropout, Transformer, parameter_specs
from ..model.layers import untouched
from ..ops.base import Array
from ..ops.choose import Backend
from ..store import Moments
from .batches import Batch
from .schedule import adam_rates


class Trainer:
    """A model's parameters and Adam's moments on a device, and the step that improves them.

    Parameters and moments lie in one flat array each, so that Adam and clipping are a few operations.

    Args:
        parameters: the values to start from.
        moments: Adam's state to go on from; ``None`` starts at zero.
        step: updates made so far.
    """

    def __init__(
        self,
        backend: Backend,
        config: ModelConfig,
        training: TrainingConfig,
        parameters: dict[str, np.ndarray],
        moments: Moments | None = None,
        step: int = 0,
    ) -> None:
        self.ops = backend.open(Tape())
        self.training, self.step = training, step
        self._shapes = {name: spec.shape for name, spec in parameter_specs(config).items()}
        self._flat = self._to_device(parameters)
        self._m = self.ops.zeros(self._flat.shape) if moments is None else self._to_device(moments.m)
        self._v = self.ops.zeros(self._flat.shape) if moments is None else self._to_device(moments.v)
        self._named = self.ops.split(self._flat, self._shapes)
        self._model = Transformer(self.ops, self._named, config)
        self._compiled_update = self.ops.compiled(self._update)
        self._unwatched_ops = backend.open(None)
        unwatched = self._unwatched_ops.split(self._flat, self._shapes)  # the same memory, seen without a tape
        self._unwatched_model = Transformer(self._unwatched_ops, unwatched, config)

    def update(self, batch: Batch) -> Array:
        """One step of Adam on a batch; returns the batch's loss before the step, on the device."""
        self.step += 1
        rates = np.array(adam_rates(self.training, self.step), np.float32)
        key = np.array([(self.training.seed * 0x9E3779B1 + self.step) % 2**32], np.uint32)
        return self._compiled_update(batch.source, batch.target_in, batch.target_out, rates, key)

    def loss(self, batch: Batch) -> float:
        """A batch's loss, without dropout and label smoothing, nats per token; nothing is changed."""
        array = self._unwatched_ops.array
        loss = self._unwatched_model.loss(
            array(batch.source), array(batch.target_in), array(batch.target_out)
        )
        return float(self._unwatched_ops.to_host(loss))

    def parameters(self) -> dict[str, np.ndarray]:
        """A copy of the parameters as they are now."""
        return self._to_host(self._flat)

    def moments(self) -> Moments:
        """A copy of Adam's state as it is now."""
        return Moments(self._to_host(self._m), self._to_host(self._v))

    def _update(self, source: Array, target_in: Array, target_out: Array, rates: Array, key: Array) -> Array:
        ops, training = self.ops, self.training
        source, target_in, target_out = (ops.array(ids) for ids in (source, target_in, target_out))
        drop = Dropout(ops, training.dropout, ops.array(key)) if training.dropout else untouched
        loss = self._model.loss(source, target_in, target_out, training.label_smoothing, drop)
        gradient = ops.gradients(loss, self._named)
        if training.clip_norm:
            gradient = ops.clip_norm(gradient, training.clip_norm)
        betas = (training.beta1, training.beta2)
        ops.adam_update(self._flat, gradient, self._m, self._v, ops.array(rates), betas)
        return loss

    def _to_device(self, named: dict[str, np.ndarray]) -> Array:
        return self.ops.array(np.concatenate([named[name].reshape(-1) for name in self._shapes]))

    def _to_host(self, flat: Array) -> dict[str, np.ndarray]:
        host, named, start = np.array(self.ops.to_host(flat)), {}, 0
        for name, shape in self._shapes.items():
            end = start + int(np.prod(shape))
            named[name] = host[start:end].reshape(shape)
            start = end
        return named
