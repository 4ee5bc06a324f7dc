"""Saving and loading: model directories that are never half-written and never silently wrong."""

from .directory import load_model, save_model
from .metadata import describe_run
from .saved_model import EpochMetrics, Example, Moments, Progress, SavedModel

__all__ = [
    "EpochMetrics",
    "Example",
    "Moments",
    "Progress",
    "SavedModel",
    "describe_run",
    "load_model",
    "save_model",
]
