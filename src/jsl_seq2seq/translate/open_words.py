"""Translating with open words: what a model may write for a sentence, and where each tag came from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..search.constraints import OpenWordConstraint, OpenWordIds
from ..settings import EOS
from ..tokenize.normalize import hiragana
from ..tokenize.tokenizer import SLOTS, CharTokenizer, Encoding, OpenTagTokenizer
from .dictionary import Match

ENDINGS = ("う", "く", "ぐ", "す", "つ", "ぬ", "ぶ", "む", "る", "い", "する")
"""What makes a dictionary form of a copied stem: 受け取 + る, 隠れ + る, 美味し + い, 愛 + する."""

_JOINING = frozenset("-‐‑–—'’&+#@/_~々ー・")
"""Characters that are part of a word though they are neither letter nor digit: Wi-Fi, AT&T, C++."""

Evidence = tuple[int, int, list[str]]
"""[start, end) of a piece of evidence among the tokens of a sentence, and the tags that it is evidence for."""


@dataclass(frozen=True)
class TagDetail:
    """Where a tag comes from.

    Attributes:
        known: false for an open word, which the model's vocabulary does not have as a tag, and for a tag that the
            model put together from pieces, none of whose training sentences has it.
        span: [start, end) of the characters that the tag came from, in the text as it was written; ``None`` for a
            tag that stands for grammar, and for models without open words.
        entry: the word of the user's dictionary that gave the tag, if one did.
        uncertain: whether the tag's probability is below the threshold that the model was calibrated with.
    """

    known: bool = True
    span: tuple[int, int] | None = None
    entry: str | None = None
    uncertain: bool = False


class OpenWords:
    """What sentences are encoded with, their constraints, and what a decoded sentence means.

    Args:
        source, target: the model's tokenizers.
    """

    def __init__(self, source: CharTokenizer, target: OpenTagTokenizer) -> None:
        self._source, self._target = source, target
        vocabulary = target.vocabulary
        self._ids = {
            token[len(target.OPEN) :]: vocabulary.id_of(token)
            for token in vocabulary.tokens
            if len(token) == 2 and token.startswith(target.OPEN) and token not in (target.BEGIN, target.END)
        }
        begin, end = vocabulary.id_of(target.BEGIN), vocabulary.id_of(target.END)
        endings = tuple(
            tuple(self._ids[character] for character in ending)
            for ending in ENDINGS
            if all(character in self._ids for character in ending)
        )
        self._brackets = OpenWordIds(begin, end, endings)
        self._free = np.zeros(len(vocabulary), bool)
        self._free[[EOS, begin]] = True
        inside = {begin, end, *self._ids.values()}
        self._evidence: dict[str, list[str]] = {}
        for index, token in enumerate(vocabulary.tokens, start=len(vocabulary.specials)):
            if index in inside:
                continue
            pieces = target.evidence.get(token)
            self._free[index] = pieces is None
            for piece in pieces or ():
                self._evidence.setdefault(hiragana(piece), []).append(token)
        lengths: dict[str, set[int]] = {}
        for piece in self._evidence:
            if len(piece) > 1:
                lengths.setdefault(piece[:2], set()).add(len(piece))
        self._lengths = {beginning: sorted(found) for beginning, found in lengths.items()}
        """The first two characters of a piece of evidence -> how long such pieces are."""
        self._copied: dict[str, int] = {}
        """A token of a sentence -> the id that copies it, or -1."""

    @property
    def slots(self) -> int:
        """How many pieces of a sentence can be replaced."""
        return sum(slot in self._source.vocabulary and slot in self._ids for slot in SLOTS)

    def encode(self, text: str, matches: Sequence[Match]) -> Encoding:
        """A sentence as the model reads it, with slots for unknown characters and for entries of a dictionary."""
        return self._source.encode_with_slots(text, matches)

    def is_readable(self, source: Encoding) -> bool:
        """Whether there is a letter or a digit to translate, rather than marks alone."""
        return any(token.isalnum() or token in SLOTS for token in source.tokens)

    def constraint(self, source: Encoding, evidence: Sequence[Evidence]) -> OpenWordConstraint:
        """What may be written for a sentence, given its :meth:`evidence`."""
        outside, id_of = self._free.copy(), self._target.vocabulary.id_of
        outside[[id_of(tag) for _, _, tags in evidence for tag in tags]] = True
        copied = self._copied
        for token in source.tokens:
            if token not in copied:
                readable = token.isalnum() or token in _JOINING or token in SLOTS
                copied[token] = self._ids.get(token, -1) if readable else -1
        characters = [copied[token] for token in source.tokens]
        required = [self._ids[slot.token] for slot in source.slots if slot.token in self._ids]
        return OpenWordConstraint(self._brackets, characters, outside, required)

    def evidence(self, source: Encoding) -> list[Evidence]:
        """Every piece of evidence among the tokens."""
        text, tags_of = hiragana("".join(source.tokens)), self._evidence.get
        lengths_of, found = self._lengths.get, []
        for start, first in enumerate(text):
            if tags := tags_of(first):
                found.append((start, start + 1, tags))
            for length in lengths_of(text[start : start + 2], ()):
                end = start + length
                if end <= len(text) and (tags := tags_of(text[start:end])):
                    found.append((start, end, tags))
        return found

    def settle(
        self,
        tags: Sequence[tuple[str, float]],
        source: Encoding,
        evidence: Sequence[Evidence],
        offset: int,
    ) -> list[tuple[str, float, TagDetail]]:
        """Decoded tags as a user sees them.

        Slots give way to what they stand for: unknown characters to themselves, dictionary entries to their tags.

        Args:
            tags: each with its probability.
            evidence: the sentence's (:meth:`evidence`).
            offset: of the sentence in the text.

        Returns:
            Each tag with its probability and where it comes from.
        """
        entries = {slot.token: slot.piece for slot in source.slots if isinstance(slot.piece, Match)}
        unknown = {slot.token: slot for slot in source.slots if slot.piece is None}
        spans = _Spans(source, evidence, offset, {tag for tag, _ in tags})
        settled: list[tuple[str, float, TagDetail]] = []
        for tag, probability in tags:
            if not tag.startswith(self._target.OPEN):
                settled.append((tag, probability, TagDetail(span=spans.of_tag(tag))))
                continue
            word = tag[len(self._target.OPEN) :]
            span = spans.of_word(word)
            for part in _parts(word, entries):
                if part in entries:
                    match = entries[part]
                    place = (offset + match.start, offset + match.end)
                    detail = TagDetail(span=place, entry=match.entry.word)
                    settled += [(one, probability, detail) for one in match.entry.tags]
                else:
                    text = "".join(unknown[c].text if c in unknown else c for c in part)
                    settled.append((self._target.OPEN + text, probability, TagDetail(known=False, span=span)))
        return settled


class _Spans:
    """Where tags stand in a sentence: pieces of evidence and copied words, each used once, from left to right."""

    def __init__(
        self, source: Encoding, evidence: Sequence[Evidence], offset: int, wanted: Collection[str]
    ) -> None:
        self._source, self._offset = source, offset
        self._text = "".join(source.tokens)
        self._evidence: dict[str, list[tuple[int, int]]] = {}
        for start, end, tags in evidence:
            for tag in tags:
                if tag in wanted:
                    self._evidence.setdefault(tag, []).append((start, end))
        self._used: set[tuple[str, int]] = set()

    def of_tag(self, tag: str) -> tuple[int, int] | None:
        """The longest piece of evidence for a tag that no earlier tag of that name has used."""
        places = [place for place in self._evidence.get(tag, ()) if (tag, place[0]) not in self._used]
        if not places:
            return None
        start, end = max(places, key=lambda place: (place[1] - place[0], -place[0]))
        self._used.add((tag, start))
        return self._written(start, end)

    def of_word(self, word: str) -> tuple[int, int] | None:
        """The longest beginning of an open word in the sentence."""
        for length in range(len(word), 0, -1):
            start = self._text.find(word[:length])
            while start >= 0 and (word, start) in self._used:
                start = self._text.find(word[:length], start + 1)
            if start >= 0:
                self._used.add((word, start))
                return self._written(start, start + length)
        return None

    def _written(self, start: int, end: int) -> tuple[int, int]:
        offsets = self._source.offsets
        return self._offset + offsets[start][0], self._offset + offsets[end - 1][1]


def _parts(word: str, entries: Collection[str]) -> list[str]:
    """An open word cut at the slots of dictionary entries; the ending of a dictionary form behind one goes."""
    parts: list[str] = [""]
    for character in word:
        if character in entries:
            parts += [character, ""]
        else:
            parts[-1] += character
    if len(parts) > 1 and parts[-1] in ENDINGS:
        parts[-1] = ""
    return [part for part in parts if part]
