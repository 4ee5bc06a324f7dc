"""The log-probabilities of a translation in float64: what float32 programs that disagree are both compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jsl_seq2seq.settings import EOS, SOS
from jsl_seq2seq.store import SavedModel


class Float64:
    """A Pre-LN Transformer (Vaswani et al. 2017, Figure 1) with tied embeddings, for one sentence at a time."""

    def __init__(self, model: SavedModel) -> None:
        assert model.config.tied_embeddings and model.config.final_norm
        self.config = model.config
        self.parameters = {name: array.astype(np.float64) for name, array in model.parameters.items()}

    def log_probs(self, source: Sequence[int], ids: Sequence[int]) -> np.ndarray:
        """Of each tag and of the end, given the source and the tags before it: [T + 1]."""
        layers = range(self.config.n_layers)
        x = self._embedding(source, "encoder")
        for name in [f"encoder.layers.{layer}" for layer in layers]:
            normed = self._norm(x, f"{name}.norm1")
            x = x + self._attention(normed, normed, f"{name}.self_attn")
            x = x + self._feed_forward(self._norm(x, f"{name}.norm2"), name)
        memory = self._norm(x, "encoder.final_norm")
        x = self._embedding([SOS, *ids], "decoder")
        for name in [f"decoder.layers.{layer}" for layer in layers]:
            normed = self._norm(x, f"{name}.norm1")
            x = x + self._attention(normed, normed, f"{name}.self_attn", causal=True)
            x = x + self._attention(self._norm(x, f"{name}.norm2"), memory, f"{name}.cross_attn")
            x = x + self._feed_forward(self._norm(x, f"{name}.norm3"), name)
        embedding, bias = (
            self.parameters[f"decoder.{name}"] for name in ("embedding.weight", "output_projection.bias")
        )
        logits = (self._norm(x, "decoder.final_norm") @ embedding.T + bias) / self.config.temperature
        logits -= logits.max(axis=-1, keepdims=True)
        found = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return found[np.arange(len(ids) + 1), [*ids, EOS]]

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.parameters[f"{name}.weight"] + self.parameters[f"{name}.bias"]

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        normed = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        return normed * self.parameters[f"{name}.weight"] + self.parameters[f"{name}.bias"]

    def _feed_forward(self, x: np.ndarray, name: str) -> np.ndarray:
        hidden = np.maximum(self._linear(x, f"{name}.feed_forward.linear1"), 0)
        return self._linear(hidden, f"{name}.feed_forward.linear2")

    def _embedding(self, ids: Sequence[int], side: str) -> np.ndarray:
        width = self.config.d_model
        x = self.parameters[f"{side}.embedding.weight"][list(ids)]
        column = np.arange(width)
        angle = np.arange(len(ids))[:, None] / 10000 ** ((column - column % 2) / width)
        scaled = x * np.sqrt(width) if self.config.embedding_scale else x
        return scaled + np.where(column % 2, np.cos(angle), np.sin(angle))

    def _attention(self, x: np.ndarray, memory: np.ndarray, name: str, causal: bool = False) -> np.ndarray:
        heads = self.config.n_heads
        q, k, v = (
            self._linear(rows, f"{name}.{part}_proj").reshape(len(rows), heads, -1).swapaxes(0, 1)
            for rows, part in ((x, "q"), (memory, "k"), (memory, "v"))
        )
        scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
        if causal:
            scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return self._linear((weights @ v).swapaxes(0, 1).reshape(x.shape), f"{name}.out_proj")
