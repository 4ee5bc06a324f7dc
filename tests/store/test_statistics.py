"""Mean, spread and range of parameters."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jsl_seq2seq.store.statistics import layer_of, layer_statistics

from ..small_models import trained_small

ARRAYS = hnp.arrays(
    np.float32,
    hnp.array_shapes(max_dims=2, max_side=6),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@given(ARRAYS)
def test_against_numpy(values: np.ndarray) -> None:
    found = layer_statistics({"decoder.embedding.weight": values})["decoder.embedding"]["weight"]
    wide = values.astype(np.float64)
    np.testing.assert_allclose(found["mean"], np.mean(wide), rtol=1e-12)
    np.testing.assert_allclose(found["std"], np.sqrt(np.mean((wide - wide.mean()) ** 2)), rtol=1e-9)
    assert (found["min"], found["max"]) == (wide.min(), wide.max())
    json.dumps(found, allow_nan=False)


def test_every_parameter_in_order() -> None:
    parameters = trained_small().parameters
    layers = layer_statistics(parameters)
    found = {f"{layer}.{name}": row for layer, rows in layers.items() for name, row in rows.items()}
    assert list(found) == list(parameters)
    assert all(row["min"] <= row["mean"] <= row["max"] and row["std"] >= 0 for row in found.values())


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("encoder.embedding.weight", "encoder.embedding"),
        ("encoder.layers.0.self_attn.q_proj.weight", "encoder.layers.0"),
        ("decoder.layers.12.norm3.bias", "decoder.layers.12"),
        ("decoder.final_norm.bias", "decoder.final_norm"),
        ("decoder.output_projection.bias", "decoder.output_projection"),
    ],
)
def test_which_layer_a_parameter_belongs_to(name: str, layer: str) -> None:
    assert layer_of(name) == layer
