"""What stands beside the rows and columns of exported tables."""

from __future__ import annotations

from ..tokenize import Vocabularies, Vocabulary
from ..tokenize.units import TAGS


def vocabulary_labels(vocabulary: Vocabulary, tags: bool) -> list[str]:
    """Every entry in id order; tags and specials in brackets."""
    units = [vocabulary.unit_of(index) for index in range(len(vocabulary))]
    plain = 0 if tags else len(vocabulary.units)
    return [f"<{unit}>" for unit in units[: len(units) - plain]] + units[len(units) - plain :]


def parameter_labels(
    name: str, shape: tuple[int, ...], vocabularies: Vocabularies
) -> tuple[list[str], list[str]]:
    """Row and column labels of a parameter seen as a table (a vector is one row).

    An axis that stands for a vocabulary shows its entries, every other axis its index.
    """
    tags = vocabularies.kinds.target == TAGS
    rows, columns = (1, *shape)[-2:]
    row_labels, column_labels = [str(i) for i in range(rows)], [str(i) for i in range(columns)]
    if name == "encoder.embedding.weight":
        row_labels = vocabulary_labels(vocabularies.source, tags=False)
    elif name == "decoder.embedding.weight":
        row_labels = vocabulary_labels(vocabularies.target, tags)
    elif name.startswith("decoder.output_projection."):
        column_labels = vocabulary_labels(vocabularies.target, tags)
    return row_labels, column_labels
