"""The formula on one screen, against PyTorch's scaled_dot_product_attention."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.backends.interface import Array, Mask
from jsl_seq2seq.model.attention import MultiHeadAttention, attention
from jsl_seq2seq.settings import PAD, ModelConfig, VocabSize

from ..backend_cases import Backend, Ops, assert_close, normal
from ..backends.oracle import seeds, sizes
from .reference import random_parameters


@given(batch=sizes, heads=sizes, queries=sizes, keys=sizes, width=sizes, seed=seeds)
def test_attention(
    backend: Backend, batch: int, heads: int, queries: int, keys: int, width: int, seed: int
) -> None:
    query = backend.rounded(normal(seed, batch, heads, queries, width))
    key, value = (backend.rounded(normal(seed + i, batch, heads, keys, width)) for i in (1, 2))
    ids = np.random.default_rng(seed).integers(0, 3, (batch, keys))
    ids[:, 0] = 1
    ops = backend.ops()
    mixed, weights = attention(
        ops, ops.array(query), ops.array(key), ops.array(value), ops.padding_mask(ops.array(ids), PAD)
    )
    wanted = torch.nn.functional.scaled_dot_product_attention(
        *(torch.from_numpy(x) for x in (query, key, value)),
        attn_mask=torch.from_numpy(ids != PAD)[:, None, None, :],
    )
    assert_close(ops.to_host(mixed), wanted.numpy(), backend.dtype)
    assert tuple(weights.shape) == (batch, heads, queries, keys)
    np.testing.assert_allclose(ops.to_host(weights) @ value, wanted.numpy(), rtol=1e-5, atol=2e-6)


@given(batch=sizes, heads=sizes, length=sizes, width=sizes, causal=st.booleans(), seed=seeds)
def test_fused_attention_says_the_same(
    backend: Backend, batch: int, heads: int, length: int, width: int, causal: bool, seed: int
) -> None:
    """On backends that have it; forward and gradient, fully masked rows included."""
    ids = np.random.default_rng(seed).integers(0, 2, (batch, length))
    inputs = [backend.rounded(normal(seed + i, batch, heads, length, width)) for i in range(3)]
    direction = backend.rounded(normal(seed + 3, batch, heads, length, width))

    def mask(ops: Ops) -> Mask:
        return ops.causal_mask(length) if causal else ops.padding_mask(ops.array(ids), PAD)

    def explicit(ops: Ops, query: Array, key: Array, value: Array) -> Array:
        return attention(ops, query, key, value, mask(ops))[0]

    def fused(ops: Ops, query: Array, key: Array, value: Array) -> Array:
        found = ops.fused_attention(query, key, value, mask(ops))
        return explicit(ops, query, key, value) if found is None else found

    wanted, gradients = backend.differentiate(explicit, inputs, direction)
    found, fused_gradients = backend.differentiate(fused, inputs, direction)
    assert_close(found, wanted, backend.dtype, slack=3)
    for ours, expected in zip(fused_gradients, gradients, strict=True):
        assert_close(ours, expected, backend.dtype, slack=3)


def test_without_a_mask_everything_is_seen(backend: Backend) -> None:
    ops = backend.ops()
    same = ops.zeros((1, 1, 3, 2))
    _, weights = attention(ops, same, same, same)
    np.testing.assert_allclose(ops.to_host(weights), 1 / 3, rtol=1e-6)


def test_heads_do_not_mix_before_the_output_projection(backend: Backend) -> None:
    """Head h reads columns h·E to (h+1)·E of the projections: what another head's columns hold changes nothing."""
    config = ModelConfig(VocabSize(5, 5), d_model=6, n_heads=3, n_layers=1, d_ff=4)
    name, values = "encoder.layers.0.self_attn", random_parameters(config, 1)
    seen: list[np.ndarray] = []

    def run() -> None:
        ops = backend.ops()
        parameters = {key: ops.array(value) for key, value in values.items()}
        layer = MultiHeadAttention(ops, parameters, name, 3, "here")
        x = ops.array(normal(3, 2, 4, 6))
        layer(x, x, None, lambda label, weights: seen.append(ops.to_host(weights)))

    run()
    values[f"{name}.q_proj.weight"][:, 2:4] += 1  # the middle head
    run()
    changed = np.abs(seen[0] - seen[1]).max(axis=(0, 2, 3)) > 1e-4
    assert changed.tolist() == [False, True, False]
