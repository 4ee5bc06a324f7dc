"""The npm package in ``web/``, which translates in the browser and in Node: the files that it reads."""

from .export import export

__all__ = ["export"]
