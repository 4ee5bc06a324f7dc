"""The trained model that ships with the package, made by ``tools/train_shipped.py``."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def shipped_model() -> Path:
    """Its directory; what is translated with when nobody names a model."""
    return Path(str(resources.files("jsl_seq2seq") / "assets" / "model"))
