"""What stands beside rows and columns."""

from __future__ import annotations

import pytest

from jsl_seq2seq.render.labels import parameter_labels, vocabulary_labels

from ..small_models import trained_small

MODEL = trained_small()
SOURCE = ["<PAD>", "<SOS>", "<EOS>", *MODEL.vocabularies.source.units]
TARGET = ["<PAD>", "<SOS>", "<EOS>", *(f"<{tag}>" for tag in MODEL.vocabularies.target.units)]


def numbers(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def test_vocabularies_in_id_order() -> None:
    assert vocabulary_labels(MODEL.vocabularies.source, tags=False) == SOURCE
    assert vocabulary_labels(MODEL.vocabularies.target, tags=True) == TARGET


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("encoder.embedding.weight", SOURCE, numbers(8)),
        ("decoder.embedding.weight", TARGET, numbers(8)),
        ("decoder.output_projection.weight", numbers(8), TARGET),
        ("decoder.output_projection.bias", ["0"], TARGET),
        ("encoder.layers.0.feed_forward.linear1.weight", numbers(8), numbers(16)),
        ("encoder.final_norm.bias", ["0"], numbers(8)),
    ],
)
def test_parameters(name: str, rows: list[str], columns: list[str]) -> None:
    shape = MODEL.parameters[name].shape
    assert parameter_labels(name, shape, MODEL.vocabularies) == (rows, columns)


def test_every_parameter_has_as_many_labels_as_values() -> None:
    for name, values in MODEL.parameters.items():
        rows, columns = parameter_labels(name, values.shape, MODEL.vocabularies)
        assert len(rows) * len(columns) == values.size
