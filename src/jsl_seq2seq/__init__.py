"""A hand-written Transformer that translates Japanese text into Japanese Sign Language tags.

>>> from jsl_seq2seq import Translator
>>> Translator.load("models/my-model").translate("わたしはたべます").tags  # doctest: +SKIP
('私', '食べる')
"""

from __future__ import annotations

from importlib import import_module

from .version import __version__

TYPE_CHECKING = False  # typing's, whose import takes longer than all that is here
if TYPE_CHECKING:
    from typing import Any

    from .errors import Failure, JslError, UserError
    from .translate import Attention, Candidate, Score, Translation, Translator

__all__ = [
    "Attention",
    "Candidate",
    "Failure",
    "JslError",
    "Score",
    "Translation",
    "Translator",
    "UserError",
    "__version__",
]

_ROOMS = {
    name: "errors" if name in ("Failure", "JslError", "UserError") else "translate" for name in __all__[:-1]
}


def __getattr__(name: str) -> Any:
    # loaded when used, so that `jsl-seq2seq --version` does not wait for NumPy
    if name in _ROOMS:
        try:
            return getattr(import_module(f".{_ROOMS[name]}", __name__), name)
        except Exception as error:
            from .extras import broken_requirement  # noqa: PLC0415

            broken = broken_requirement(error)
            if broken is None:
                raise
            raise broken from error
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
