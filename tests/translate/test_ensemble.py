"""Several models that translate together."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.data import parse_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.evaluation import diagnose, evaluate
from jsl_seq2seq.store import SavedModel, save_model
from jsl_seq2seq.tokenize import Tokenizers, Vocabulary
from jsl_seq2seq.tokenize.tokenizer import CharTokenizer, TagTokenizer
from jsl_seq2seq.translate import Translator
from jsl_seq2seq.translate.dictionary import Dictionary, Entry

from ..refusals import refused
from ..small_models import (
    EIGHT_LINES,
    eight_sentences,
    trained_open,
    trained_otherwise,
    trained_small,
    trained_words,
    translator_of,
)

SENTENCES = [pair.source for pair in eight_sentences().pairs] + ["わたしはえきです", "はい、のみます"]


def together(*models: SavedModel, **options: Any) -> Translator:
    return Translator(models, choose_backend("ndarray"), **options)


def test_of_one_directory_twice_it_is_that_model(tmp_path: Path) -> None:
    save_model(trained_small(), tmp_path / "m")
    twice = Translator.load([tmp_path / "m", tmp_path / "m"], backend="ndarray")
    alone = Translator.load(tmp_path / "m", backend="ndarray")
    for beam, n_best in ((1, 1), (4, 3)):
        for one, two in zip(
            alone.translate_batch(SENTENCES, False, beam, n_best),
            twice.translate_batch(SENTENCES, False, beam, n_best),
            strict=True,
        ):
            assert (two.tags, two.warnings, two.finished) == (one.tags, one.warnings, one.finished)
            assert two.log_prob == pytest.approx(one.log_prob, abs=1e-6)
            assert [other.tags for other in two.alternatives] == [other.tags for other in one.alternatives]


def test_two_models_have_the_mean_of_their_probabilities_at_every_tag() -> None:
    models = trained_small(), trained_otherwise()
    both, each = together(*models), [translator_of(model) for model in models]
    different = 0
    for sentence in SENTENCES:
        found = both.translate(sentence)
        assert found.finished
        rows = [one.log_probs(sentence, found.tags) for one in each]
        mean = np.log(np.mean(np.exp(rows), axis=0))
        np.testing.assert_allclose(both.log_probs(sentence, found.tags), mean, atol=1e-4)
        ids = [*found.ids, 2]
        assert found.log_prob == pytest.approx(mean[np.arange(len(ids)), ids].sum(), abs=1e-4)
        assert both.score(sentence, found.tags).log_prob == pytest.approx(found.log_prob, abs=1e-4)
        different += any(abs(found.log_prob - one.translate(sentence).log_prob) > 0.01 for one in each)
    assert different > len(SENTENCES) // 2


def test_a_list_of_one_is_that_model_to_the_last_bit() -> None:
    alone = together(trained_small())
    assert alone.members == 1
    for one, other in zip(
        alone.translate_batch(SENTENCES),
        translator_of(trained_small()).translate_batch(SENTENCES),
        strict=True,
    ):
        assert one == other
    assert alone.translate(SENTENCES[0], attention=True).attention


def test_it_names_its_directories(tmp_path: Path) -> None:
    for name, model in (("a", trained_small()), ("b", trained_otherwise())):
        save_model(model, tmp_path / name)
    paths = tmp_path / "a", tmp_path / "b"
    loaded = Translator.load(list(map(str, paths)), backend="ndarray")
    assert (loaded.directories, loaded.directory, loaded.members) == (paths, paths[0], 2)
    assert repr(loaded).startswith(f"Translator({list(map(str, paths))!r}, backend=")


def test_open_words_and_a_dictionary() -> None:
    models = trained_open(), trained_open(seed=3)
    both = together(*models, dictionary=Dictionary([Entry("推し", ("応援",))]))
    for beam in (1, 3):
        assert str(both.translate("コーヒーを飲む", beam=beam)) == "<+コーヒー> <飲む>"
        assert str(both.translate("龍を飲む", beam=beam)) == "<+龍> <飲む>"
        assert str(both.translate("推しを飲む", beam=beam)) == "<応援> <飲む>"
    assert both.translate("推しを飲む").details[0].entry == "推し"


def test_the_strictest_limits_count() -> None:
    careful = replace(trained_otherwise(), config=replace(trained_otherwise().config, uncertain_below=0.999))
    both = together(trained_small(), careful)
    assert (both.config.max_seq_len, both.config.uncertain_below) == (20, 0.999)
    assert both.translate("わたしはえきです").uncertain


@pytest.mark.parametrize(
    ("change", "facts", "named"),
    [
        (
            {
                "tokenizers": Tokenizers(
                    trained_small().tokenizers.source, TagTokenizer(Vocabulary(("駅", "朝")))
                )
            },
            {"difference": "target", "first": "1", "second": "駅"},
            "訳の語彙の 1 番目が違います（1 番目は「1」、2 番目は「駅」）",
        ),
        (
            {
                "tokenizers": Tokenizers(
                    CharTokenizer(
                        Vocabulary(
                            trained_small().tokenizers.source.vocabulary.tokens[:-1], CharTokenizer.reserved
                        ),
                        trained_small().tokenizers.source.normalizer,
                    ),
                    trained_small().tokenizers.target,
                )
            },
            {"difference": "source", "second": None},
            "2 番目はなし",
        ),
        (
            {"config": replace(trained_small().config, specials_masked=False)},
            {"difference": "specials_masked"},
            "",
        ),
        (
            {"config": replace(trained_small().config, attention_masks=False)},
            {"difference": "attention_masks"},
            "",
        ),
    ],
    ids=["tags", "characters", "specials", "masks"],
)
def test_models_that_do_not_fit_together(change: dict[str, Any], facts: dict[str, Any], named: str) -> None:
    with refused(UserError, named, code="ensemble-mismatch", model=2, **facts):
        together(trained_small(), replace(trained_small(), **change))


def test_models_of_other_units_do_not_fit_together() -> None:
    with refused(
        UserError,
        "3 番目のモデル",
        "文の単位が違います",
        code="ensemble-mismatch",
        model=3,
        difference="source_units",
    ):
        together(trained_small(), trained_small(), trained_words())


def test_no_model_at_all() -> None:
    with refused(UserError, code="no-models"):
        Translator.load([])


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    save_model(trained_small(), tmp_path / "m")
    with refused(UserError, "ない"):
        Translator.load([tmp_path / "m", tmp_path / "ない"])


def test_it_has_no_attention() -> None:
    both = together(trained_small(), trained_otherwise())
    with refused(UserError, "2 つのモデル", code="attention-of-ensemble", members=2):
        both.translate("ありがとう", attention=True)
    with refused(UserError, code="attention-of-ensemble"):
        diagnose(both, "ありがとう")


def test_what_any_member_was_trained_on_is_said() -> None:
    more = replace(trained_otherwise(), trained_on=np.zeros(0, np.uint64))
    both = together(more, trained_small())
    found = evaluate(
        both, parse_corpus(EIGHT_LINES + "あなたです\t<私>\n", "x"), models=[more, trained_small()]
    )
    assert found.trained_on == 8
    assert math.isclose(found.scores.exact_rate, 8 / 9)
