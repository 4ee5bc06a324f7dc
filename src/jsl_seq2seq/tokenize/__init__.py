"""Text and tags to ids and back: normalization, tokenizers, vocabularies."""

from .normalize import normalize
from .tokenizer import (
    CHARACTERS_AND_TAGS,
    SOURCE_TOKENIZERS,
    TARGET_TOKENIZERS,
    Encoding,
    TargetTokenizer,
    Tokenizer,
    Tokenizers,
    Unknown,
    Vocabulary,
    format_tags,
    parse_tags,
)

__all__ = [
    "CHARACTERS_AND_TAGS",
    "SOURCE_TOKENIZERS",
    "TARGET_TOKENIZERS",
    "Encoding",
    "TargetTokenizer",
    "Tokenizer",
    "Tokenizers",
    "Unknown",
    "Vocabulary",
    "format_tags",
    "normalize",
    "parse_tags",
]
