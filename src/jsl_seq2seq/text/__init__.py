"""Japanese text and tag sequences: normalization, corpus files, vocabularies."""

from .normalize import normalize
from .pairs import (
    Corpus,
    SentencePair,
    format_tags,
    overlap,
    parse_corpus,
    parse_tags,
    read_corpus,
    read_starter_corpus,
)
from .vocabulary import EncodedSource, Vocabularies, Vocabulary

__all__ = [
    "Corpus",
    "EncodedSource",
    "SentencePair",
    "Vocabularies",
    "Vocabulary",
    "format_tags",
    "normalize",
    "overlap",
    "parse_corpus",
    "parse_tags",
    "read_corpus",
    "read_starter_corpus",
]
