"""The same Transformer, independently: PyTorch's own ``nn.Transformer`` with our parameters in it.

Nothing here is shared with src but the parameters' names. Where ours stores a weight input x output and has
three projections, PyTorch stores output x input and has the three in one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from jsl_seq2seq.backends.interface import Array, InferenceOps
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.model import Transformer, parameter_specs
from jsl_seq2seq.settings import EOS, PAD, SOS, ModelConfig, VocabSize

from ..backend_cases import Backend, Ops

Parameters = dict[str, np.ndarray]
FIRST_WORD = EOS + 1
"""The first id that is no special token."""


class Batch(NamedTuple):
    """Integers: source [B, S], the right tags so far and the next ones, both [B, T]."""

    source: np.ndarray
    target_in: np.ndarray
    target_out: np.ndarray


@dataclass(frozen=True)
class Answer:
    """What a model makes of a batch."""

    logits: np.ndarray
    loss: float
    gradients: Parameters


def torch_logits(parameters: Mapping[str, Tensor], config: ModelConfig, batch: Batch) -> Tensor:
    """Teacher forcing, [B, T, V]."""
    source, target = torch.from_numpy(batch.source), torch.from_numpy(batch.target_in)
    x = nn.functional.embedding(source, parameters["encoder.embedding.weight"])
    y = nn.functional.embedding(target, parameters["decoder.embedding.weight"])
    factor = config.d_model**0.5 if config.embedding_scale else 1
    padding = source == PAD
    masks = {
        "tgt_mask": torch.ones(y.shape[1], y.shape[1], dtype=torch.bool).triu(1),
        "src_key_padding_mask": padding,
        "memory_key_padding_mask": padding,
    }
    hidden = torch.func.functional_call(
        empty_transformer(config),
        _renamed(parameters),
        (x * factor + _waves(x), y * factor + _waves(y)),
        masks if config.attention_masks else {},
    )
    projection = "decoder.output_projection"
    return hidden @ parameters[f"{projection}.weight"] + parameters[f"{projection}.bias"]


def torch_answer(values: Parameters, config: ModelConfig, batch: Batch, label_smoothing: float = 0) -> Answer:
    """Logits, loss and gradients in float64, by PyTorch's autograd."""
    parameters = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()
    }
    logits = torch_logits(parameters, config, batch)
    loss = nn.functional.cross_entropy(
        logits.flatten(0, 1),
        torch.from_numpy(batch.target_out).flatten(),
        ignore_index=PAD,
        label_smoothing=label_smoothing,
    )
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    return Answer(
        logits.detach().numpy(),
        loss.item(),
        {name: gradient.numpy() for name, gradient in zip(parameters, gradients, strict=True)},
    )


def our_answer(
    backend: Backend, values: Parameters, config: ModelConfig, batch: Batch, label_smoothing: float = 0
) -> Answer:
    """The same from the model under test, on any backend."""
    ops = backend.ops(Tape())
    parameters, _ = on_device(ops, values)
    model = Transformer(ops, parameters, config)
    source, target_in, target_out = (ops.array(ids) for ids in batch)
    logits = ops.to_host(model(source, target_in))
    loss = model.loss(source, target_in, target_out, label_smoothing)
    flat = ops.to_host(ops.gradients(loss, parameters))
    gradients, start = {}, 0
    for name, value in values.items():
        gradients[name] = flat[start : start + value.size].reshape(value.shape)
        start += value.size
    assert start == flat.size
    return Answer(logits, float(ops.to_host(loss)), gradients)


def model_on(backend: Backend, values: Parameters, config: ModelConfig) -> tuple[Ops, Transformer]:
    """For inference."""
    ops = backend.ops()
    return ops, Transformer(ops, on_device(ops, values)[0], config)


def on_device(ops: InferenceOps, values: Parameters) -> tuple[dict[str, Array], Array]:
    """The parameters as training holds them: pieces of one flat array, and that array."""
    flat = ops.array(np.concatenate([value.ravel() for value in values.values()]))
    return ops.named_views(flat, {name: value.shape for name, value in values.items()}), flat


def random_parameters(config: ModelConfig, seed: int) -> Parameters:
    """Values nothing like an initialisation, so that no bias is 0 and no gain is 1."""
    random = np.random.default_rng(seed)
    values: Parameters = {}
    for name, spec in parameter_specs(config).items():
        gain = "norm" in name and name.endswith("weight")
        values[name] = random.normal(float(gain), 0.4, spec.shape)
    return values


