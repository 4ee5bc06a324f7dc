"""The library's front door."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

import jsl_seq2seq
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.data import read_starter_corpus
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.model import Capture, Transformer
from jsl_seq2seq.search import Search, decoding
from jsl_seq2seq.store import save_model
from jsl_seq2seq.translate.translator import Score, Translation, Translator

from ..refusals import refused
from ..small_models import eight_sentences, trained_small, trained_starter, trained_words, translator_of

ROOT = Path(__file__).parents[2]
STARTER = [pair.source for pair in read_starter_corpus().pairs]


@pytest.fixture(scope="module")
def starter() -> Translator:
    return translator_of(trained_starter().model)


@pytest.fixture
def small() -> Translator:
    return translator_of(trained_small())


@pytest.fixture
def endless() -> Translator:
    """Never ends a sentence itself."""
    model = trained_small()
    parameters = {name: array.copy() for name, array in model.parameters.items()}
    parameters["decoder.output_projection.bias"][2] = -1e4
    return translator_of(replace(model, parameters=parameters))


def assert_same(one: Translation, other: Translation) -> None:
    assert (one.text, one.tags, one.finished, one.warnings) == (
        other.text,
        other.tags,
        other.finished,
        other.warnings,
    )
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)
    assert one.log_prob == pytest.approx(other.log_prob, abs=1e-4)


def test_batch_equals_single_equals_any_padding(starter: Translator) -> None:
    alone = [starter.translate(text) for text in STARTER]
    longest = max(STARTER, key=len) * 3
    for together in (
        starter.translate_batch(STARTER),
        starter.translate_batch([longest, *STARTER])[1:],
        starter.translate_batch(STARTER[::-1])[::-1],
        [found for i in range(0, len(STARTER), 7) for found in starter.translate_batch(STARTER[i : i + 7])],
    ):
        for one, other in zip(alone, together, strict=True):
            assert_same(one, other)


def test_little_memory_gives_the_same(starter: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    plenty = starter.translate_batch(STARTER)
    monkeypatch.setattr(decoding, "_MAX_SCORES", 3 * 12**2)
    for one, other in zip(plenty, starter.translate_batch(STARTER), strict=True):
        assert_same(one, other)


@given(st.lists(st.integers(1, 600), max_size=40), st.integers(1, 50))
def test_groups_bound_memory_and_hold_sentences_of_like_length(lengths: list[int], most: int) -> None:
    groups = list(decoding.group_by_length(lengths, most))
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    assert [lengths[index] for group in groups for index in group] == sorted(lengths)
    for group in groups:
        assert 1 <= len(group) <= most
        assert len(group) == 1 or len(group) * max(lengths[index] for index in group) ** 2 <= 64 * 256**2


def test_ordinary_sentences_stay_together() -> None:
    assert len(list(decoding.group_by_length([60] * 64, most=64))) == 1


def test_each_has_its_own_error(starter: Translator) -> None:
    texts = ["ありがとう", UserError("先にわかっていた誤り"), "𠮷", "わたしはたべます"]
    one, known, unreadable, other = starter.translate_each(texts)
    assert known is texts[1]
    assert isinstance(unreadable, UserError)
    assert [one, other] == starter.translate_batch(["ありがとう", "わたしはたべます"])
    with refused(UserError, "--beam", code="setting-out-of-range", setting="beam", value=0):
        starter.translate_each([], beam=0)


def test_probabilities(starter: Translator) -> None:
    for found in starter.translate_batch([*STARTER, "わたしはりんごをがっこうへ"]):
        assert len(found.probabilities) == len(found.tags)
        assert all(0 <= share <= 1 for share in found.probabilities)
        assert found.log_prob <= 1e-6
        if found.finished:  # the end has a probability too
            assert math.exp(found.log_prob) <= math.prod(found.probabilities) + 1e-6


def test_the_product_is_the_whole_probability(small: Translator, endless: Translator) -> None:
    unfinished = endless.translate("ありがとう")
    assert math.prod(unfinished.probabilities) == pytest.approx(math.exp(unfinished.log_prob), rel=1e-9)
    finished = small.translate("ありがとう")
    end = math.exp(finished.log_prob) / math.prod(finished.probabilities)
    assert 0.9 < end <= 1.000001


def test_only_tags_are_written(starter: Translator) -> None:
    known = set(trained_starter().model.tokenizers.target.vocabulary.tokens)
    for text in ("ん" * 50, "いいい", "ききききききき", "、"):
        assert set(starter.translate(text).tags) <= known


def test_a_limit_that_is_reached_is_said(endless: Translator) -> None:
    found = endless.translate("ありがとう")
    assert not found.finished
    assert len(found.tags) == len(found.probabilities) == trained_small().config.max_seq_len == 24
    assert any("上限（24 タグ）" in warning for warning in found.warnings)


def test_unknown_characters_are_named_and_the_rest_is_translated(small: Translator) -> None:
    found = small.translate("龍あり\U00020bb7がとう龍")
    assert found.tags == ("ありがとう",)
    assert found.text == "龍あり\U00020bb7がとう龍"
    assert len(found.warnings) == 1 and "「龍」「\U00020bb7」" in found.warnings[0]


def test_many_unknown_characters_are_not_all_listed(small: Translator) -> None:
    [warning] = small.translate("ありがとう" + "".join(chr(0x4E00 + i) for i in range(30))).warnings
    assert warning.count("「") == 10 and warning.endswith("など")


@pytest.mark.parametrize(
    "text",
    [
        "ありか\u3099とう",
        "アリガトウ",
        "\uff71\uff98\uff76\uff9e\uff84\uff73",
        " ありがとう\u3000\n",
        "あ\u200bりが\ufe0fとう",
        "\ufeffありがとう\x00",
    ],
)
def test_every_spelling_of_the_same(small: Translator, text: str) -> None:
    found = small.translate(text)
    assert (found.tags, found.warnings) == (("ありがとう",), ())
    assert_same(replace(found, text="ありがとう"), small.translate("ありがとう"))


NOTHING = ["", " ", "\u3000\t\n", "\x00", "龍", "\ud83d", "\U0001f468\u200d\U0001f469", "\ufe0f", "@#$"]


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_to_translate(small: Translator, text: str) -> None:
    with refused(UserError, "訳せる文字がありません"):
        small.translate(text)
    with refused(UserError, "訳せる文字がありません"):
        small.translate_batch(["ありがとう", text])


@pytest.mark.parametrize("text", ["<食べる>", "<EOS>", "<PAD><SOS>", "PAD"])
def test_what_looks_like_a_tag_is_text(small: Translator, text: str) -> None:
    units = trained_small().tokenizers.source.vocabulary.tokens
    alone = small.translate("わたしは" + "".join(character for character in text if character in units))
    beside = small.translate("わたしは" + text)
    assert beside.tags == alone.tags
    assert f"「{text[0]}」" in beside.warnings[0]


@pytest.mark.parametrize("text", ["あ" * 1_000_000, "あ" * 2_001, "\x00" * 1_000_000, "龍" * 1_000_000])
def test_far_too_long_is_refused_unread(
    small: Translator, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def unread(*_: Any) -> None:
        raise AssertionError("the text was read")

    monkeypatch.setattr(type(small.tokenizers.source), "encode", unread)
    with refused(
        UserError, "長すぎます", f"{len(text):,}", code="text-too-long", found=len(text), limit=2_000
    ):
        small.translate(text)


def test_the_message_shows_only_a_beginning(small: Translator) -> None:
    with pytest.raises(UserError) as caught:
        small.translate("あ" * 1_000_000)
    assert len(str(caught.value)) < 200


def test_longer_than_anything_learnt_is_translated_with_a_warning(small: Translator) -> None:
    found = small.translate("わ" * 25)
    assert any("上限は 24" in warning for warning in found.warnings)
    assert not any("学習時" in warning for warning in small.translate("わ" * 24).warnings)


def test_one_character(small: Translator) -> None:
    assert small.translate("わ").text == "わ"


def test_no_sentences(small: Translator) -> None:
    assert small.translate_batch([]) == []


def test_as_text(small: Translator) -> None:
    assert str(small.translate("おはようございます")) == "<朝> <挨拶>"
    assert str(replace(small.translate("わ"), tags=())) == ""


def test_words_are_called_words() -> None:
    words = translator_of(trained_words())
    found = words.translate("Heute scheint die Sonne", beam=2, n_best=2)
    assert str(found) == "HEUTE SONNE" and "<" not in str(found.alternatives[0])
    with refused(UserError, "訳せる語がありません", "学習していない語だけ"):
        words.translate("Guten Tag")
    with refused(UserError, "このモデルにない語です: SONN", "近い語: SONNE"):
        words.score("Heute", ["SONN"])


def test_attention_only_when_asked(small: Translator) -> None:
    assert small.translate("ありがとう").attention is None


@pytest.mark.parametrize("text", ["わたしはたべます", "あ", "おは龍ようございます", "わ" * 30])
def test_attention(starter: Translator, text: str) -> None:
    found = starter.translate(text, attention=True)
    assert_same(found, starter.translate(text))
    attention = found.attention
    assert attention is not None
    config = trained_starter().model.config
    assert list(attention) == [f"encoder.{i}.self" for i in range(4)] + [
        f"decoder.{i}.{kind}" for i in range(4) for kind in ("self", "cross")
    ]
    characters = tuple(character for character in text if character != "龍")
    tags = tuple(f"<{tag}>" for tag in found.tags)
    produced = (*tags, "<EOS>") if found.finished else tags
    read = ("<SOS>", *tags)[: len(produced)]
    sides = {"encoder": (characters, characters), "self": (produced, read), "cross": (produced, characters)}
    for name, one in attention.items():
        stack, _, kind = name.split(".")
        expected = sides["encoder" if stack == "encoder" else kind]
        assert (one.query_labels, one.key_labels) == expected
        assert one.weights.shape == (config.n_heads, len(expected[0]), len(expected[1]))
        assert one.weights.dtype == np.float32
        np.testing.assert_allclose(one.weights.sum(axis=-1), 1, atol=1e-6)
        if name.startswith("decoder") and kind == "self":
            future = np.triu(np.ones(one.weights.shape[1:], bool), 1)
            assert (one.weights[:, future] == 0).all()
            assert (one.weights[:, ~future] > 0).any()
        assert (one.weights >= 0).all()


def test_attention_is_that_of_the_tags_that_were_written(starter: Translator) -> None:
    model = trained_starter().model
    found = starter.translate("えきはどこですか", attention=True)
    assert found.tags == ("駅", "場所", "何") and found.attention is not None
    capture = Capture()
    source = model.tokenizers.source.encode("えきはどこですか").ids
    target = (1, *model.tokenizers.target.vocabulary.ids_of(found.tags))
    ops = NumpyOps()
    network = Transformer(ops, model.parameters, model.config)
    network(np.array([source]), np.array([target]), observe=capture)
    for name, one in found.attention.items():
        np.testing.assert_allclose(one.weights, ops.to_host(capture.weights[name])[0], atol=1e-6)


def test_attention_does_not_depend_on_the_batch(starter: Translator) -> None:
    [first, _] = starter.translate_batch(["ありがとう", "おはようございます"], attention=True)
    alone = starter.translate("ありがとう", attention=True)
    assert first.attention is not None and alone.attention is not None
    for name, one in alone.attention.items():
        np.testing.assert_allclose(first.attention[name].weights, one.weights, atol=1e-6)


def test_heads_differ(starter: Translator) -> None:
    attention = starter.translate("わたしはたべます", attention=True).attention
    assert attention is not None
    maps = [weights.tobytes() for one in attention.values() for weights in one.weights]
    assert len(set(maps)) == len(maps)


@pytest.mark.parametrize("as_given", [str, Path])
def test_from_a_directory(tmp_path: Path, as_given: type) -> None:
    save_model(trained_small(), tmp_path / "m")
    loaded = jsl_seq2seq.Translator.load(as_given(tmp_path / "m"), backend="ndarray")
    sentences: Sequence[str] = [pair.source for pair in eight_sentences().pairs]
    for one, other in zip(
        loaded.translate_batch(sentences),
        translator_of(trained_small()).translate_batch(sentences),
        strict=True,
    ):
        assert one == other  # bit for bit
    assert jsl_seq2seq.Translation is Translation


def test_a_translator_names_its_model_backend_and_tags(tmp_path: Path) -> None:
    save_model(trained_small(), tmp_path / "m")
    loaded = Translator.load(tmp_path / "m", backend="ndarray")
    assert (loaded.directory, loaded.backend, loaded.precision) == (tmp_path / "m", "ndarray", "fp32")
    assert loaded.tags == trained_small().tokenizers.target.vocabulary.tokens
    count = len(loaded.tags)
    assert (
        repr(loaded)
        == f"Translator({str(tmp_path / 'm')!r}, backend='ndarray', precision='fp32', tags={count})"
    )
    fresh = translator_of(trained_small())
    assert fresh.directory is None
    assert repr(fresh) == f"Translator(backend='ndarray', precision='fp32', tags={count})"


@pytest.mark.parametrize("sentence", [None, 3, b"abc", ["ありがとう"]])
def test_what_is_no_sentence_is_a_type_error(small: Translator, sentence: Any) -> None:
    for call in (
        lambda: small.translate(sentence),
        lambda: small.translate_batch(["ありがとう", sentence]),
        lambda: small.translate_each([sentence]),
        lambda: small.score(sentence, ["ありがとう"]),
    ):
        with pytest.raises(TypeError, match=type(sentence).__name__):
            call()


def test_one_string_is_not_several_sentences(small: Translator) -> None:
    with pytest.raises(TypeError, match=r"translate\(\)"):
        small.translate_batch("ありがとう")
    with pytest.raises(TypeError, match=r"translate\(\)"):
        small.translate_each("ありがとう")
    with pytest.raises(TypeError, match="sequence"):
        small.score("ありがとう", "ありがとう")


def test_everything_public_is_importable_from_the_package() -> None:
    assert set(jsl_seq2seq.__all__) == {
        "Attention",
        "Candidate",
        "Failure",
        "JslError",
        "Score",
        "Translation",
        "Translator",
        "UserError",
        "__version__",
    }
    for name in jsl_seq2seq.__all__:
        assert getattr(jsl_seq2seq, name) is not None
    assert issubclass(jsl_seq2seq.UserError, jsl_seq2seq.JslError)
    assert jsl_seq2seq.UserError is UserError
    with pytest.raises(AttributeError, match="Translater"):
        jsl_seq2seq.Translater  # noqa: B018  # pyright: ignore


SCHEMAS = re.findall(
    r"```json schema\n(.*?)```", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"), re.S
)


def validated(values: Any) -> dict[str, Any]:
    """The values, which are JSON and fit the schema that docs/library.md gives."""
    [schema] = map(json.loads, SCHEMAS)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(json.dumps(values, allow_nan=False)))
    return values


def test_the_one_json_form(small: Translator, endless: Translator) -> None:
    values = validated(small.translate("龍ありがとう").to_dict())
    assert values["text"] == "龍ありがとう" and values["finished"] is True
    assert [one["tag"] for one in values["tags"]] == ["ありがとう"]
    assert "龍" in values["warnings"][0] and "alternatives" not in values
    assert validated(endless.translate("ありがとう").to_dict())["finished"] is False
    several = small.translate("ありがとう", beam=3, n_best=3, attention=True)
    values = validated(several.to_dict())
    assert values["alternatives"] == [other.to_dict() for other in several.alternatives]
    assert values["probability"] == math.exp(several.log_prob)
    with pytest.raises(UserError) as caught:
        small.translate("龍")
    assert validated({"text": "龍", **caught.value.to_dict()})["code"] == "nothing-to-translate"
    for wrong in ({}, {**values, "probability": 2}, {**values, "more": 1}, {"error": "x"}):
        with pytest.raises(ValidationError):
            validated(wrong)


def test_a_missing_directory(tmp_path: Path) -> None:
    with refused(UserError, "ありません"):
        Translator.load(tmp_path / "nothing", backend="ndarray")


def test_an_unknown_backend(tmp_path: Path) -> None:
    save_model(trained_small(), tmp_path / "m")
    with refused(UserError, "cuda", "ndarray"):
        Translator.load(tmp_path / "m", backend="cuda")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("text", STARTER[:12])
def test_beam_one_is_greedy_and_more_beams_find_no_less(starter: Translator, text: str) -> None:
    greedy = starter.translate(text)
    assert starter.translate(text, beam=1, length_penalty=2.0) == greedy
    wide = starter.translate(text, beam=4, n_best=4, length_penalty=0.0)
    ranked = [wide.log_prob, *(other.log_prob for other in wide.alternatives)]
    assert ranked == sorted(ranked, reverse=True) and len(ranked) == 4
    assert wide.log_prob >= greedy.log_prob - 1e-4
    assert len({wide.tags, *(other.tags for other in wide.alternatives)}) == 4


def test_the_search_that_the_model_carries(starter: Translator) -> None:
    config = replace(starter.config, beam=3, length_penalty=1.5)
    carried = translator_of(replace(trained_starter().model, config=config))
    for text in STARTER[:10]:
        assert carried.translate(text) == starter.translate(text, beam=3, length_penalty=1.5)
        assert carried.translate(text, beam=1) == starter.translate(text)
        assert len(carried.translate(text, n_best=5).alternatives) == 4
    assert carried.resolve_search() == Search(3, 1.5) and starter.resolve_search() == Search(1, 0.6)


def test_beams_do_not_depend_on_the_batch(starter: Translator) -> None:
    together = starter.translate_batch(STARTER[:20], beam=3, n_best=2)
    for text, found in zip(STARTER[:20], together, strict=True):
        alone = starter.translate(text, beam=3, n_best=2)
        assert_same(alone, found)
        assert [str(other) for other in alone.alternatives] == [str(other) for other in found.alternatives]


def test_score(starter: Translator) -> None:
    found = starter.translate_batch(STARTER[:10])
    scored = starter.score_batch([(one.text, one.tags) for one in found])
    for one, other in zip(found, scored, strict=True):
        assert (other.text, other.tags) == (one.text, one.tags)
        assert other.log_prob == pytest.approx(one.log_prob, abs=1e-4)
        np.testing.assert_allclose(np.exp(other.log_probs[:-1]), one.probabilities, atol=1e-5)
    wrong = starter.score(STARTER[0], ["何"])
    assert len(wrong.log_probs) == 2 and wrong.log_prob < scored[0].log_prob


def test_errors_stand_in_the_places_of_what_cannot_be_scored(starter: Translator) -> None:
    pairs = [("龍", ["私"]), (STARTER[0], ["何"]), (STARTER[0], ["食べた"]), (STARTER[1], ["何"])]
    found = starter.score_each(pairs)
    assert [isinstance(one, UserError) and one.code for one in found] == [
        "nothing-to-translate",
        False,
        "unknown-tag",
        False,
    ]
    assert [found[1], found[3]] == starter.score_batch([pairs[1], pairs[3]])
    assert starter.score_each([]) == [] and len(starter.score_each(pairs[:1])) == 1


def test_perplexity(starter: Translator) -> None:
    scored = Score("文", ("あ",), (math.log(0.5), math.log(0.125)))
    assert scored.per_token == pytest.approx(math.log(0.25)) and scored.perplexity == pytest.approx(4)
    far = Score("文", (), (-1e6,))
    assert far.perplexity == math.inf and far.to_dict()["perplexity"] is None


def test_score_of_what_the_model_does_not_know(starter: Translator) -> None:
    with refused(UserError, "<食べた>", "<食べる>"):
        starter.score("わたしはたべます", ["私", "食べた"])
    with refused(UserError, "訳せる文字がありません"):
        starter.score("龍", ["私"])


@pytest.mark.parametrize(
    ("beam", "n_best", "penalty"), [(0, 1, 0.6), (1, 2, 0.6), (2, 0, 0.6), (2, 1, -1.0), (2, 1, float("nan"))]
)
def test_impossible_searches(small: Translator, beam: int, n_best: int, penalty: float) -> None:
    with refused(UserError, "--", code="n-best-over-beam" if n_best > beam > 0 else "setting-out-of-range"):
        small.translate("ありがとう", beam=beam, n_best=n_best, length_penalty=penalty)
