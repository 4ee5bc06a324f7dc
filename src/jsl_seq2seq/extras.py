"""Libraries that cannot be used: one way to import those that are optional, and one error for any that is missing or
broken.

An installed library may be broken: its own libraries are missing, it is too old or too new for another one, or only
an empty folder is left of it. Whatever it raises while it is imported is the reason.

What is required is imported where it is used, as ever; an exception of which it may be the cause is looked at when it
has come to the border of the program (:func:`broken_requirement`).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from typing import Any

from .errors import UserError

REQUIRED = ("numpy", "safetensors", "filelock", "pydantic", "rich", "typer", "jinja2", "tomli_w")
"""What installing this package installs, a library behind those that it imports itself. WebGPU's is no part of it: the
program goes on without."""


class LibraryError(UserError, ImportError):
    """A library is missing or broken; its ``name`` is that of :class:`ImportError`, ``__cause__`` what it raised."""

    def __init__(self, what: str, hint: str, *, code: str, library: str, **facts: Any) -> None:
        super().__init__(what, hint, code=code, library=library, **facts)
        self.name = library


def optional(library: str, extra: str, purpose: str) -> Any:
    """The module ``library``, imported.

    Args:
        extra: the extra of this package that installs it.
        purpose: what it is needed for, a Japanese clause that ends in ``には``.

    Raises:
        LibraryError: it is not installed, or cannot be imported.
    """
    try:
        return _imported(library)
    except Exception as problem:
        hint = f"pip install 'jsl-seq2seq[{extra}]' を実行してください。"
        if is_missing(library):
            raise LibraryError(
                f"{purpose}、追加のライブラリー {library} が要ります。",
                hint,
                code="library-missing",
                library=library,
                extra=extra,
            ) from None
        raise LibraryError(
            f"{purpose}ライブラリー {library} が要りますが、読み込めません（{reason(problem)}）。",
            hint.replace("install", "install --force-reinstall"),
            code="library-broken",
            library=library,
            extra=extra,
            reason=reason(problem),
        ) from problem


def broken_requirement(error: Exception) -> LibraryError | None:
    """The error to raise from ``error``, instead of it, if a required library cannot be imported, or ``error`` comes
    from importing a part of one; ``None`` otherwise."""
    library = next((one for one in REQUIRED if not _is_whole(one)), None) or _failed_import(error)
    if library is None:
        return None
    hint = f"pip install --force-reinstall {library.replace('_', '-')} を実行してください。"
    if is_missing(library):
        what = f"必要なライブラリー {library} が見つかりません。"
        return LibraryError(what, hint, code="library-missing", library=library)
    return LibraryError(
        f"必要なライブラリー {library} を読み込めません（{reason(error)}）。",
        hint,
        code="library-broken",
        library=library,
        reason=reason(error),
    )


def _failed_import(error: Exception) -> str | None:
    """The required library in whose import ``error`` was raised, the innermost of several."""
    names = []
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == "<module>":
            names.append(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next
    if isinstance(error, ImportError):
        names.append(error.name or "")
    tops = [name.partition(".")[0] for name in reversed(names)]
    return next((top for top in tops if top in REQUIRED), None)


def _is_whole(library: str) -> bool:
    try:
        _imported(library)
    except Exception:
        return False
    return True


def _imported(library: str) -> Any:
    """The module; an exception of any kind if it is missing or broken."""
    with warnings.catch_warnings():  # a library's words to those who write programs with it
        warnings.simplefilter("ignore")
        module = importlib.import_module(library)
    if is_missing(library):
        raise ModuleNotFoundError(library, name=library)  # an empty folder
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
