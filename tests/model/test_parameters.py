"""Names, shapes and order are a contract with every saved model."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.model import parameter_specs
from jsl_seq2seq.settings import ModelConfig, VocabSize

from .reference import empty_transformer

GOLDEN = Path(__file__).parents[1] / "golden" / "tiny_parameters.json"
TINY = ModelConfig(VocabSize(7, 6), d_model=4, n_heads=2, n_layers=2, d_ff=5)
REFERENCE = ModelConfig(VocabSize(89, 82))
"""The original's: 86 characters and 79 tags, each with three special tokens."""


def test_names_shapes_and_order() -> None:
    """A change here makes every saved model unreadable: it needs a new format_version, not a new golden file."""
    found = [[name, list(spec.shape)] for name, spec in parameter_specs(TINY).items()]
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_originals_setting_is_the_default() -> None:
    assert (REFERENCE.d_model, REFERENCE.n_heads, REFERENCE.d_ff, REFERENCE.n_layers) == (16, 2, 32, 4)
    specs = parameter_specs(REFERENCE)
    assert specs["decoder.output_projection.weight"].shape == (16, 82)
    assert specs["encoder.embedding.weight"].shape == (89, 16)
    assert {name.split(".")[2] for name in specs if ".layers." in name} == set("0123")


@pytest.mark.parametrize("config", [TINY, REFERENCE, replace(TINY, final_norm=False)])
def test_as_many_parameters_as_pytorch_has(config: ModelConfig) -> None:
    core = empty_transformer(config)
    embeddings = (config.vocab_size.source + config.vocab_size.target) * config.d_model
    projection = (config.d_model + 1) * config.vocab_size.target
    wanted = sum(parameter.numel() for parameter in core.parameters()) + embeddings + projection
    assert sum(spec.size for spec in parameter_specs(config).values()) == wanted


def test_size_is_the_product_of_the_shape() -> None:
    for spec in parameter_specs(TINY).values():
        assert spec.size == math.prod(spec.shape) == np.zeros(spec.shape).size


def test_initial_distributions() -> None:
    for name, spec in parameter_specs(REFERENCE).items():
        if "norm" in name:
            wanted = ("constant", 1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("bias"):
            wanted = ("constant", 0.0)
        elif "embedding" in name:
            wanted = ("normal", 0.25)  # 1/√16
        else:
            wanted = ("uniform", math.sqrt(6 / sum(spec.shape)))  # Glorot
        assert (spec.distribution, spec.spread) == pytest.approx(wanted)
