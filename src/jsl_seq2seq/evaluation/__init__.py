"""Measuring models: metrics, breakdown, diagnosis, comparison, self-test."""

from .diagnosis import Diagnosis, diagnose
from .evaluation import Evaluation, FileReport, Search, evaluate
from .metrics import Edits, Result, Scores, align, scores

__all__ = [
    "Diagnosis",
    "Edits",
    "Evaluation",
    "FileReport",
    "Result",
    "Scores",
    "Search",
    "align",
    "diagnose",
    "evaluate",
    "scores",
]
