"""Saving and loading: model directories that are never half-written and never silently wrong."""

from .directory import holds_model, load_model, save_model
from .saved_model import STARTER, EpochMetrics, Example, Moments, Progress, SavedModel
from .shipped import shipped_model

__all__ = [
    "STARTER",
    "EpochMetrics",
    "Example",
    "Moments",
    "Progress",
    "SavedModel",
    "holds_model",
    "load_model",
    "save_model",
    "shipped_model",
]
