"""Words outside of the tags: written as they stand in the text, with their place, and nothing made up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import SavedModel
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.tokenize.tokenizer import OpenTagTokenizer
from jsl_seq2seq.translate.open_words import ENDINGS
from jsl_seq2seq.translate.translator import Translation, Translator

from ..refusals import refused
from ..small_models import OPEN_LINES, trained_open, trained_small, translator_of
from .test_translator import validated


@pytest.fixture(scope="module")
def translator() -> Translator:
    return translator_of(trained_open())


def with_evidence(**evidence: str) -> SavedModel:
    """The small model with pieces of text that must stand in a sentence for a tag to be possible."""
    model = trained_open()
    target = model.tokenizers.target
    pieces = {tag: texts.split() for tag, texts in evidence.items()}
    return replace(
        model,
        tokenizers=Tokenizers(model.tokenizers.source, OpenTagTokenizer(target.vocabulary, None, pieces)),
    )


@pytest.mark.parametrize(
    ("text", "tags", "spans", "known"),
    [
        ("コーヒーを飲む", ("+コーヒー", "飲む"), [(0, 4), None], [False, True]),
        ("本を受け取ります", ("本", "+受け取る"), [None, (2, 5)], [True, False]),
        ("龍を飲む", ("+龍", "飲む"), [(0, 1), None], [False, True]),
        ("龍虎を飲む", ("+龍虎", "飲む"), [(0, 2), None], [False, True]),
        ("龍と虎を飲む", ("+龍", "+虎", "飲む"), [(0, 1), (2, 3), None], [False, False, True]),
        ("本を龍る", ("本", "+龍る"), [None, (2, 4)], [True, False]),
        ("ありがとう", ("ありがとう",), [None], [True]),
    ],
)
@pytest.mark.parametrize("beam", [1, 3])
def test_words_come_out_as_themselves(
    translator: Translator,
    text: str,
    tags: tuple[str, ...],
    spans: list[tuple[int, int] | None],
    known: list[bool],
    beam: int,
) -> None:
    found = translator.translate(text, beam=beam)
    assert found.tags == tags and found.finished and not found.warnings and not found.uncertain
    assert [detail.span for detail in found.details] == spans
    assert [detail.known for detail in found.details] == known
    assert str(found) == " ".join(f"<{tag}>" for tag in tags)
    assert math.prod(found.probabilities) >= math.exp(found.log_prob) - 1e-6
    validated(found.to_dict())


@settings(max_examples=30)
@given(
    st.lists(
        st.text("コーヒーお茶を飲むますと本受け取るありがとう。！龍虎A1", max_size=9), min_size=1, max_size=4
    )
)
def test_whatever_is_written_stands_in_the_text(texts: list[str]) -> None:
    """Every open word is a piece of its text, with at most the ending of a dictionary form; whatever the batch."""
    translator = translator_of(trained_open())
    found = translator.translate_each(texts)
    for text, one in zip(texts, found, strict=True):
        if isinstance(one, UserError):
            assert not any(character.isalnum() for character in text)
            continue
        for tag, detail in zip(one.tags, one.details, strict=True):
            assert detail.known != tag.startswith("+")
            if detail.known:
                assert tag in translator.tags
                continue
            stems = [tag[1:], *(tag[1:].removesuffix(ending) for ending in ENDINGS)]
            assert any(stem and stem in text for stem in stems)
        alone = translator.translate(text)
        assert (alone.tags, alone.details, alone.warnings) == (one.tags, one.details, one.warnings)
        np.testing.assert_allclose(alone.probabilities, one.probabilities, atol=1e-4)


def test_the_tags_do_not_hold_characters_and_brackets(translator: Translator) -> None:
    assert set(translator.tags) == {"飲む", "本", "ありがとう"}


def test_a_tag_without_evidence_does_not_come() -> None:
    translator = translator_of(with_evidence(本="本 書籍", 飲む="飲 呑", ありがとう="ありがと"))
    found = translator.translate("本を受け取ります")
    assert (found.tags, found.details[0].span) == (("本", "+受け取る"), (0, 1))
    found = translator.translate("アリガトウ")
    assert (found.tags, found.details[0].span) == (("ありがとう",), (0, 4))
    for text in ("です。", "龍", "ます", "お茶とコーヒー"):
        assert not {"本", "飲む", "ありがとう"} & set(translator.translate(text).tags)


def test_too_many_unknown_words_are_named(translator: Translator) -> None:
    found = translator.translate("龍と虎と猫を飲む")
    assert found.tags == ("+龍", "+虎", "飲む")
    assert found.uncertain and "「猫」" in found.warnings[0]


def test_several_sentences(translator: Translator) -> None:
    text = " コーヒーを飲む。\nありがとう！龍を飲む"
    found = translator.translate(text)
    parts = [translator.translate(part) for part in ("コーヒーを飲む。", "ありがとう！", "龍を飲む")]
    assert found.tags == sum((part.tags for part in parts), ())
    np.testing.assert_allclose(
        found.probabilities, sum((part.probabilities for part in parts), ()), atol=1e-4
    )
    assert found.log_prob == pytest.approx(sum(part.log_prob for part in parts), abs=1e-4)
    assert [text[one.start : one.end] for one in found.sentences] == [part.text for part in parts]
    assert [found.tags[one.first : one.last] for one in found.sentences] == [part.tags for part in parts]
    assert found.details[0].span == (1, 5) and found.details[-2].span == (16, 17)
    values = validated(found.to_dict())
    assert values["sentences"][1] == {"span": [10, 16], "tags": [2, 3]}
    assert "sentences" not in validated(parts[0].to_dict())


def test_attention_of_several_sentences_lies_in_blocks(translator: Translator) -> None:
    found = translator.translate("お茶を飲みます。ありがとう！", attention=True)
    assert found.attention is not None
    cross = found.attention["decoder.0.cross"]
    assert "".join(cross.key_labels) == "お茶を飲みます。ありがとう！"
    assert cross.query_labels == ("<+", "お", "茶", ">", "<飲む>", "<EOS>", "<ありがとう>", "<EOS>")
    np.testing.assert_allclose(cross.weights.sum(axis=-1), 1, atol=1e-6)
    assert (cross.weights[:, :6, 8:] == 0).all() and (cross.weights[:, 6:, :8] == 0).all()


def test_alternatives_of_several_sentences(translator: Translator) -> None:
    found = translator.translate("お茶を飲みます。ありがとう！", beam=3, n_best=3)
    assert found == replace(
        translator.translate("お茶を飲みます。ありがとう！", beam=3), alternatives=found.alternatives
    )
    values = [found.log_prob, *(other.log_prob for other in found.alternatives)]
    assert len(values) == 3 and values == sorted(values, reverse=True)
    assert len({found.tags, *(other.tags for other in found.alternatives)}) == 3


@pytest.mark.parametrize("text", ["", "。", "！？", "\U0001f600。", "\n 。"])
def test_marks_alone_are_nothing_to_translate(translator: Translator, text: str) -> None:
    with refused(UserError, "訳せる文字がありません", code="nothing-to-translate"):
        translator.translate(text)


def test_a_sentence_that_cannot_be_read_is_said(translator: Translator) -> None:
    found = translator.translate("\U0001f600！ありがとう！")
    assert found.tags == ("ありがとう",)
    assert "\U0001f600" in found.warnings[0] and found.uncertain


@pytest.mark.parametrize(
    ("threshold", "temperature", "uncertain"), [(0.0, 1.0, False), (0.5, 1.0, False), (0.9, 50.0, True)]
)
def test_below_the_threshold_it_is_uncertain(threshold: float, temperature: float, uncertain: bool) -> None:
    model = trained_open()
    config = replace(model.config, uncertain_below=threshold, temperature=temperature)
    found = translator_of(replace(model, config=config)).translate("コーヒーを飲む")
    assert (found.uncertain, found.warnings) == (uncertain, ())
    assert any(detail.uncertain for detail in found.details) == uncertain


def test_scores_of_what_was_written(translator: Translator) -> None:
    found = translator.translate("本を受け取る")
    scored = translator.score("本を受け取る", found.tags)
    assert len(scored.log_probs) == len(found.tags) + 1, "an open word's letters count together"
    tokens = translator.score_ids(["本を受け取る"], found.ids)[0]
    assert len(tokens) == 1 + len("受け取る") + 2 + 1 and sum(tokens) == pytest.approx(scored.log_prob)
    assert scored.log_prob <= found.log_prob + 1e-4, (
        "the search leaves out what may not stand in the sentence"
    )
    with refused(UserError, "<+龍>", code="unknown-tag"):
        translator.score("本を受け取る", ["+龍"])


def test_other_models_neither_split_nor_mark() -> None:
    found: Translation = translator_of(trained_small()).translate("ありがとう。ありがとう")
    assert len(found.sentences) == 1
    assert all(detail.known and detail.span is None for detail in found.details)
    assert not found.uncertain


def test_everything_learnt_comes_back(translator: Translator) -> None:
    for line in OPEN_LINES.splitlines():
        text, tags = line.split("\t")
        assert str(translator.translate(text)) == tags
