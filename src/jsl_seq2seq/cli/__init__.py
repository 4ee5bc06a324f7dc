"""The command line: parses, calls, prints."""

from .console import main

__all__ = ["main"]
