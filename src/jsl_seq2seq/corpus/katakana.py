"""Sentences with their hiragana in katakana: 私ハ明日学校ニ行キマセン, and mixtures.

Some people and devices write so. The tags are those of the ordinary spelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..tokenize.normalize import katakana
from .rng import Rng

_PIECES = re.compile("[ぁ-ゖー]+|[^ぁ-ゖー]+")


def in_katakana(spellings: Mapping[str, str], rng: Rng) -> dict[str, str]:
    """The spellings with their hiragana in katakana: half of the time all of it, else some of its stretches."""
    if rng.bernoulli(0.5):
        return {name: katakana(text) for name, text in spellings.items()}
    share = 0.2 + 0.6 * rng.integer(100) / 100
    return {
        name: "".join(katakana(piece) if rng.bernoulli(share) else piece for piece in _PIECES.findall(text))
        for name, text in spellings.items()
    }
