"""The whole model: an encoder, a decoder, and the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from ..backends.interface import Array, TrainingOps
from ..settings import PAD, ModelConfig
from .capture import Observer
from .decoder import Decoder, OpsT_co
from .encoder import Encoder
from .layers import Positions, Regularizer, identity


class Transformer(Generic[OpsT_co]):
    """Encoder-decoder Transformer (Vaswani et al. 2017, Figure 1), Pre-LN, bound to one backend.

    Args:
        parameters: arrays of ``ops`` under the names of :func:`~jsl_seq2seq.model.parameters.parameter_specs`.

    Attributes:
        parameters: the same.
    """

    def __init__(self, ops: OpsT_co, parameters: Mapping[str, Array], config: ModelConfig) -> None:
        self._ops = ops
        self.config, self.parameters = config, parameters
        self.encoder = Encoder(ops, parameters, config)
        self.decoder = Decoder(ops, parameters, config)

    def __call__(
        self,
        source: Array,
        target: Array,
        drop: Regularizer = identity,
        observe: Observer | None = None,
        positions: Positions | None = None,
    ) -> Array:
        """Teacher forcing: source ids [B, S] and the reference's tags so far [B, T] -> logits [B, T, V]."""
        memory, memory_mask = self.encoder(source, drop, observe, positions)
        return self.decoder(target, memory, memory_mask, drop, observe, positions)

    def loss(
        self: Transformer[TrainingOps],
        source: Array,
        target_in: Array,
        target_out: Array,
        label_smoothing: float = 0.0,
        drop: Regularizer = identity,
        positions: Positions | None = None,
        consistency: float = 0.0,
    ) -> Array:
        """Cross-entropy averaged over the real target tokens.

        Args:
            source: [B, S].
            target_in: SOS and the tags, [B, T].
            target_out: the tags and EOS, [B, T]; PAD there is not counted.
            consistency: as of :meth:`.TrainingOps.cross_entropy`, with each sentence twice, B/2 rows apart.
        """
        logits = self(source, target_in, drop, positions=positions)
        return self._ops.cross_entropy(logits, target_out, PAD, label_smoothing, consistency)
