"""Text and tag sequences: normalization, corpus files, units, vocabularies."""

from .corpus_file import Corpus, is_large, overlap, parse_corpus, read_corpus, read_starter_corpus
from .normalize import normalize
from .pairs import SentencePair, format_tags, parse_tags
from .units import Units
from .vocabulary import EncodedSource, Vocabularies, Vocabulary

__all__ = [
    "Corpus",
    "EncodedSource",
    "SentencePair",
    "Units",
    "Vocabularies",
    "Vocabulary",
    "format_tags",
    "is_large",
    "normalize",
    "overlap",
    "parse_corpus",
    "parse_tags",
    "read_corpus",
    "read_starter_corpus",
]
