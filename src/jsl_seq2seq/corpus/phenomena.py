"""What the grammar's phenomena are called in Japanese, and what each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Phenomenon:
    """A phenomenon of sentences, such as the negation of verbs.

    Attributes:
        name: as the grammar and the third column of a corpus file have it: ``verb-negation``.
        japanese: what to call it.
        explanation: one line, with examples.
    """

    name: str
    japanese: str
    explanation: str


@cache
def phenomena() -> dict[str, Phenomenon]:
    """Name -> phenomenon, in the order of the names."""
    table = resources.files("jsl_seq2seq").joinpath("assets/phenomena.tsv").read_text(encoding="utf-8")
    lines = table.splitlines()
    found = [Phenomenon(*line.split("\t")) for line in lines if not line.startswith("#")]
    return {one.name: one for one in found}
