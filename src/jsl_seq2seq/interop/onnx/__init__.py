"""ONNX: three graphs that any ONNX runtime computes (https://onnx.ai), without this package and without NumPy."""

from .export import export

__all__ = ["export"]
