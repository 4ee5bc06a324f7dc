"""The formats of corpus files, by the ending of a file's name. A further format is one file and one line here."""

from .csv import CSV
from .format import Format, Lines, Row
from .jsonl import JSONL
from .tsv import TSV

FORMATS: dict[str, Format] = {".csv": CSV, ".jsonl": JSONL, ".ndjson": JSONL, ".json": JSONL}
"""Every other ending is :data:`OTHERWISE`."""

OTHERWISE = TSV

__all__ = ["FORMATS", "OTHERWISE", "Format", "Lines", "Row"]
