"""What decoding may cost, and what it does with numbers that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.model import count_parameters
from jsl_seq2seq.model.layers import Embedding, sinusoid
from jsl_seq2seq.settings import ModelConfig, VocabSize
from jsl_seq2seq.store import SavedModel, load_model, save_model
from jsl_seq2seq.translate import Translator
from jsl_seq2seq.translate.translator import MAX_CHARACTERS, MAX_TAGS, most_tags

from ..backend_cases import NAMES, make_ops, require
from ..refusals import refused
from ..small_models import trained_small

HUGE = (3.4e38, -3.4e38, 1e30)


def with_weights(model: SavedModel, name: str, value: float) -> SavedModel:
    """The model with one tensor full of a number that alternates in sign."""
    array = model.parameters[name]
    signs = np.where(np.arange(array.size) % 2, -1, 1).reshape(array.shape)
    return replace(model, parameters={**model.parameters, name: (signs * value).astype(np.float32)})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("name", ["ndarray", "torch"])
def test_weights_so_large_that_the_computation_overflows(name: str, value: float) -> None:
    """Tags with finite probabilities, or an error in words; never NaN, and no warning."""
    model = trained_small()
    if name == "torch":
        pytest.importorskip("torch")
    backend = choose_backend(name, None, count_parameters(model.config), "fp32")
    outcomes = []
    for parameter in model.parameters:
        translator = Translator(with_weights(model, parameter, value), backend)
        for beam in (1, 3):
            try:
                found = translator.translate("わたしはたべます", beam=beam, n_best=beam)
                json.dumps(found.to_dict(), allow_nan=False)
                outcomes.append("tags")
            except Failure as error:
                assert error.code == "scores-not-finite"
                outcomes.append("refused")
        try:
            assert np.isfinite(translator.score("わたしはたべます", ["私"]).log_prob)
        except Failure as error:
            assert error.code == "scores-not-finite"
    assert "refused" in outcomes or value < 1e38


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_neither_saved_nor_loaded(tmp_path: Path, value: float) -> None:
    model = trained_small()
    save_model(model, tmp_path / "m")
    before = (tmp_path / "m" / "model.safetensors").read_bytes()
    for name in model.parameters:
        with refused(Failure, name, code="weights-diverged"):
            save_model(with_weights(model, name, value), tmp_path / "m")
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == before
    assert load_model(tmp_path / "m").history == model.history


def config(**changes: object) -> ModelConfig:
    values = {"d_model": 8, "n_heads": 2, "n_layers": 1, "max_seq_len": 64, **changes}
    return ModelConfig(VocabSize(9, 9), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [1, 64, 512, 10_000, 100_000])
@pytest.mark.parametrize("layers", [1, 4, 16, 100, 1_000])
@pytest.mark.parametrize("masks", [True, False])
def test_decoding_has_a_budget(length: int, layers: int, masks: bool) -> None:
    found = most_tags(config(max_seq_len=length, n_layers=layers, attention_masks=masks))
    assert 1 <= found <= min(length, MAX_TAGS)
    assert found * layers <= 10_000
    if length <= 64 and layers <= 16:
        assert found == length


def test_a_translation_that_the_budget_cuts_says_so() -> None:
    model = trained_small()
    endless = model.parameters["decoder.output_projection.bias"].copy()
    endless[2] = -1e4  # EOS
    model = replace(
        model,
        config=replace(model.config, max_seq_len=100_000),
        parameters={**model.parameters, "decoder.output_projection.bias": endless},
    )
    translator = Translator(model, choose_backend("ndarray", None, count_parameters(model.config), "fp32"))
    found = translator.translate("わたしはたべます")
    assert not found.finished and len(found.tags) == most_tags(model.config) <= MAX_TAGS
    assert any(str(len(found.tags)) in warning for warning in found.warnings)


@pytest.mark.parametrize(("heads", "length"), [(1, 6_000), (2, 5_000), (8, 2_100), (16, 10_000)])
def test_padding_that_would_take_gigabytes(heads: int, length: int) -> None:
    with refused(UserError, code="source-length-too-large", value=length):
        config(d_model=16, n_heads=heads, source_length=length, max_seq_len=100_000)


def test_padding_counts_in_what_a_group_may_cost() -> None:
    model = trained_small()
    model = replace(model, config=replace(model.config, source_length=1_000, max_seq_len=1_000))
    translator = Translator(model, choose_backend("ndarray", None, count_parameters(model.config), "fp32"))
    groups = list(translator._groups([(4, 5)] * 64))
    assert max(map(len, groups)) * 1_000**2 <= 64 * 256**2
    assert sorted(index for group in groups for index in group) == list(range(64))


@pytest.mark.parametrize("text", ["㌖" * 400, "ﷺ" * 1_999, "㌖" * 2_000])
def test_a_text_that_grows_when_it_is_normalized(text: str) -> None:
    with refused(UserError, code="text-too-long", limit=MAX_CHARACTERS):
        Translator.load(backend="ndarray").translate(text.replace("ﷺ", "㌖"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tape", [None, Tape()], ids=["inference", "training"])
def test_positions_of_all_lengths_share_a_table(name: str, tape: Tape | None) -> None:
    """The rows are what the formula says, on every backend, and no parameters."""
    require(name)
    ops = make_ops(name, tape)
    embedding = Embedding(ops, {"e.weight": ops.array(np.zeros((3, 6), np.float32))}, "e")
    lengths = [1, 2, 15, 16, 17, 33, 64, 7]
    for length in lengths:
        wanted = np.array([sinusoid(position, 6) for position in range(length)], np.float32)
        found = embedding.positions(0, length)
        np.testing.assert_array_equal(np.asarray(ops.to_host(found), np.float32), wanted)
        assert not getattr(found, "requires_grad", False)
    assert sum(table.shape[0] for table in embedding._tables.values()) <= 6 * 2 * max(lengths)
    assert not embedding._positions
