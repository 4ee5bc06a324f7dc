"""Untrained models whose choices differ from place to place."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import DecodingOps
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.search import Hypothesis
from jsl_seq2seq.settings import EOS, PAD, SOS, ModelConfig, VocabSize

CONFIG = ModelConfig(VocabSize(20, 9), d_model=8, n_heads=2, n_layers=2, d_ff=16, max_seq_len=6)
SOURCES = st.lists(st.lists(st.integers(3, 19), min_size=1, max_size=8), min_size=1, max_size=6)
"""Source ids of a few sentences."""

_OPS = NumpyOps()


def parameters(seed: int, config: ModelConfig = CONFIG, **favours: float) -> dict[str, np.ndarray]:
    """Initial weights; ``favours`` are added to the logits of the specials named."""
    values = initial_parameters(config, seed)
    # flat logits: without this an untrained model says the same tag for ever
    values["decoder.embedding.weight" if config.tied_embeddings else "decoder.output_projection.weight"] *= 5
    for name, favour in favours.items():
        values["decoder.output_projection.bias"][{"PAD": PAD, "SOS": SOS, "EOS": EOS}[name]] += favour
    return values


def network(seed: int = 0, config: ModelConfig = CONFIG, **favours: float) -> Transformer:
    """A model on the reference backend."""
    return Transformer(_OPS, parameters(seed, config, **favours), config)


def network_on(ops: DecodingOps, seed: int, config: ModelConfig = CONFIG, **favours: float) -> Transformer:
    """The same model on another backend."""
    values = parameters(seed, config, **favours)
    return Transformer(ops, {name: ops.array(value) for name, value in values.items()}, config)


def by_definition(ops: DecodingOps, model: Transformer, source: list[int], max_length: int) -> Hypothesis:
    """Greedy decoding of one sentence: the whole prefix again for every tag, no cache."""
    ids: list[int] = []
    log_probs: list[float] = []
    while True:
        logits = model(ops.array(np.array([source])), ops.array(np.array([[SOS, *ids]])))
        last = ops.to_host(logits)[0, -1].astype(np.float64)
        scores = last - np.log(np.exp(last - last.max()).sum()) - last.max()
        scores[[PAD, SOS]] = -np.inf
        best = int(scores.argmax())
        if best != EOS and len(ids) == max_length:
            return Hypothesis(tuple(ids), tuple(log_probs), False)
        log_probs.append(float(scores[best]))
        if best == EOS:
            return Hypothesis(tuple(ids), tuple(log_probs), True)
        ids.append(best)


def assert_same(one: Hypothesis, other: Hypothesis, tolerance: float = 1e-5) -> None:
    assert (one.ids, one.finished) == (other.ids, other.finished)
    np.testing.assert_allclose(one.log_probs, other.log_probs, atol=tolerance)
