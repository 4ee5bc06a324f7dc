"""SudachiPy's core dictionary, which the analyser and the words outside the lexicon read."""

from __future__ import annotations

from typing import Any

from ..errors import UserError
from ..extras import optional

INSTALL = (
    'python -m pip install "jsl-seq2seq[corpus]" を実行すると、sudachipy と sudachidict_core が入ります。'
)


def open_core_dictionary(purpose: str) -> tuple[Any, Any]:
    """The module ``sudachipy``, and its core dictionary.

    Args:
        purpose: what it is needed for, as :func:`~jsl_seq2seq.extras.optional` takes it.

    Raises:
        UserError: SudachiPy or the dictionary is not installed, or cannot be read.
    """
    library = optional("sudachipy", "corpus", purpose)
    try:
        return library, library.Dictionary(dict="core")
    except Exception as error:  # the library raises exceptions of its own Rust types
        raise UserError(
            f"SudachiPy の辞書 sudachidict_core を開けません（{error}）。",
            INSTALL,
            code="sudachi-dictionary-missing",
            reason=str(error),
        ) from None
