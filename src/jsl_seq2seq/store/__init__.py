"""Saving and loading: model directories that are never half-written and never silently wrong."""

from .directory import (
    holds_model,
    is_builtin,
    load_model,
    model_directory,
    save_model,
    shipped_model,
    tour_model,
)
from .saved_model import STARTER, EpochMetrics, Example, Moments, Progress, SavedModel, Stage, best_epoch

__all__ = [
    "STARTER",
    "EpochMetrics",
    "Example",
    "Moments",
    "Progress",
    "SavedModel",
    "Stage",
    "best_epoch",
    "holds_model",
    "is_builtin",
    "load_model",
    "model_directory",
    "save_model",
    "shipped_model",
    "tour_model",
]
