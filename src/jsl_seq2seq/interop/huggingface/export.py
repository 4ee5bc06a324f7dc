"""A model directory of Hugging Face transformers: weights, configuration, tokenizer, model card.

``PegasusForConditionalGeneration`` (Zhang et al. 2020) is the same Transformer: Pre-LN with a last LayerNorm, ReLU,
sinusoids that are not learnt. Three things differ, and none of them changes a result:

- Pegasus has one vocabulary and one embedding for both sides. Both vocabularies are joined: PAD, SOS, EOS, the
  source's tokens, the target's, and ``<unk>``. What is no tag never wins: its entry of ``final_logits_bias``, which
  also holds the output layer's bias, is :data:`IMPOSSIBLE`.
- Pegasus has the sines in the first half of a position's vector and the cosines in the second, here they alternate.
  So every axis of length D is permuted.
- Pegasus has no temperature. The last LayerNorm and the biases are divided by it (:func:`calibrated`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...io.text import format_json
from ...settings import EOS, PAD, SOS
from ...store import SavedModel
from ...store.directory import to_safetensors
from ...tokenize import Tokenizers
from ...tokenize.tokenizer import OpenTagTokenizer
from ...version import __version__
from ..formats import Exported, require_masks, require_whole_tags
from ..weights import IMPOSSIBLE, calibrated, max_positions, output_layer, position_encodings
from .card import model_card
from .tokenizer import tokenizer_config, tokenizer_json

_NORMS = {
    "encoder": {"norm1": "self_attn_layer_norm", "norm2": "final_layer_norm"},
    "decoder": {
        "norm1": "self_attn_layer_norm",
        "norm2": "encoder_attn_layer_norm",
        "norm3": "final_layer_norm",
    },
}
_ATTENTIONS = {
    "encoder": {"self_attn": "self_attn"},
    "decoder": {"self_attn": "self_attn", "cross_attn": "encoder_attn"},
}


def export(model: SavedModel) -> Exported:
    """A model as the files of a Hugging Face repository.

    Raises:
        UserError: the model has no attention masks, or puts open words and pieces of tags together.
    """
    require_masks(model, "huggingface")
    if isinstance(model.tokenizers.target, OpenTagTokenizer):  # its letters are joined otherwise than pieces
        require_whole_tags(model, "huggingface")
    config = model.config
    size = joined_size(model.tokenizers)
    settings = {
        "architectures": ["PegasusForConditionalGeneration"],
        "model_type": "pegasus",
        "is_encoder_decoder": True,
        "vocab_size": size,
        "d_model": config.d_model,
        **{f"{side}_layers": config.n_layers for side in ("encoder", "decoder")},
        **{f"{side}_attention_heads": config.n_heads for side in ("encoder", "decoder")},
        **{f"{side}_ffn_dim": config.d_ff for side in ("encoder", "decoder")},
        "activation_function": "relu",
        "scale_embedding": config.embedding_scale,
        "max_position_embeddings": max_positions(config),
        "tie_word_embeddings": config.tied_embeddings,
        "dropout": 0.0,
        **_SPECIAL_IDS,
        "forced_eos_token_id": None,
        "dtype": "float32",
    }
    generation = {
        **_SPECIAL_IDS,
        "num_beams": 1,
        "do_sample": False,
        "max_length": config.max_seq_len + 1,  # SOS and the tags
    }
    files = {
        "model.safetensors": to_safetensors(weights(model)),
        "generation_config.json": _json(generation),
        "tokenizer.json": _json(tokenizer_json(model.tokenizers)),
        "tokenizer_config.json": _json(tokenizer_config(max_positions(config))),
        "README.md": model_card(model).encode("utf-8"),
        "config.json": _json(
            {**settings, "jsl_seq2seq_version": __version__, "vocab_hash": model.tokenizers.hash}
        ),
    }
    return Exported(files)


_SPECIAL_IDS = {
    "pad_token_id": PAD,
    "bos_token_id": SOS,
    "eos_token_id": EOS,
    "decoder_start_token_id": SOS,
}


def joined_size(tokenizers: Tokenizers) -> int:
    """Entries of the joined vocabulary: the specials once, and ``<unk>`` at the end."""
    source, target = tokenizers.source.vocabulary, tokenizers.target.vocabulary
    return len(source) + len(target.tokens) + 1


def weights(model: SavedModel) -> dict[str, np.ndarray]:
    """The parameters under Pegasus' names."""
    config, named = model.config, calibrated(model)
    order = np.r_[0 : config.d_model : 2, 1 : config.d_model : 2]
    found = {"model.shared.weight": _joined(model, named)[:, order]}
    positions = position_encodings(config)
    for side in ("encoder", "decoder"):
        prefix = f"model.{side}"
        found[f"{prefix}.embed_positions.weight"] = positions[:, order]
        found |= _norm(named, f"{side}.final_norm", f"{prefix}.layer_norm", order)
        for index in range(config.n_layers):
            ours, theirs = f"{side}.layers.{index}", f"{prefix}.layers.{index}"
            for norm, name in _NORMS[side].items():
                found |= _norm(named, f"{ours}.{norm}", f"{theirs}.{name}", order)
            for attention, name in _ATTENTIONS[side].items():
                for projection in ("q_proj", "k_proj", "v_proj"):  # the heads' axis keeps its order
                    found |= _linear(
                        named, f"{ours}.{attention}.{projection}", f"{theirs}.{name}.{projection}", rows=order
                    )
                found |= _linear(
                    named, f"{ours}.{attention}.out_proj", f"{theirs}.{name}.out_proj", columns=order
                )
            found |= _linear(named, f"{ours}.feed_forward.linear1", f"{theirs}.fc1", rows=order)
            found |= _linear(named, f"{ours}.feed_forward.linear2", f"{theirs}.fc2", columns=order)
    weight, bias = output_layer(model, named)
    targets = np.r_[SOS + 1, _target_rows(model)]  # EOS and the tags
    own = np.r_[EOS, EOS + 1 : config.vocab_size.target]
    if not config.specials_masked:
        targets, own = np.r_[PAD, SOS, targets], np.r_[PAD, SOS, own]
    biases = np.full((1, joined_size(model.tokenizers)), IMPOSSIBLE, np.float32)
    biases[0, targets] = bias[own]
    found["final_logits_bias"] = biases
    if not config.tied_embeddings:
        head = np.zeros_like(found["model.shared.weight"])
        head[targets] = weight[own][:, order]
        found["lm_head.weight"] = head
        for side in ("encoder", "decoder"):
            found[f"model.{side}.embed_tokens.weight"] = found["model.shared.weight"].copy()
    return {name: np.ascontiguousarray(array, np.float32) for name, array in found.items()}


