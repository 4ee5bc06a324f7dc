"""The diagnosis of one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.evaluation import diagnose
from jsl_seq2seq.evaluation.diagnosis import LONGEST
from jsl_seq2seq.translate.translator import Translator

from ..refusals import refused
from ..small_models import trained_open, trained_small, trained_words, translator_of


@pytest.fixture
def translator() -> Translator:
    return translator_of(trained_small())


@pytest.mark.parametrize("text", ["えきはどこですか", "わ", "龍わたしはたべます", "わ" * 30])
def test_diagnosis(translator: Translator, text: str) -> None:
    found = diagnose(translator, text)
    translation = translator.translate(text)
    assert found.translation.tags == translation.tags
    written = [*translation.tags, *([None] if translation.finished else [])]
    assert [place.tag for place in found.places] == written
    for place, probability in zip(found.places, translation.probabilities, strict=False):
        assert place.probability == pytest.approx(probability, abs=1e-5)
        assert place.alternatives[0][0] == place.tag and len(place.alternatives) == 5
        shares = [share for _, share in place.alternatives]
        assert shares == sorted(shares, reverse=True) and sum(shares) <= 1.00001
        assert sum(place.attention) == pytest.approx(1, abs=1e-5)
        assert len(place.attention) == len(found.units)
    assert len(found.deletions) == (len(found.units) if len(found.units) > 1 else 0)
    assert json.loads(json.dumps(found.to_json()))["tags"] == list(translation.tags)


def test_deleting_is_translating_the_rest(translator: Translator) -> None:
    text = "えきはどこですか"
    found = diagnose(translator, text)
    original = translator.score(text, found.translation.tags)
    for index, one in enumerate(found.deletions):
        rest = text[:index] + text[index + 1 :]
        assert one.unit == text[index]
        assert one.tags == translator.translate(rest).tags
        after = translator.score(rest, found.translation.tags).log_prob
        assert one.change == pytest.approx(after - original.log_prob, abs=1e-4)


@pytest.mark.parametrize(("change", "lost"), [(0.0, True), (-0.5, True), (-0.8, False)])
def test_a_translation_that_stays_probable_and_is_not_written(
    translator: Translator, change: float, lost: bool
) -> None:
    """Greedy decoding writes what has more than half of the probability, unless a rule forbids a tag."""
    found = diagnose(translator, "えきはどこですか")
    assert found.translation.log_prob > -0.1 and not found.loses_evidence
    deletion = replace(found.deletions[0], tags=("駅",), changes=(change,))
    assert replace(found, deletions=(deletion, *found.deletions[1:])).loses_evidence == lost


def test_nothing_to_diagnose(translator: Translator) -> None:
    with refused(UserError, "訳せる文字がありません"):
        diagnose(translator, "龍")


def test_labels_are_those_of_the_attention(translator: Translator) -> None:
    for text in ("えきはどこですか", "わ" * 30):
        found = diagnose(translator, text)
        attention = translator.translate(text, attention=True).attention
        assert attention is not None
        labels = tuple(found.label(place.tag) for place in found.places)
        assert labels == attention["decoder.0.cross"].query_labels
    words = diagnose(translator_of(trained_words()), "Heute scheint")
    assert [words.label(place.tag) for place in words.places] == ["HEUTE", "SONNE", "<EOS>"]


@pytest.mark.parametrize("text", ["コーヒーを飲む", "龍と虎を飲む", "本を龍る。ありがとう", "龍"])
def test_open_words_token_by_token(text: str) -> None:
    translator = translator_of(trained_open())
    found = diagnose(translator, text)
    target = translator.tokenizers.target
    tokens = [target.vocabulary.token_of(index) for index in found.translation.ids]
    assert [place.tag for place in found.places] == [*tokens, None]
    assert found.translation.text == text == "".join(found.units)
    assert len(found.deletions) == (len(found.units) if len(found.units) > 1 else 0)
    assert all(len(one.changes) == len(found.places) for one in found.deletions)
    assert all(len(place.attention) == len(found.units) for place in found.places)
    attention = translator.translate(translator.encode(text), attention=True).attention
    assert attention is not None
    labels = tuple(found.label(place.tag) for place in found.places)
    assert labels == attention["decoder.0.cross"].query_labels


def test_a_text_that_would_take_minutes_is_refused(translator: Translator) -> None:
    assert len(diagnose(translator, "わ" * LONGEST).deletions) == LONGEST
    with refused(UserError, "長すぎます", code="text-too-long-to-explain", found=LONGEST + 1, limit=LONGEST):
        diagnose(translator, "わ" * (LONGEST + 1))
