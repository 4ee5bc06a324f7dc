"""A model on the backend that the command line asked for, and a line that says which."""

from __future__ import annotations

import threading

from ..backends.registry import choose_backend
from ..store import SavedModel
from ..translate.translator import Translator
from .console import note

_PATIENCE = 1.5
"""Seconds after which somebody who waits is told what for."""


def opened(model: SavedModel, backend: str, device: str | None, precision: str, quiet: bool) -> Translator:
    """Ready to translate. Raises what :func:`jsl_seq2seq.backends.registry.choose_backend` raises."""
    waiting = threading.Timer(
        _PATIENCE, note, ["計算の準備をしています（ふつうは、はじめてのときだけ、数秒かかります）。"]
    )
    if precision == "int8" and not quiet:
        waiting.start()  # Numba compiles, and remembers it
    try:
        chosen = choose_backend(backend, device, model.n_parameters, precision)
    finally:
        waiting.cancel()
    if not quiet:
        note(f"バックエンド: {chosen.name}（{chosen.reason}）")
    return Translator(model, chosen)
