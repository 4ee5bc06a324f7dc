"""How good a model is, and why it says what it says."""

from .alignment import Edits, align
from .diagnosis import Diagnosis, diagnose
from .evaluation import FileReport, Search, evaluate
from .metrics import Result, Scores, scores
from .report import Evaluation, report_page, write_report

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
    "report_page",
    "scores",
    "write_report",
]
