"""A model directory of CTranslate2: ``model.bin``, ``config.json`` and both vocabularies.

CTranslate2 takes two vocabularies and any table of positions, so nothing is joined or permuted; it needs ``<unk>`` in
both vocabularies, which comes last and is never chosen.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import TransformerSpec, common_spec

from ...settings import PAD, SOS
from ...store import SavedModel
from ...version import __version__
from ..formats import Exported, require_masks
from ..weights import IMPOSSIBLE, calibrated, output_layer, position_encodings

SPECIALS = ("<blank>", "<s>", "</s>")
"""PAD, SOS and EOS as CTranslate2 spells them."""
UNKNOWN = "<unk>"


def export(model: SavedModel) -> Exported:
    """A model as CTranslate2's files, float32; the reader may convert them (``compute_type``).

    Raises:
        UserError: the model has no attention masks.
    """
    require_masks(model, "ctranslate2")
    spec = _specification(model)
    source, target = model.tokenizers.source.vocabulary, model.tokenizers.target.vocabulary
    spec.register_source_vocabulary([*SPECIALS, *source.tokens, UNKNOWN])
    spec.register_target_vocabulary([*SPECIALS, *target.tokens, UNKNOWN])
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = *SPECIALS[1:], UNKNOWN
    spec.config.decoder_start_token = SPECIALS[SOS]
    spec.config.add_source_bos = spec.config.add_source_eos = False
    spec.config.layer_norm_epsilon = 1e-5
    spec.config.add_attribute("vocab_hash", model.tokenizers.hash)
    spec.config.add_attribute("jsl_seq2seq_version", __version__)
    spec.validate()
    spec.optimize()
    with tempfile.TemporaryDirectory() as folder:
        spec.save(folder)
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
    return Exported(files)


def _specification(model: SavedModel) -> Any:
    config, named = model.config, calibrated(model)
    spec: Any = TransformerSpec.from_config(
        config.n_layers, config.n_heads, pre_norm=True, activation=common_spec.Activation.RELU
    )
    positions = position_encodings(config)
    for side, part in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        embeddings = part.embeddings[0] if side == "encoder" else part.embeddings
        embeddings.weight = _with_unknown(named[f"{side}.embedding.weight"], 0)
        part.scale_embeddings = math.sqrt(config.d_model) if config.embedding_scale else 1.0
        part.position_encodings.encodings = positions
        _norm(part.layer_norm, named, f"{side}.final_norm")
        for index, layer in enumerate(part.layer):
            name = f"{side}.layers.{index}"
            attention = layer.self_attention
            _norm(attention.layer_norm, named, f"{name}.norm1")
            _linear(attention.linear[0], named, f"{name}.self_attn", "q_proj", "k_proj", "v_proj")
            _linear(attention.linear[1], named, f"{name}.self_attn", "out_proj")
            if side == "decoder":
                attention = layer.attention
                _norm(attention.layer_norm, named, f"{name}.norm2")
                _linear(attention.linear[0], named, f"{name}.cross_attn", "q_proj")
                _linear(attention.linear[1], named, f"{name}.cross_attn", "k_proj", "v_proj")
                _linear(attention.linear[2], named, f"{name}.cross_attn", "out_proj")
            _norm(layer.ffn.layer_norm, named, f"{name}.norm{2 if side == 'encoder' else 3}")
            _linear(layer.ffn.linear_0, named, f"{name}.feed_forward", "linear1")
            _linear(layer.ffn.linear_1, named, f"{name}.feed_forward", "linear2")
    weight, bias = output_layer(model, named)
    bias = bias.copy()
    if config.specials_masked:
        bias[[PAD, SOS]] = IMPOSSIBLE
    spec.decoder.projection.weight = _with_unknown(weight, 0)
    spec.decoder.projection.bias = _with_unknown(bias, IMPOSSIBLE)
    return spec


def _with_unknown(rows: np.ndarray, value: float) -> np.ndarray:
    """One more row, of this value."""
    return np.concatenate([rows, np.full((1, *rows.shape[1:]), value, np.float32)])


def _norm(spec: Any, named: Mapping[str, np.ndarray], name: str) -> None:
    spec.gamma, spec.beta = named[f"{name}.weight"], named[f"{name}.bias"]


def _linear(spec: Any, named: Mapping[str, np.ndarray], name: str, *layers: str) -> None:
    """Layers of one input as one: [I, O] each -> [ΣO, I]."""
    spec.weight = np.concatenate([named[f"{name}.{layer}.weight"].T for layer in layers])
    spec.bias = np.concatenate([named[f"{name}.{layer}.bias"] for layer in layers])
