"""Text and tags to ids and back: normalization, units, vocabularies."""

from .normalize import normalize
from .tags import format_tags, parse_tags
from .units import Units
from .vocabulary import EncodedSource, Vocabularies, Vocabulary

__all__ = [
    "EncodedSource",
    "Units",
    "Vocabularies",
    "Vocabulary",
    "format_tags",
    "normalize",
    "parse_tags",
]
