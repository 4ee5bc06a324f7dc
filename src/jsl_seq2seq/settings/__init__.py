"""Everything that can be set about a model and its training, as frozen values."""

from dataclasses import fields

from .config import (
    MAX_BEAM,
    MAX_PENALTY,
    ModelConfig,
    TrainingConfig,
    VocabSize,
    from_mapping,
    in_effect,
    require_choice,
    require_range,
)
from .special_ids import EOS, PAD, SOS, SPECIALS, UNK

SETTINGS = frozenset(field.name for cls in (ModelConfig, TrainingConfig) for field in fields(cls))
"""Everything about a model and its training that can be set by name."""

DATA_SETTINGS = frozenset(
    {
        "source_units",
        "target_units",
        "subword_vocab",
        "target_tokenizer",
        "target_vocab",
        "min_count",
    }
)
"""What can be set about the tokens that a new model's vocabulary consists of."""

__all__ = [
    "DATA_SETTINGS",
    "EOS",
    "MAX_BEAM",
    "MAX_PENALTY",
    "PAD",
    "SETTINGS",
    "SOS",
    "SPECIALS",
    "UNK",
    "ModelConfig",
    "TrainingConfig",
    "VocabSize",
    "from_mapping",
    "in_effect",
    "require_choice",
    "require_range",
]
