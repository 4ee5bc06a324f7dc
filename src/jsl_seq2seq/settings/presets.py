"""Model sizes by name, with settings under which they are known to learn (a preset)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from .config import require_choice

_BIG = {
    "batch_size": 64,
    "learning_rate": 0.001,
    "warmup_steps": 400,
    "schedule": "cosine",
    "dropout": 0.1,
    "label_smoothing": 0.1,
    "epochs": 20,
    "tied_embeddings": True,
}

PRESETS = MappingProxyType({
    "tiny": {"d_model": 16, "n_heads": 2, "n_layers": 4, "d_ff": 32},
    "small": {"d_model": 64, "n_heads": 4, "n_layers": 4, "d_ff": 256, **_BIG, "learning_rate": 0.002},
    "base": {"d_model": 128, "n_heads": 8, "n_layers": 4, "d_ff": 512, **_BIG},
    "large": {"d_model": 256, "n_heads": 8, "n_layers": 6, "d_ff": 1024, **_BIG, "learning_rate": 0.0007},
    "low-resource": {
        "d_model": 256, "n_heads": 4, "n_layers": 3, "d_ff": 1024, **_BIG,
        "dropout": 0.3, "consistency": 1.0, "substitutions": 3, "epochs": 40,
        "source_units": "auto", "target_units": "words", "target_tokenizer": "auto", "beam": 5, "length_penalty": 1.0,
    },
})  # fmt: skip
"""Fields of ModelConfig and TrainingConfig, and kinds of tokens; ``tiny`` is the original's reference setting, and
``low-resource`` is for some thousand pairs of real sentences, chosen on validation data."""


def preset_options(name: str | None) -> dict[str, Any]:
    """The options behind a preset's name; none for ``None``.

    Raises:
        UserError: there is no such preset.
    """
    if name is None:
        return {}
    require_choice("preset", name, tuple(PRESETS))
    return dict(PRESETS[name])
