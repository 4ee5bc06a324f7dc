"""Measuring models: metrics, breakdown, diagnosis, comparison of models, significance of differences."""

from .diagnosis import Diagnosis, diagnose
from .evaluation import Evaluation, FileReport, evaluate

__all__ = ["Diagnosis", "Evaluation", "FileReport", "diagnose", "evaluate"]
