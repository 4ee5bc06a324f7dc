"""Sentences as ids, for exports to be compared on, and what NumPy makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import resources

import numpy as np

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.search import Hypothesis, greedy
from jsl_seq2seq.settings import PAD, SOS
from jsl_seq2seq.store import SavedModel
from jsl_seq2seq.translate.translator import split_sentences


def random_sentences(model: SavedModel, count: int) -> list[tuple[int, ...]]:
    """Random source ids of 1 to 11 tokens."""
    rng = np.random.default_rng(0)
    size = model.config.vocab_size.source
    return [tuple(rng.integers(3, size, 1 + index % 11).tolist()) for index in range(count)]


def without_specials(model: SavedModel) -> SavedModel:
    """The model with PAD and SOS as improbable as exports make them. Here they are never chosen, but have their share
    of every softmax."""
    name = "decoder.output_projection.bias"
    bias = model.parameters[name].copy()
    bias[[PAD, SOS]] = -50
    return replace(model, parameters={**model.parameters, name: bias})


def handwritten_texts() -> list[str]:
    """The sentences that people wrote, cut as the translator cuts them."""
    lines = (resources.files("jsl_seq2seq") / "assets" / "handwritten.tsv").read_text(encoding="utf-8")
    texts = [line.split("\t")[0] for line in lines.splitlines() if "\t" in line and line[0] != "#"]
    return [text[start:end] for text in texts for start, end in split_sentences(text)]


def handwritten(model: SavedModel) -> list[tuple[int, ...]]:
    """The same as the model reads them."""
    return [model.tokenizers.source.encode(text).ids for text in handwritten_texts()]


def translations(model: SavedModel, sources: Sequence[Sequence[int]]) -> list[Hypothesis]:
    """NumPy's greedy translations without constraints."""
    ops = NumpyOps()
    network = Transformer(ops, {name: ops.array(one) for name, one in model.parameters.items()}, model.config)
    found: list[Hypothesis] = []
    for start in range(0, len(sources), 64):
        found += greedy(ops, network, sources[start : start + 64], model.config.max_seq_len)
    return found
