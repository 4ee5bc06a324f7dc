"""Translating on the CPU with weights of one byte each, compiled by Numba."""

from .ops import Int8Ops

__all__ = ["Int8Ops"]