def random_batch(
    config: ModelConfig, sources: list[int], targets: list[int], seed: int, spare: int = 0
) -> Batch:
    """Sentences of the given lengths (a target's counts EOS), padded at the end to the longest and ``spare`` more."""
    random = np.random.default_rng(seed)
    source = np.full((len(sources), max(sources) + spare), PAD)
    target_in = np.full((len(targets), max(targets) + spare), PAD)
    target_out = target_in.copy()
    for row, (s, t) in enumerate(zip(sources, targets, strict=True)):
        source[row, :s] = random.integers(FIRST_WORD, config.vocab_size.source, s)
        tags = random.integers(FIRST_WORD, config.vocab_size.target, t - 1)
        target_in[row, :t] = [SOS, *tags]
        target_out[row, :t] = [*tags, EOS]
    return Batch(source, target_in, target_out)


@dataclass(frozen=True)
class Problem:
    """A small model and sentences for it, small enough to read in a failure's report."""

    config: ModelConfig
    sources: list[int]
    targets: list[int]
    spare: int
    seed: int

    @property
    def parameters(self) -> Parameters:
        """As :func:`random_parameters` makes them."""
        return random_parameters(self.config, self.seed)

    @property
    def batch(self) -> Batch:
        """As :func:`random_batch` makes it."""
        return random_batch(self.config, self.sources, self.targets, self.seed, self.spare)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """One sentence, one character and one tag included. Not d_model 2, where LayerNorm is a sign function."""
    heads, width = draw(st.sampled_from([(1, 4), (2, 2), (4, 1), (1, 6), (3, 2), (2, 4), (3, 4)]))
    vocabulary, lengths, rows = st.integers(4, 9), st.integers(1, 6), draw(st.integers(1, 3))
    return Problem(
        ModelConfig(
            VocabSize(draw(vocabulary), draw(vocabulary)),
            d_model=heads * width,
            n_heads=heads,
            n_layers=draw(st.integers(1, 2)),
            d_ff=draw(st.integers(1, 9)),
        ),
        draw(st.lists(lengths, min_size=rows, max_size=rows)),
        draw(st.lists(lengths, min_size=rows, max_size=rows)),
        draw(st.integers(0, 2)),
        draw(st.integers(0, 2**32 - 1)),
    )


@cache
def empty_transformer(config: ModelConfig) -> nn.Transformer:
    """PyTorch's model without values: every parameter is put in when it is called."""
    place: dict[str, Any] = {"device": "meta", "dtype": torch.float64}
    sizes = (config.d_model, config.n_heads, config.d_ff)
    options: dict[str, Any] = {"dropout": 0.0, "batch_first": True, "norm_first": True, **place}
    encoder_norm, decoder_norm = (
        nn.LayerNorm(config.d_model, **place) if config.final_norm else None for _ in range(2)
    )
    encoder, decoder = (
        nn.TransformerEncoderLayer(*sizes, **options),
        nn.TransformerDecoderLayer(*sizes, **options),
    )
    return nn.Transformer(
        config.d_model,
        config.n_heads,
        custom_encoder=nn.TransformerEncoder(
            encoder, config.n_layers, encoder_norm, enable_nested_tensor=False
        ),
        custom_decoder=nn.TransformerDecoder(decoder, config.n_layers, decoder_norm),
        **options,
    )


def _renamed(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our parameters under PyTorch's names; a differentiable mapping, so gradients come back to ours."""
    renamed: dict[str, Tensor] = {}
    for name, value in parameters.items():
        if "embedding" in name or "output_projection" in name:
            continue
        stored = value.T if value.ndim == 2 else value
        theirs = name.replace("final_norm", "norm").replace("feed_forward.", "")
        theirs = theirs.replace("cross_attn", "multihead_attn")
        if "q_proj" in name:
            parts = [parameters[name.replace("q_proj", f"{letter}_proj")] for letter in "qkv"]
            stored = torch.cat([part.T if part.ndim == 2 else part for part in parts])
            theirs = theirs.replace("q_proj.", "in_proj_")
        elif "k_proj" in name or "v_proj" in name:
            continue
        renamed[theirs] = stored
    return renamed


def _waves(x: Tensor) -> Tensor:
    """Sinusoidal positions [T, D], as complex exponentials: sin is the imaginary part, cos the real one."""
    length, d_model = x.shape[1:]
    speeds = torch.exp(torch.arange(0, d_model, 2, dtype=torch.float64) * (-math.log(10000) / d_model))
    turns = torch.polar(torch.ones(length, d_model // 2).double(), torch.arange(length)[:, None] * speeds)
    return torch.stack([turns.imag, turns.real], dim=-1).flatten(1)
