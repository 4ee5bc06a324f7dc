"""`compare` finds the differences that were made, and no others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.evaluation.comparison import compare
from jsl_seq2seq.settings import VocabSize
from jsl_seq2seq.store import SavedModel, save_model
from jsl_seq2seq.tokenize import Tokenizers, Vocabulary
from jsl_seq2seq.tokenize.tokenizer import TagTokenizer

from ..processes import run_program
from ..small_models import EIGHT_LINES, trained_small, translator_of

TEXTS = [line.split("\t")[0] for line in EIGHT_LINES.splitlines()]
OUTPUT = "decoder.output_projection.bias"


def translate(model: SavedModel, texts: Sequence[str]) -> list[tuple[str, ...] | None]:
    return [translation.tags for translation in translator_of(model).translate_batch(texts)]


def changed(**parameters: np.ndarray) -> SavedModel:
    model = trained_small()
    return replace(model, parameters={**model.parameters, **parameters})


def test_a_model_is_itself() -> None:
    found = compare(trained_small(), trained_small(), TEXTS, translate)
    assert found.same and not found.settings and not found.unlike and not found.changed
    assert len(found.distances) == len(trained_small().parameters)
    assert {distance.largest for distance in found.distances} == {0.0}


def test_distances_are_relative_and_sorted() -> None:
    model = trained_small()
    weight, bias = "encoder.layers.0.feed_forward.linear1.weight", "encoder.layers.0.norm1.bias"
    other = changed(**{weight: model.parameters[weight] * 1.5, bias: model.parameters[bias] + 3})
    first, second, *rest = compare(model, other, [], translate).distances
    assert {first.name, second.name} == {weight, bias} and not any(one.largest for one in rest)
    assert first.relative >= second.relative
    found = {one.name: one for one in (first, second)}
    assert found[weight].relative == pytest.approx(0.5)
    assert found[weight].largest == pytest.approx(np.abs(model.parameters[weight]).max() / 2)
    assert found[bias].largest == pytest.approx(3)


def test_from_nothing_the_distance_is_absolute() -> None:
    zeros = changed(**{OUTPUT: np.zeros_like(trained_small().parameters[OUTPUT])})
    ones = changed(**{OUTPUT: np.full_like(trained_small().parameters[OUTPUT], 2)})
    first = compare(zeros, ones, [], translate).distances[0]
    assert first.relative == pytest.approx(2 * trained_small().parameters[OUTPUT].size ** 0.5)


def test_settings_and_translations() -> None:
    model = trained_small()
    bias = model.parameters[OUTPUT].copy()
    bias[model.tokenizers.target.vocabulary.id_of("OK")] += 1000
    other = replace(changed(**{OUTPUT: bias}), training=replace(model.training, seed=3))
    found = compare(model, other, TEXTS, translate)
    assert found.settings == {"training.seed": (0, 3)}
    assert found.sentences == len(TEXTS) and [text for text, _, _ in found.changed] == TEXTS
    assert found.changed[0][1] == "<私> <食べる>" and set((found.changed[0][2] or "").split()) == {"<OK>"}
    assert not found.same
    json.dumps(found.to_json())


def test_other_training_of_the_same_weights_is_the_same() -> None:
    model = trained_small()
    found = compare(model, replace(model, training=replace(model.training, seed=3)), TEXTS, translate)
    assert found.same and found.settings


def test_vocabularies() -> None:
    model = trained_small()
    target = model.tokenizers.target.vocabulary.tokens
    moved = Tokenizers(
        model.tokenizers.source,
        TagTokenizer(Vocabulary((target[1], target[0], *target[2:-1], "新しい"))),
    )
    found = compare(model, replace(model, tokenizers=moved), [], translate)
    assert found.only == {"source": ((), ()), "target": ((target[-1],), ("新しい",))}
    assert found.moved == {"source": False, "target": True}


def test_other_shapes() -> None:
    model = trained_small()
    size = model.config.vocab_size
    smaller = replace(
        model,
        config=replace(model.config, vocab_size=VocabSize(size.source - 1, size.target)),
        parameters={
            **{name: array for name, array in model.parameters.items() if "decoder.layers" not in name},
            "encoder.embedding.weight": model.parameters["encoder.embedding.weight"][:-1],
        },
    )
    found = compare(model, smaller, [], lambda _, texts: [None for _ in texts])
    assert "encoder.embedding.weight" in found.unlike
    assert "decoder.layers.0.norm1.bias" in found.unlike
    assert "model.vocab_size" in found.settings


def test_the_command(saved: Path, tmp_path: Path) -> None:
    bias = trained_small().parameters[OUTPUT] * 2
    save_model(changed(**{OUTPUT: bias}), tmp_path / "other")
    (tmp_path / "eight.tsv").write_text(EIGHT_LINES + "ヴェ\t<OK>\n", encoding="utf-8")
    shown = run_program(["compare", str(saved), "other", "--data", "eight.tsv"], tmp_path)
    assert shown.returncode == 0, shown.stderr.decode()
    assert f"{OUTPUT}: 相対 L2 1" in shown.stdout.decode()
    run = run_program(["compare", str(saved), str(saved), "--json"], tmp_path)
    report = json.loads(run.stdout)
    assert report["same"] is True and report["changed"] == []
    assert run_program(["compare", str(saved), "nothing"], tmp_path).returncode == 2
