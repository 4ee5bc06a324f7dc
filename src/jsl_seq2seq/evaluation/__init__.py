"""Measuring models: metrics, breakdown, diagnosis, comparison, self-test."""

from ..search import Search
from .diagnosis import Diagnosis, diagnose
from .evaluation import Evaluation, FileReport, evaluate
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
