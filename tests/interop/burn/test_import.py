"""Models of the original arrive whole, compute what they computed, and go back byte for byte."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.interop.burn import export_burn, import_burn
from jsl_seq2seq.interop.burn.vocabulary import CHARACTERS, TAGS, known_vocabulary
from jsl_seq2seq.model import count_parameters
from jsl_seq2seq.settings import ModelConfig
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.translate.translator import Translator

from ...refusals import refused
from ...small_models import train, trained_small
from . import original as facts
from .original import EOS, PAD, SOS, decoded, logits, rows, translate
from .synthetic import Original

SENTENCES = [
    "わたしはたべます",
    "ありがとう",
    "おはようございます",
    "え",
    "きょうはー！？",
    "ちょっと まって",
    "わたしはきのうがっこうへいきました",
]


def lively(seed: int) -> Original:
    """A random model that chooses many entries: characters, tags, SOS, PAD, and often EOS."""
    original = Original(seed=seed)
    original.tree["decoder"]["embedding"] *= np.float32(5)
    bias = original.tree["decoder"]["output_projection"]["bias"]
    bias[[SOS, PAD]] += np.float32(5)
    bias[EOS] += np.float32(11)
    return original


def row_of(character: str) -> int:
    return CHARACTERS.index(character)


def test_the_synthetic_file_has_the_issues_numbers() -> None:
    original = Original()
    assert len(original.content()) == 160_816
    assert (original.tensors, original.numbers) == (244, 38_952)


def test_the_vocabulary_has_the_originals_size() -> None:
    assert (len(CHARACTERS), len(set(CHARACTERS)), len(TAGS), len(set(TAGS))) == (86, 86, 79, 79)
    assert not set(CHARACTERS) & set(TAGS)
    assert (list(CHARACTERS), list(TAGS)) == (facts.CHARACTERS, facts.TAGS)
    assert known_vocabulary().order[:4] == [167, 165, 166, 0]


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"d_model": 8, "n_heads": 4, "n_layers": 1, "d_ff": 5},
        {"d_model": 12, "n_heads": 1, "n_layers": 2, "d_ff": 300},
        {"biases": False},
        {"version": "0.18.3"},
    ],
    ids=str,
)
def test_there_and_back(tmp_path: Path, shape: dict[str, Any]) -> None:
    there = Original(**shape).write(tmp_path / "元のモデル")
    imported = import_burn(there, tmp_path / "ours")
    size = export_burn(tmp_path / "ours", tmp_path / "back")
    assert size == (there / "model.bin").stat().st_size
    for name in ("model.bin", "config.json"):
        assert (tmp_path / "back" / name).read_bytes() == (there / name).read_bytes()
    assert count_parameters(imported.model.config) >= Original(**shape).numbers


def test_every_tensor_is_where_it_belongs(tmp_path: Path) -> None:
    original = Original()
    imported = import_burn(original.write(tmp_path / "o"), tmp_path / "m")
    assert imported.tensors == 244
    loaded = load_model(tmp_path / "m")
    assert sum(array.size for array in loaded.parameters.values()) == 38_952
    tree = original.tree
    cross = tree["decoder"]["decoder_blocks"][2]["cross_attention"]
    ours = loaded.parameters["decoder.layers.2.cross_attn.v_proj.weight"]
    np.testing.assert_array_equal(ours[:, 8:], cross["w_v"][1]["weight"])
    np.testing.assert_array_equal(
        loaded.parameters["encoder.layers.0.norm2.bias"],
        tree["encoder"]["encoder_blocks"][0]["layer_norm2"]["beta"],
    )
    tokenizers = loaded.tokenizers
    for character in ("わ", " ", "ー"):
        np.testing.assert_array_equal(
            loaded.parameters["encoder.embedding.weight"][tokenizers.source.vocabulary.id_of(character)],
            tree["encoder"]["embedding"][row_of(character)],
        )
    np.testing.assert_array_equal(
        loaded.parameters["decoder.output_projection.weight"][:, tokenizers.target.vocabulary.id_of("年")],
        tree["decoder"]["output_projection"]["weight"][:, 164],
    )


def test_the_options_travel_in_the_config(tmp_path: Path) -> None:
    import_burn(Original().write(tmp_path / "o"), tmp_path / "m")
    written = json.loads((tmp_path / "m" / "config.json").read_text(encoding="utf-8"))["model"]
    assert written["final_norm"] is False and written["attention_masks"] is False
    assert (written["source_length"], written["source_cut"], written["max_seq_len"]) == (10, True, 10)
    assert written["embedding_scale"] is False and written["specials_masked"] is False


@pytest.mark.parametrize("seed", range(8))
def test_it_translates_as_the_original_did(tmp_path: Path, seed: int) -> None:
    original = lively(seed)
    import_burn(original.write(tmp_path / "o"), tmp_path / "m")
    translator = Translator.load(tmp_path / "m", backend="ndarray")
    together = translator.translate_batch(SENTENCES)
    for sentence, translated in zip(SENTENCES, together, strict=True):
        assert list(translated.tags) == translate(original, sentence)
        assert len(translated.probabilities) == len(translated.tags)
        alone = translator.translate(sentence)
        assert alone.tags == translated.tags
        assert alone.log_prob == pytest.approx(translated.log_prob, abs=1e-4)


def test_the_random_models_meet_every_rule() -> None:
    """The translations above would not tell, if no model chose such an entry."""
    chosen = [decoded(lively(seed), sentence) for seed in range(8) for sentence in SENTENCES]
    found = {row for one in chosen for row in one}
    assert found & set(range(86)), "a character"
    assert found >= {SOS, PAD, EOS} and found & set(range(86, 165))
    assert any(len(one) == 10 and EOS not in one for one in chosen), "stopped at ten"
    assert any(EOS in one and set(one) & set(range(86, 165)) for one in chosen), "tags, then the end"


@pytest.mark.parametrize("change", [{"embedding_scale": True}, {"specials_masked": True}], ids=str)
def test_another_reading_of_the_facts_translates_otherwise(tmp_path: Path, change: dict[str, Any]) -> None:
    differ = 0
    for seed in range(8):
        original = lively(seed)
        model = import_burn(original.write(tmp_path / "o"), tmp_path / str(seed)).model
        other = Translator(replace(model, config=replace(model.config, **change)), choose_backend("ndarray"))
        found = [list(one.tags) for one in other.translate_batch(SENTENCES)]
        differ += found != [translate(original, sentence) for sentence in SENTENCES]
    assert differ


def test_only_the_first_ten_characters_count(tmp_path: Path) -> None:
    import_burn(Original(seed=3).write(tmp_path / "o"), tmp_path / "m")
    translator = Translator.load(tmp_path / "m", backend="ndarray")
    ten = "あいうえおかきくけこ"
    whole, cut = (translator.translate(text, attention=True) for text in (f"{ten}さし", ten))
    assert (whole.tags, whole.log_prob) == (cut.tags, cut.log_prob)
    assert "初めの 10 文字だけ" in whole.warnings[0] and "残りの 2 文字" in whole.warnings[0]
    assert not any("初めの" in warning for warning in cut.warnings)
    assert whole.attention is not None
    assert whole.attention["encoder.0.self"].key_labels == tuple(ten)
    scores = [translator.score(text, ["私"]).log_prob for text in (whole.text, cut.text)]
    assert scores[0] == scores[1]


def test_beam_search_leaves_out_what_is_no_tag(tmp_path: Path) -> None:
    import_burn(lively(1).write(tmp_path / "o"), tmp_path / "m")
    translator = Translator.load(tmp_path / "m", backend="ndarray")
    for translated in translator.translate_batch(SENTENCES, beam=3, n_best=2):
        for one in (translated, *translated.alternatives):
            assert set(one.tags) <= set(TAGS) and len(one.probabilities) == len(one.tags)


def test_the_probabilities_are_the_originals(tmp_path: Path) -> None:
    original = lively(3)
    import_burn(original.write(tmp_path / "o"), tmp_path / "m")
    translated = Translator.load(tmp_path / "m", backend="ndarray").translate("たべます")
    chosen, expected = decoded(original, "たべます"), []
    for place, row in enumerate(chosen):
        scores = logits(original, rows("たべます"), [SOS, *chosen[:place]])[-1]
        if len(CHARACTERS) <= row < SOS:
            expected.append(np.exp(scores[row] - scores.max()) / np.exp(scores - scores.max()).sum())
    assert expected
    assert translated.probabilities == pytest.approx(expected, rel=1e-4)


def test_a_long_sentence_does_not_disturb_the_others(tmp_path: Path) -> None:
    import_burn(Original(seed=3).write(tmp_path / "o"), tmp_path / "m")
    translator = Translator.load(tmp_path / "m", backend="ndarray")
    long = "わたしはきのうがっこうへいくのですか"
    alone = [translator.translate(text) for text in (*SENTENCES, long)]
    together = translator.translate_batch([long, *SENTENCES])
    assert [one.tags for one in together] == [alone[-1].tags, *(one.tags for one in alone[:-1])]
    assert "初めの 10 文字だけ" in together[0].warnings[0]


def test_attention_can_be_looked_at(tmp_path: Path) -> None:
    import_burn(Original().write(tmp_path / "o"), tmp_path / "m")
    translated = Translator.load(tmp_path / "m", backend="ndarray").translate("たべます", attention=True)
    assert translated.attention is not None
    encoder = translated.attention["encoder.0.self"]
    assert encoder.weights.shape == (2, 10, 10)
    assert encoder.key_labels == ("た", "べ", "ま", "す", *["<PAD>"] * 6)
    np.testing.assert_allclose(encoder.weights.sum(-1), 1, rtol=1e-5)
    assert (encoder.weights > 0).all()  # nothing is masked


def test_a_kanji_is_not_taken_for_a_tag(tmp_path: Path) -> None:
    import_burn(Original().write(tmp_path / "o"), tmp_path / "m")
    tokenizers = load_model(tmp_path / "m").tokenizers
    encoded = tokenizers.source.encode("私は<私>")
    assert encoded.tokens == ("は",) and encoded.unknown_texts == ("私", "<", ">")
    assert tokenizers.target.vocabulary.id_of("私") == tokenizers.source.vocabulary.id_of("<私>")


def test_an_imported_model_can_learn_and_still_go_back(tmp_path: Path) -> None:
    import_burn(Original(n_layers=1).write(tmp_path / "o"), tmp_path / "m")
    data = tmp_path / "short.tsv"
    data.write_text("たべます\t<食べる>\nのみます\t<飲む>\nありがとう\t<ありがとう>\n", encoding="utf-8")
    result = train(tmp_path, load=tmp_path / "m", data=data, epochs=60, learning_rate=0.01, warmup_steps=5)
    # not "translates exactly": without a causal mask training sees the answer, as it did in the original
    assert result.model.history[-1].loss < result.model.history[0].loss / 5
    assert not result.model.config.attention_masks
    save_model(result.model, tmp_path / "m")
    export_burn(tmp_path / "m", tmp_path / "back")
    assert import_burn(tmp_path / "back", tmp_path / "again").model.parameters.keys()
    for name, array in load_model(tmp_path / "again").parameters.items():
        np.testing.assert_array_equal(array, result.model.parameters[name])


def test_a_model_of_ours_does_not_go_back(tmp_path: Path) -> None:
    save_model(trained_small(), tmp_path / "m")
    with refused(
        UserError, "取り込んだモデルではない", "LayerNorm", code="not-imported", path=tmp_path / "m"
    ):
        export_burn(tmp_path / "m", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    there = Original(n_layers=1).write(tmp_path / "o")
    with refused(UserError, "同じ"):
        import_burn(there, there)
    import_burn(there, tmp_path / "m")
    with refused(UserError, "同じ"):
        export_burn(tmp_path / "m", tmp_path / "m" / ".." / "m")
    other = Original(n_layers=1).write(tmp_path / "o2")
    with refused(UserError, "元のプロジェクトのモデルがあります"):
        import_burn(there, other)
    import_burn(there, tmp_path / "m2")
    with refused(UserError, "上書きしない"):
        export_burn(tmp_path / "m", tmp_path / "m2")


def test_old_configurations_keep_their_meaning() -> None:
    written = trained_small().config.to_json()
    for name in (
        *("final_norm", "attention_masks", "source_length", "embedding_scale"),
        *("source_cut", "specials_masked"),
    ):
        del written[name]
    assert ModelConfig.from_json(written) == trained_small().config
