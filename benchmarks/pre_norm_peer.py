"""Our model in Hugging Face's words: an M2M100 with our weights, which is Pre-LN with sinusoidal positions, too."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import nn

from jsl_seq2seq.model.layers import sinusoid
from jsl_seq2seq.settings import PAD, ModelConfig
from torch_peer import hugging_face_settings

_POSITIONS = 512


def pre_norm_peer(config: ModelConfig, weights: dict[str, np.ndarray]) -> Any:
    """A model whose ``generate`` writes what ours writes.

    Raises:
        ImportError: transformers is not installed.
    """
    transformers: Any = import_module("transformers")
    size, d_model = config.vocab_size, config.d_model
    model = transformers.M2M100ForConditionalGeneration(
        transformers.M2M100Config(
            vocab_size=max(size.source, size.target),
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
            max_position_embeddings=_POSITIONS,
            **hugging_face_settings(config),
        )
    ).eval()
    # Hugging Face's first position is PAD + 1
    table = [[0.0] * d_model] * (PAD + 1) + [sinusoid(place, d_model) for place in range(_POSITIONS)]
    for side in ("encoder", "decoder"):
        part = getattr(model.model, side)
        part.embed_tokens = _embedding(weights[f"{side}.embedding.weight"], config)
        part.embed_positions.weights = torch.tensor(table)
        _norm(part.layer_norm, weights, f"{side}.final_norm")
        for index, layer in enumerate(part.layers):
            prefix = f"{side}.layers.{index}"
            norms = [layer.self_attn_layer_norm, layer.final_layer_norm]
            attentions = {"self_attn": layer.self_attn}
            if side == "decoder":
                norms.insert(1, layer.encoder_attn_layer_norm)
                attentions["cross_attn"] = layer.encoder_attn
            for number, norm in enumerate(norms, start=1):
                _norm(norm, weights, f"{prefix}.norm{number}")
            for name, attention in attentions.items():
                for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    _linear(getattr(attention, projection), weights, f"{prefix}.{name}.{projection}")
            _linear(layer.fc1, weights, f"{prefix}.feed_forward.linear1")
            _linear(layer.fc2, weights, f"{prefix}.feed_forward.linear2")
    model.lm_head = nn.Linear(d_model, size.target)
    if config.tied_embeddings:
        weights = weights | {"decoder.output_projection.weight": weights["decoder.embedding.weight"].T}
    _linear(model.lm_head, weights, "decoder.output_projection")
    return model


class _Scaled(nn.Embedding):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) * math.sqrt(self.embedding_dim)


def _embedding(weight: np.ndarray, config: ModelConfig) -> nn.Embedding:
    made = (_Scaled if config.embedding_scale else nn.Embedding)(*weight.shape)
    made.weight.data = torch.from_numpy(np.array(weight))
    return made


def _linear(target: nn.Linear, weights: dict[str, np.ndarray], name: str) -> None:
    target.weight.data = torch.from_numpy(np.ascontiguousarray(weights[f"{name}.weight"].T))
    target.bias.data = torch.from_numpy(np.array(weights[f"{name}.bias"]))


def _norm(target: nn.LayerNorm, weights: dict[str, np.ndarray], name: str) -> None:
    target.weight.data = torch.from_numpy(np.array(weights[f"{name}.weight"]))
    target.bias.data = torch.from_numpy(np.array(weights[f"{name}.bias"]))
