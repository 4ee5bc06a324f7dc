"""Measuring models: metrics, breakdown, diagnosis, comparison, self-test."""

from .alignment import Edits, align
from .diagnosis import Diagnosis, diagnose
from .evaluation import FileReport, Search, evaluate
from .metrics import Result, Scores, scores

__all__ = [
    "Diagnosis",
    "Edits",
    "FileReport",
    "Result",
    "Scores",
    "Search",
    "align",
    "diagnose",
    "evaluate",
    "scores",
]
