"""One spelling for what looks the same, so that a vocabulary does not have to know every variant.

:func:`normalize` is for Japanese, :func:`tidy` for every other language. In the former NFKC folds half-width
kana, full-width letters and digits, and decomposed か + ゙ (Unicode Standard Annex 15). What it gets wrong for
Japanese sentences is put right around it.
"""

from __future__ import annotations

import re
import unicodedata

_SPACING_TO_COMBINING = str.maketrans({"゛": "\u3099", "゜": "\u309a"})
"""NFKC would turn the free-standing voicing marks into a space and a mark; people type them for か゛."""

_FULL_STOP = re.compile(r"．(?!\d)")
"""A full-width full stop that is no decimal point. (NFKC has an answer for the ASCII one only: leave it.)"""

_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
"""The comma in 1,500; the one in 1,2 separates two numbers."""

_JAPANESE_PUNCTUATION = str.maketrans({"!": "！", "?": "？", ",": "、"})

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
"""Joiners, directions, fillers, variation selectors, tags: nothing a reader sees."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def normalize(text: str) -> str:
    """The spelling that vocabularies are made of. Idempotent; never fails.

    Half-width and decomposed kana become ordinary kana, full-width letters and digits become ASCII, ASCII
    sentence marks become Japanese ones, invisible characters go, runs of blanks and control characters
    become one space, none at the ends. Half a surrogate pair becomes U+FFFD.
    """
    text = _SURROGATE.sub("\ufffd", text)
    text = _INVISIBLE.sub("", text.translate(_SPACING_TO_COMBINING))
    text = unicodedata.normalize("NFKC", _FULL_STOP.sub("。", text))
    text = _THOUSANDS.sub("", text).translate(_JAPANESE_PUNCTUATION)
    return _BLANK.sub(" ", text).strip()


def tidy(text: str) -> str:
    """The spelling of a sentence whose language nobody knows: canonical composition (NFC) and single blanks.

    Letters, case, width, punctuation, joiners and variation selectors stay as they are: in German, Persian or
    Hindi they carry meaning. Idempotent; never fails. Byte-order marks go, and half a surrogate pair becomes
    U+FFFD.
    """
    text = unicodedata.normalize("NFC", _SURROGATE.sub("\ufffd", text).replace("\ufeff", ""))
    return _BLANK.sub(" ", text).strip()


def kana_sibling(character: str) -> str:
    """The hiragana of a katakana and the reverse; anything else as it is."""
    if "ァ" <= character <= "ヶ":
        return chr(ord(character) - 0x60)
    if "ぁ" <= character <= "ゖ":
        return chr(ord(character) + 0x60)
    return character
