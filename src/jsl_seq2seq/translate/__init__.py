"""The library's entry point: load a model, translate sentences, look at attention."""

from .translation import Attention, Candidate, Score, Translation
from .translator import Translator

__all__ = [
    "Attention",
    "Candidate",
    "Score",
    "Translation",
    "Translator",
]
