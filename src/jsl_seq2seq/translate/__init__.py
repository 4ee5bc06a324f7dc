"""The library's entry point: load a model, translate sentences, look at attention."""

from .translator import Attention, BackendName, Candidate, Precision, Score, Translation, Translator

__all__ = ["Attention", "BackendName", "Candidate", "Precision", "Score", "Translation", "Translator"]