def _target_rows(model: SavedModel) -> np.ndarray:
    """The joined ids of the target's tokens after the specials."""
    start = model.config.vocab_size.source
    return np.arange(start, start + model.config.vocab_size.target - EOS - 1)


def _joined(model: SavedModel, named: Mapping[str, np.ndarray]) -> np.ndarray:
    """One embedding for both sides. The source's rows of the specials are not there: no sentence has them, and what
    is PAD is masked."""
    joined = np.zeros((joined_size(model.tokenizers), model.config.d_model), np.float32)
    source, target = named["encoder.embedding.weight"], named["decoder.embedding.weight"]
    joined[: EOS + 1] = target[: EOS + 1]
    joined[EOS + 1 : len(source)] = source[EOS + 1 :]
    joined[_target_rows(model)] = target[EOS + 1 :]
    return joined


def _norm(
    named: Mapping[str, np.ndarray], ours: str, theirs: str, order: np.ndarray
) -> dict[str, np.ndarray]:
    return {f"{theirs}.{part}": named[f"{ours}.{part}"][order] for part in ("weight", "bias")}


def _linear(
    named: Mapping[str, np.ndarray],
    ours: str,
    theirs: str,
    rows: np.ndarray | slice = slice(None),
    columns: np.ndarray | slice = slice(None),
) -> dict[str, np.ndarray]:
    """[I, O] as PyTorch's [O, I]; ``rows`` and ``columns`` are the order of the inputs and of the outputs."""
    return {
        f"{theirs}.weight": named[f"{ours}.weight"][rows][:, columns].T,
        f"{theirs}.bias": named[f"{ours}.bias"][columns],
    }


def _json(values: Any) -> bytes:
    return (format_json(values, indent=2) + "\n").encode("utf-8")
