"""Text and tags to ids and back: normalization, tokenizers, vocabularies."""

from .normalize import normalize, normalize_with_offsets
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
    "normalize_with_offsets",
    "parse_tags",
]
