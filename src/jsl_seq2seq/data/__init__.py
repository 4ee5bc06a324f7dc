"""Files to batches: formats, sentence pairs, lazy reading, encoding, batching."""

from .corpus import (
    Corpus,
    is_large,
    overlap,
    parse_corpus,
    read_corpus,
    read_starter_corpus,
    sentence_keys,
)
from .pairs import SentencePair

__all__ = [
    "Corpus",
    "SentencePair",
    "is_large",
    "overlap",
    "parse_corpus",
    "read_corpus",
    "read_starter_corpus",
    "sentence_keys",
]
