"""CUDA graphs: whole steps of training and decoding, recorded and replayed (on a stand-in for the GPU)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.registry import Backend, choose_backend
from jsl_seq2seq.data.batching import EncodedPair, make_batch
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.search import GraphGreedy, greedy
from jsl_seq2seq.settings import ModelConfig, TrainingConfig, VocabSize
from jsl_seq2seq.training.trainer import Trainer

from ..backend_cases import require

CONFIG = ModelConfig(VocabSize(20, 12), d_model=8, n_heads=2, n_layers=2, d_ff=16)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Opens PyTorch on the CPU as if it were a GPU."""
    require("torch")
    from jsl_seq2seq.backends.torch import CudaOps  # noqa: PLC0415

    from .torch_graphs import install  # noqa: PLC0415

    install(monkeypatch)
    monkeypatch.setattr(CudaOps, "unroll", 3)
    monkeypatch.setattr(CudaOps, "pad_multiple", 4)
    return lambda tape, precision="fp32": CudaOps(tape, "cpu", precision=precision)


def losses(backend: Backend, training: TrainingConfig, steps: int = 14) -> tuple[list[float], np.ndarray]:
    trainer = Trainer(backend, CONFIG, training, initial_parameters(CONFIG, seed=0))
    generator = np.random.default_rng(0)
    found = []
    for step in range(steps):
        pairs = [
            EncodedPair(
                tuple(generator.integers(3, 20, 3 + step % 2 + row).tolist()),
                tuple(generator.integers(3, 12, 2 + row).tolist()),
            )
            for row in range(2)
        ]
        found.append(float(trainer.ops.to_host(trainer.update(make_batch(pairs)))))
    return found, np.concatenate([value.ravel() for value in trainer.parameters().values()])


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_captured_training_is_training(opened: Callable[..., Any], dropout: float) -> None:
    training = TrainingConfig(dropout=dropout, label_smoothing=0.1, warmup_steps=1)
    found, _ = losses(Backend("torch", opened, ""), training)
    wanted, _ = losses(choose_backend("ndarray"), training)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_training_in_bf16_stays_near(opened: Callable[..., Any]) -> None:
    training = TrainingConfig(warmup_steps=1)
    found, parameters = losses(Backend("torch", lambda tape: opened(tape, "bf16"), ""), training)
    wanted, _ = losses(choose_backend("ndarray"), training)
    assert parameters.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0.05)
    assert found != wanted


def test_captured_decoding_is_decoding(opened: Callable[..., Any]) -> None:
    values = initial_parameters(CONFIG, seed=0)
    values["decoder.output_projection.weight"] *= 5
    ops, plain = opened(None), choose_backend("ndarray").open(None)
    model = Transformer(ops, {name: ops.array(value) for name, value in values.items()}, CONFIG)
    reference = Transformer(plain, values, CONFIG)
    graph = GraphGreedy(ops, model)
    generator = np.random.default_rng(0)
    for _ in range(6):
        sources = [generator.integers(3, 20, length).tolist() for length in (3, 5)]
        found = greedy(ops, model, sources, 9, graph)
        wanted = greedy(plain, reference, sources, 9)
        assert [one.ids for one in found] == [one.ids for one in wanted]
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-4)
