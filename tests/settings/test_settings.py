"""Settings that describe no model or training, refused under the field's name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.settings import ModelConfig, TrainingConfig, VocabSize, require_range
from jsl_seq2seq.settings.presets import PRESETS, preset_options

from ..refusals import refused

SIZE = VocabSize(10, 10)


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("epochs", 0, "setting-out-of-range"),
        ("batch_size", 10**7, "setting-out-of-range"),
        ("learning_rate", 0.0, "setting-not-positive"),
        ("learning_rate", math.inf, "setting-not-positive"),
        ("clip_norm", -1.0, "setting-negative"),
        ("dropout", 1.0, "setting-not-a-share"),
        ("label_smoothing", math.nan, "setting-not-a-share"),
        ("schedule", "linear", "unknown-choice"),
        ("keep", "all", "unknown-choice"),
    ],
)
def test_an_impossible_training(setting: str, value: Any, code: str) -> None:
    with refused(UserError, setting, f"--{setting.replace('_', '-')}", code=code, setting=setting):
        TrainingConfig(**{setting: value})


def test_an_impossible_model() -> None:
    with refused(UserError, "d_ff", code="setting-out-of-range", setting="d_ff", value=0, low=1, high=2**20):
        ModelConfig(SIZE, d_ff=0)
    with refused(
        UserError,
        "d_model（16）",
        "--d-model（16）",
        "--n-heads（3）",
        code="d-model-not-divisible",
        settings={"d_model": 16, "n_heads": 3},
    ):
        ModelConfig(SIZE, n_heads=3)
    with refused(UserError, "奇数", code="d-model-odd", value=3):
        ModelConfig(SIZE, d_model=3, n_heads=1)
    with refused(UserError, code="setting-out-of-range", setting="source_length", high=8):
        ModelConfig(SIZE, max_seq_len=8, source_length=9)


def test_json_that_is_no_configuration() -> None:
    plain = TrainingConfig().to_json()
    with refused(UserError, "speed", code="unknown-keys", section="training", keys=["speed"]):
        TrainingConfig.from_json({**plain, "speed": 1})
    with refused(UserError, code="mistyped-value", key="training.epochs", expected="int", found=True):
        TrainingConfig.from_json({**plain, "epochs": True})
    model = ModelConfig(SIZE).to_json()
    with refused(UserError, code="mistyped-value", key="model.vocab_size"):
        ModelConfig.from_json({**model, "vocab_size": 20})
    with refused(UserError, code="missing-keys", section="model.vocab_size", keys=["target"]):
        ModelConfig.from_json({**model, "vocab_size": {"source": 10}})
    assert ModelConfig.from_json(model) == ModelConfig(SIZE)


def test_a_long_number_is_cut() -> None:
    with pytest.raises(UserError) as caught:
        require_range("seed", 10**400, 0, 1)
    assert "401 文字" in caught.value.what and len(caught.value.what) < 100


def test_presets() -> None:
    assert preset_options(None) == {}
    assert preset_options("base")["d_model"] == 128
    with refused(UserError, "--preset", code="unknown-choice", setting="preset", choices=tuple(PRESETS)):
        preset_options("huge")
