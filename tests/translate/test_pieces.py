"""Models that put tags together from pieces: tags come out, with one probability each."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.evaluation import diagnose
from jsl_seq2seq.search.decoding import Hypothesis
from jsl_seq2seq.translate import translator as module
from jsl_seq2seq.translate.translator import Translator

from ..refusals import refused
from ..small_models import trained_pieces, translator_of


@pytest.fixture
def translator() -> Translator:
    return translator_of(trained_pieces())


def test_tags_and_their_probabilities(translator: Translator) -> None:
    found = translator.translate("本を食べる", attention=True)
    assert found.tags == ("本", "食べる") and str(found) == "<本> <食べる>"
    assert len(found.ids) == 6 and len(found.probabilities) == len(found.details) == 2
    tokens = translator.score_ids(["本を食べる"], found.ids)[0]
    assert found.probabilities == pytest.approx(
        (math.exp(sum(tokens[:2])), math.exp(sum(tokens[2:6]))), abs=1e-5
    )
    assert found.log_prob == pytest.approx(sum(tokens), abs=1e-4)
    assert found.attention is not None
    cross = found.attention["decoder.0.cross"]
    assert cross.query_labels == ("▁", "本", "▁", "食", "べ", "る", "<EOS>"), "a row for each piece"
    assert cross.weights.shape[1] == 7
    assert translator.tags == ("本", "食べる", "食べ物", "飲み物", "飲む")


def test_scores_are_the_tags(translator: Translator) -> None:
    scored = translator.score("本を食べる", ["本", "食べる"])
    assert len(scored.log_probs) == 3
    ids = translator.tokenizers.target.ids_of(scored.tags)
    assert scored.log_prob == pytest.approx(sum(translator.score_ids(["本を食べる"], ids)[0]))
    assert math.isfinite(translator.score("本を食べる", ["食む"]).log_prob), "a tag that was never seen"
    with refused(UserError, "タグです: <龍>", code="unknown-tag"):
        translator.score("本を食べる", ["龍"])


def test_translations_are_distinct(translator: Translator) -> None:
    """Two ways to write one translation count once, and a tag that no sentence had is marked."""
    ids = translator.tokenizers.target.vocabulary.ids_of
    written = ["▁本▁食べむ", "▁食む", "べむ", "食む", "む▁"]
    marked = [Hypothesis(ids(tokens), (-0.1,) * (len(tokens) + 1), True) for tokens in written]
    again = module._distinct(
        [translator._candidate(one, module._Piece(0, 1, translator.encode("本"))) for one in marked]
    )
    assert [one.tags for one in again] == [("本", "食べむ"), ("食む",), ("べむ",), ("む",)]
    assert [detail.known for detail in again[0].details] == [True, False]
    best = translator.translate("本を食べる", beam=6, n_best=4)
    every = [best.tags, *(one.tags for one in best.alternatives)]
    assert len(set(every)) == len(every) <= 4
    assert best.tags == translator.translate("本を食べる", beam=6).tags == ("本", "食べる")


def test_the_longest_translation_is_counted_in_pieces() -> None:
    model = trained_pieces()
    short = translator_of(replace(model, config=replace(model.config, max_seq_len=4)))
    found = short.translate("本を食べる")
    assert len(found.ids) == 4 and not found.finished
    assert any("4 タグの文字" in warning for warning in found.warnings)


def test_uncertain_tags() -> None:
    model = trained_pieces()
    config = replace(model.config, uncertain_below=0.99999)
    found = translator_of(replace(model, config=config)).translate("飲み物")
    assert found.tags == ("飲み物",) and found.uncertain and found.details[0].uncertain


def test_a_diagnosis_has_a_place_for_each_piece(translator: Translator) -> None:
    found = diagnose(translator, "本を食べる")
    assert [place.tag for place in found.places] == ["▁", "本", "▁", "食", "べ", "る", None]
    assert [found.label(place.tag) for place in found.places][-2:] == ["る", "<EOS>"]
    assert all(len(one.changes) == 7 for one in found.deletions)
    assert found.written(found.translation.tags) == "<本> <食べる>"
