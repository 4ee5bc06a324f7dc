"""Looking inside: what is seen, what it is called, and that looking changes nothing."""

from __future__ import annotations

import gc
import weakref

import numpy as np
from hypothesis import given

from jsl_seq2seq.model import Capture
from jsl_seq2seq.settings import PAD, ModelConfig, VocabSize

from ..backend_cases import Backend
from .reference import Problem, model_on, problems, random_batch, random_parameters

CONFIG = ModelConfig(VocabSize(9, 8), d_model=8, n_heads=2, n_layers=2, d_ff=12)


@given(problem=problems())
def test_names_shapes_and_rows(backend: Backend, problem: Problem) -> None:
    config, values, batch = problem.config, problem.parameters, problem.batch
    ops, model = model_on(backend, values, config)
    capture = Capture()
    model(ops.array(batch.source), ops.array(batch.target_in), observe=capture)

    layers = range(config.n_layers)
    assert list(capture.weights) == [f"encoder.{i}.self" for i in layers] + [
        f"decoder.{i}.{kind}" for i in layers for kind in ("self", "cross")
    ]
    (rows, s), t = batch.source.shape, batch.target_in.shape[1]
    real = (batch.source != PAD)[:, None, None, :]
    for name, array in capture.weights.items():
        weights = ops.to_host(array)
        if name.startswith("encoder"):
            shape, visible = (rows, config.n_heads, s, s), real
        elif name.endswith("self"):
            shape, visible = (rows, config.n_heads, t, t), np.tri(t, dtype=bool)
        else:
            shape, visible = (rows, config.n_heads, t, s), real
        assert weights.shape == shape
        assert np.all(weights[~np.broadcast_to(visible, shape)] == 0)
        assert np.all(weights >= 0)
        np.testing.assert_allclose(weights.sum(axis=-1, dtype=np.float64), 1, rtol=0, atol=1e-6)


def test_observing_changes_nothing(backend: Backend) -> None:
    ops, model = model_on(backend, random_parameters(CONFIG, 1), CONFIG)
    source, target, _ = (ops.array(ids) for ids in random_batch(CONFIG, [4, 2], [3, 1], 2))
    plain = ops.to_host(model(source, target))
    observed = ops.to_host(model(source, target, observe=Capture()))
    np.testing.assert_array_equal(ops.to_host(model(source, target)), plain)
    if backend.name == "torch":  # asking selects the explicit path instead of the fused one
        np.testing.assert_allclose(observed, plain, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(observed, plain)


def test_the_captured_weights_are_those_that_mixed_the_values(backend: Backend) -> None:
    """Attending to one character alone is certain: its column holds all the weight."""
    ops, model = model_on(backend, random_parameters(CONFIG, 1), CONFIG)
    capture = Capture()
    model(ops.array([[5, PAD, PAD]]), ops.array([[1, 4]]), observe=capture)
    for name in ("encoder.0.self", "decoder.1.cross"):
        weights = ops.to_host(capture.weights[name])
        np.testing.assert_array_equal(weights[..., 0], 1)
        np.testing.assert_array_equal(weights[..., 1:], 0)


def test_without_an_observer_nothing_is_kept() -> None:
    """Every array that softmax made is gone once the logits are there (NumPy, whose arrays can be watched)."""
    ops, model = model_on(Backend("ndarray"), random_parameters(CONFIG, 1), CONFIG)
    softmax, made = ops.softmax, []

    def watched(*arguments: object) -> object:
        made.append(weakref.ref(result := softmax(*arguments)))  # type: ignore[arg-type]
        return result

    ops.softmax = watched  # type: ignore[method-assign, assignment]
    source, target = ops.array([[5, 3]]), ops.array([[1, 4]])
    model(source, target)
    gc.collect()
    assert len(made) == 6
    assert not [reference for reference in made if reference() is not None]
    capture = Capture()
    model(source, target, observe=capture)
    assert len([reference for reference in made if reference() is not None]) == 6
    del capture  # the observer kept them, not the model
    gc.collect()
    assert not [reference for reference in made if reference() is not None]
