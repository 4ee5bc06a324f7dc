"""One update after another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.data.batching import Batch, make_batch
from jsl_seq2seq.data.encoding import encode_pairs
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import ModelConfig, TrainingConfig
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.training import Trainer

from ..small_models import eight_sentences, same_arrays

TOKENIZERS = Tokenizers().learn(eight_sentences().pairs)
CONFIG = ModelConfig(TOKENIZERS.size, d_model=8, n_heads=2, n_layers=1, d_ff=16)
TRAINING = TrainingConfig(learning_rate=0.01, warmup_steps=1)


def batch(count: int = 4) -> Batch:
    return make_batch(encode_pairs(eight_sentences().pairs[:count], TOKENIZERS))


def trainer(training: TrainingConfig = TRAINING) -> Trainer:
    return Trainer(choose_backend("ndarray"), CONFIG, training, initial_parameters(CONFIG, 0))


def test_learning_lowers_the_loss() -> None:
    learner = trainer()
    before = learner.loss(batch())
    for _ in range(30):
        learner.update(batch())
    assert learner.step == 30
    assert learner.loss(batch()) < before / 2


def test_update_returns_the_loss_before_the_step() -> None:
    learner = trainer()
    learner_loss = trainer().loss(batch())
    assert float(learner.ops.to_host(learner.update(batch()))) == pytest.approx(learner_loss, rel=1e-6)
    assert learner.loss(batch()) < learner_loss


def test_measuring_changes_nothing() -> None:
    learner, quiet = trainer(), trainer()
    for _ in range(3):
        learner.loss(batch(8))
        learner.update(batch())
        quiet.update(batch())
    assert same_arrays(learner.parameters(), quiet.parameters())


def test_measuring_is_without_dropout_and_smoothing() -> None:
    noisy = trainer(replace(TRAINING, dropout=0.5, label_smoothing=0.3))
    assert noisy.loss(batch()) == trainer().loss(batch())


def test_dropout_and_smoothing_change_what_is_learnt() -> None:
    results = []
    for training in (
        TRAINING,
        replace(TRAINING, dropout=0.1),
        replace(TRAINING, label_smoothing=0.1),
        replace(TRAINING, clip_norm=0),
        replace(TRAINING, clip_norm=0.01),
        replace(TRAINING, dropout=0.1, consistency=1.0),
    ):
        learner = trainer(training)
        for _ in range(2):
            learner.update(batch())
        results.append(b"".join(array.tobytes() for array in learner.parameters().values()))
    assert len(set(results)) == 6


def test_each_step_drops_something_else_and_the_seed_decides() -> None:
    training = replace(TRAINING, dropout=0.5, learning_rate=1e-30)
    learners = [trainer(replace(training, seed=seed)) for seed in (0, 0, 1)]
    losses = [float(one.ops.to_host(one.update(batch()))) for one in learners]
    assert losses[0] == losses[1] != losses[2]
    learner = trainer(training)
    assert len({float(learner.ops.to_host(learner.update(batch()))) for _ in range(5)}) == 5


def test_copies_do_not_change_with_the_trainer() -> None:
    learner = trainer()
    learner.update(batch())
    parameters, moments = learner.parameters(), learner.moments()
    kept = {name: array.copy() for name, array in parameters.items()}
    kept_m = {name: array.copy() for name, array in moments.m.items()}
    learner.update(batch())
    assert same_arrays(parameters, kept) and same_arrays(moments.m, kept_m)
    assert not same_arrays(learner.parameters(), kept)


def test_the_given_parameters_are_not_changed() -> None:
    given = initial_parameters(CONFIG, 0)
    Trainer(choose_backend("ndarray"), CONFIG, TRAINING, given).update(batch())
    assert same_arrays(given, initial_parameters(CONFIG, 0))


def test_the_first_step_is_adams() -> None:
    """m = (1-β₁) g, v = (1-β₂) g², so θ moves by the learning rate against the gradient's sign."""
    learner = trainer(replace(TRAINING, clip_norm=0))
    before = learner.parameters()
    learner.update(batch())
    after, moments = learner.parameters(), learner.moments()
    for name in before:
        gradient = moments.m[name] / (1 - TRAINING.beta1)
        clear = np.abs(gradient) > 1e-5
        np.testing.assert_allclose(
            (after[name] - before[name])[clear], -0.01 * np.sign(gradient[clear]), rtol=2e-3, atol=1e-6
        )
        np.testing.assert_allclose(
            moments.v[name][clear], (1 - TRAINING.beta2) * gradient[clear] ** 2, rtol=1e-3
        )
