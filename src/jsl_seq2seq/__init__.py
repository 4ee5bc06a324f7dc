"""A hand-written Transformer that translates Japanese text into Japanese Sign Language tags.

>>> from jsl_seq2seq import Translator
>>> Translator.load("models/my-model").translate("わたしはたべます").tags  # doctest: +SKIP
('私', '食べる')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .translator import Translation, Translator

__all__ = ["Translation", "Translator", "__version__"]


def __getattr__(name: str) -> Any:
    # loaded when used, so that `jsl-seq2seq --version` does not wait for NumPy
    if name in ("Translation", "Translator"):
        from . import translator  # noqa: PLC0415

        return getattr(translator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
