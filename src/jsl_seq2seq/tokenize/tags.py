"""How target sequences are written: ``<私> <食べる>``, or plain words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from .units import TAGS

_TAG = re.compile(r"<([^<>\s]+)>")


def parse_tags(text: str) -> tuple[str, ...]:
    """``"<私> <食べる>"`` -> ``("私", "食べる")``.

    Raises:
        ValueError: something in between is not a tag; the message names it.
    """
    left = _TAG.sub(" ", text).split()
    if left:
        raise ValueError(left[0])
    return tuple(unicodedata.normalize("NFC", tag) for tag in _TAG.findall(text))


def format_tags(tags: Iterable[str], units: str = TAGS) -> str:
    """``("私", "食べる")`` -> ``"<私> <食べる>"``; as words ``"私 食べる"``."""
    return " ".join(f"<{tag}>" if units == TAGS else tag for tag in tags)
