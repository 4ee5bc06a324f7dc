"""Command lines that several tests use."""

from __future__ import annotations

from pathlib import Path

SHAPE = ["--d-model", "8", "--n-layers", "1", "--d-ff", "16", "--max-seq-len", "24", "--batch-size", "3"]


def training(data: Path, save: Path, epochs: int = 2) -> list[str]:
    """A training that takes a moment, without the verb."""
    return ["--backend", "ndarray", "--data", str(data), "--save", str(save), "--epochs", str(epochs), *SHAPE]
