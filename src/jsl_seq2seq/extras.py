"""Libraries that are optional: one way to import them, and to say why one cannot be used.

An installed library may be broken: its own libraries are missing, it is too old or too new for another one, or only
an empty folder is left of it. Whatever it raises while it is imported is the reason.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from typing import Any

from .errors import UserError


def optional(library: str, extra: str, purpose: str) -> Any:
    """The module ``library``, imported.

    Args:
        extra: the extra of this package that installs it.
        purpose: what it is needed for, a Japanese clause that ends in ``には``.

    Raises:
        UserError: it is not installed, or cannot be imported.
    """
    try:
        with warnings.catch_warnings():  # a library's words to those who write programs with it
            warnings.simplefilter("ignore")
            module = importlib.import_module(library)
        if is_missing(library):
            raise ModuleNotFoundError(library, name=library)  # an empty folder
    except Exception as problem:
        hint = f"pip install 'jsl-seq2seq[{extra}]' を実行してください。"
        if is_missing(library):
            raise UserError(
                f"{purpose}、追加のライブラリー {library} が要ります。",
                hint,
                code="library-missing",
                library=library,
                extra=extra,
            ) from None
        raise UserError(
            f"{purpose}ライブラリー {library} が要りますが、読み込めません（{reason(problem)}）。",
            hint.replace("install", "install --force-reinstall"),
            code="library-broken",
            library=library,
            extra=extra,
            reason=reason(problem),
        ) from problem
    return module


def is_missing(library: str) -> bool:
    """Whether nothing of the library is there, or a folder without a module only."""
    top = library.partition(".")[0]
    if top in sys.modules:
        module = sys.modules[top]
        return module is None or (getattr(module, "__file__", None) is None and hasattr(module, "__path__"))
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return True
    return found is None or found.origin is None


def reason(problem: BaseException) -> str:
    """The first line of an exception's text, or its type."""
    lines = str(problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__
