"""Hugging Face transformers: the model as a ``PegasusForConditionalGeneration``, loaded without custom code."""

from .export import export

__all__ = ["export"]
