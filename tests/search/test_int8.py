"""Translating with weights of one byte: as near to float32 as it promises, and the same however it is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from jsl_seq2seq.search import beam_search, greedy
from jsl_seq2seq.settings import ModelConfig
from jsl_seq2seq.translate.translator import Translator

from ..backend_cases import make_ops, require
from .networks import CONFIG, assert_same, by_definition, network_on

SOURCES = [[3, 4, 5, 6, 7, 8, 9], [10], [11, 12, 13], [14, 15, 16]]
LIMIT = 12

SENTENCES = [
    "私は明日学校に行きません",
    "わたしはたべます",
    "駅はどこですか",
    "昨日友達と東京で映画を見ました",
    "まだ宿題をしていません",
    "田中さんは医者です",
]


@pytest.fixture(scope="module")
def ops() -> Any:
    require("int8")
    return make_ops("int8")


CONFIGS = {
    "usual": CONFIG,
    "tied": replace(CONFIG, tied_embeddings=True),
    "odd": replace(CONFIG, d_model=6, d_ff=7),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
@pytest.mark.parametrize("seed", range(4))
def test_batch_is_single_and_cached_is_uncached_to_the_last_bit(
    ops: Any, seed: int, config: ModelConfig
) -> None:
    model = network_on(ops, seed, config, EOS=0.5)
    together = greedy(ops, model, SOURCES, LIMIT)
    assert config != CONFIG or len({len(found.ids) for found in together}) > 1
    for found, source in zip(together, SOURCES, strict=True):
        assert found == greedy(ops, model, [source], LIMIT)[0]
        # the definition takes its logarithms in float64
        assert_same(found, by_definition(ops, model, source, LIMIT), 1e-6)
    for beams, source in zip(beam_search(ops, model, SOURCES, LIMIT, 3, 3), SOURCES, strict=True):
        assert beams == beam_search(ops, model, [source], LIMIT, 3, 3)[0]
    assert [beams[0] for beams in beam_search(ops, model, SOURCES, LIMIT, 1)] == together


def test_without_masks(ops: Any) -> None:
    config = replace(CONFIG, attention_masks=False, source_length=6)
    model = network_on(ops, 0, config, EOS=0.5)
    together = greedy(ops, model, SOURCES, LIMIT)
    assert together == [greedy(ops, model, [source], LIMIT)[0] for source in SOURCES]


def test_several_threads_at_once() -> None:
    require("int8")
    translator = Translator.load(precision="int8")
    wanted = translator.translate_batch(SENTENCES)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: translator.translate_batch(SENTENCES), range(8)):
            assert found == wanted


def test_the_model_in_the_box_says_the_same() -> None:
    require("int8")
    usual, quick = Translator.load(backend="ndarray"), Translator.load(precision="int8")
    assert (quick.ops.name, quick.ops.precision) == ("ndarray", "int8")
    for one, other in zip(usual.translate_batch(SENTENCES), quick.translate_batch(SENTENCES), strict=True):
        assert one.tags == other.tags
        assert one.log_prob == pytest.approx(other.log_prob, abs=0.05)
    looked = quick.translate(SENTENCES[0], attention=True)
    assert looked.tags == quick.translate(SENTENCES[0]).tags
    assert looked.attention is not None
