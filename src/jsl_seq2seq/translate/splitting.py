"""Splitting a text into sentences, each with where it stands in the text."""

from __future__ import annotations

import re
from typing import NamedTuple

_OPENING, _CLOSING = "「『（(【〈《［[", "」』）)】〉》］]"
_END = re.compile(r"[。．！？!?…]+|\.(?=\s|$)")
"""Marks that end a sentence. An ASCII full stop ends one only before a blank: 3.5 and example.jp hold none."""


class Sentence(NamedTuple):
    """A sentence of a text: ``text[start:end]``, blanks at the ends left out."""

    start: int
    end: int


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of a text, in order; none of them blank.

    A sentence ends behind 。 ！ ？ ! ? … (and behind what follows of these at once), and at a line end. Inside of
    quotation marks and brackets nothing ends, unless they are never closed on the line.
    """
    found: list[Sentence] = []
    for line in re.finditer(r"[^\r\n\u2028\u2029]+", text):
        start = line.start()
        for end in _ends(text, line.start(), line.end()):
            _add(found, text, start, end)
            start = end
        _add(found, text, start, line.end())
    return found


def _ends(text: str, start: int, end: int) -> list[int]:
    quoted = _quoted(text, start, end)
    return [mark.end() for mark in _END.finditer(text, start, end) if not quoted[mark.start() - start]]


def _quoted(text: str, start: int, end: int) -> list[bool]:
    """For each character whether it stands between a bracket and its partner."""
    depth, opened = [False] * (end - start), []
    for position in range(start, end):
        character = text[position]
        if character in _OPENING:
            opened.append((character, position))
        elif character in _CLOSING and opened:
            partner = _OPENING[_CLOSING.index(character)]
            while opened and opened[-1][0] != partner:
                opened.pop()
            if opened:
                _, begin = opened.pop()
                depth[begin - start : position - start + 1] = [True] * (position - begin + 1)
    return depth


def _add(found: list[Sentence], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    if start >= end:
        return
    if not any(character.isalnum() for character in text[start:end]) and found:
        # marks alone belong to the sentence before them
        found[-1] = Sentence(found[-1].start, end)
        return
    found.append(Sentence(start, end))
