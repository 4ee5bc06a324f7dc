"""Tokenizers: what a sentence or its translation is cut into, and the way back. One object per side.

A tokenizer without a vocabulary says how text is spelled and cut; :meth:`Tokenizer.learn` makes one with the
tokens of a corpus. A further kind is one class and one line in :data:`SOURCE_TOKENIZERS` or
:data:`TARGET_TOKENIZERS`.
"""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

from ..errors import UserError
from ..settings import SPECIALS
from .normalize import NFC, NORMALIZERS, Normalizer, Offset, kana_sibling
from .subword import BLANK, DEFAULT_VOCAB, Merges, Subwords, learn_subwords
from .vocabulary import Vocabulary

_SILENT = frozenset(" 。、！")
"""Characters that are left out in silence if the vocabulary lacks them: no tag stands for them."""
_TAG = re.compile(r"<([^<>\s]+)>")
_WORD = re.compile(r"\S+")
_NO_WORD = re.compile("[\\s\ud800-\udfff]")


class Unknown(NamedTuple):
    """Something that a vocabulary lacks.

    Attributes:
        text: the character, word or tag, normalized.
        start, end: [start, end) in the text as it was written.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Encoding:
    """A text as numbers.

    Attributes:
        ids: one per token.
        tokens: as the vocabulary spells them.
        offsets: [start, end) of each token in the text as it was written, in characters.
        unknown: what was left out, in order.
    """

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    offsets: tuple[Offset, ...]
    unknown: tuple[Unknown, ...] = ()

    @property
    def unknown_texts(self) -> tuple[str, ...]:
        """What was left out, each text once, in order."""
        return tuple(dict.fromkeys(one.text for one in self.unknown))

    def without(self, index: int) -> Encoding:
        """All tokens but one."""
        keep = [i for i in range(len(self.ids)) if i != index]
        return Encoding(
            tuple(self.ids[i] for i in keep),
            tuple(self.tokens[i] for i in keep),
            tuple(self.offsets[i] for i in keep),
            self.unknown,
        )


class Tokenizer(ABC):
    """How the texts of one side are spelled, cut into tokens, numbered and written again.

    A *unit* is what a text is read in before any vocabulary is known: a character, a word or a tag. Units are
    what the data are stored as and what is counted when a vocabulary is learnt.

    Class attributes:
        kind: the name in the table, in ``vocabulary.json`` and in settings.
        name: a token in Japanese.
        unit_name: a unit in Japanese; what is left out when it is unknown.
        text_name: a text of this side in Japanese.
        unknown_hint: what a writer can do about unknown tokens, in Japanese; may be empty.
        writing_hint: how one writes a text of this side, in Japanese; may be empty.
        separator: what stands between units in a normalized text.
        reserved: names that no token may have.
        unitwise: whether a unit's token depends on the unit alone.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    unit_name: ClassVar[str]
    text_name: ClassVar[str] = "元の文"
    unknown_hint: ClassVar[str] = ""
    writing_hint: ClassVar[str] = ""
    separator: ClassVar[str] = " "
    reserved: ClassVar[tuple[str, ...]] = ()
    unitwise: ClassVar[bool] = True
    own_normalizer: ClassVar[str] = "nfc"

    def __init__(self, vocabulary: Vocabulary | None = None, normalizer: str | None = None) -> None:
        self.vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self.normalizer = normalizer
        self._normalizer: Normalizer = NORMALIZERS[normalizer or self.own_normalizer]

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen about the tokens beyond their kind, by the setting's name."""
        return {}

    def normalize(self, text: str) -> str:
        """A text as the vocabulary spells it."""
        return self._normalizer(text)

    @abstractmethod
    def units(self, text: str) -> Sequence[str]:
        """The units of a normalized text; :attr:`separator` between them gives the text again."""

    @abstractmethod
    def encode(self, text: str) -> Encoding:
        """A text, as somebody wrote it, as ids. What the vocabulary lacks is left out and reported."""

    def decode(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Ids as tokens."""
        return tuple(map(self.vocabulary.token_of, ids))

    def join(self, tokens: Iterable[str]) -> str:
        """Tokens as one writes them."""
        return self.separator.join(tokens)

    def token_for(self, unit: str) -> str | None:
        """The vocabulary's token for a unit; ``None`` if there is none. Only where :attr:`unitwise`."""
        return unit if unit in self.vocabulary else None

    def is_silent(self, unit: str) -> bool:
        """Whether an unknown unit is left out without a word."""
        return False

    def labels(self) -> list[str]:
        """Every entry of the vocabulary as it stands beside a table's row, in id order; specials in brackets."""
        vocabulary = self.vocabulary
        return [*(f"<{name}>" for name in vocabulary.specials), *map(self.label, vocabulary.tokens)]

    def label(self, token: str) -> str:
        """One token as it stands beside a table's row."""
        return token

    def learn(self, counts: Mapping[str, int], sentences: Iterable[str] = (), min_count: int = 1) -> Self:
        """This tokenizer with the tokens of a corpus, in code-point order: the same data give the same ids.

        Args:
            counts: how often each unit stands in the corpus.
            sentences: normalized texts from which pieces of words are learnt.
            min_count: units that stand less often stay unknown.
        """
        kept = sorted(unit for unit, count in counts.items() if count >= min_count)
        return type(self)(Vocabulary(kept, self.reserved), self.normalizer)

    def to_json(self) -> dict[str, Any]:
        """What ``vocabulary.json`` holds beside the tokens, by key."""
        return {}

    @classmethod
    def from_json(cls, vocabulary: Vocabulary, values: Mapping[str, Any], normalizer: str | None) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            UserError: says what is wrong with anything else.
        """
        return cls(vocabulary, normalizer)


class CharTokenizer(Tokenizer):
    """Characters, for Japanese and other languages without blanks.

    An unknown character is tried as the other kana (タ as た). Unknown blanks and sentence marks go silently.
    """

    kind, name, unit_name, text_name = "char", "文字", "文字", "日本語文"
    unknown_hint = "ひらがなで書いてみてください。"
    separator = ""
    reserved = SPECIALS
    own_normalizer = "japanese"

    def units(self, text: str) -> Sequence[str]:
        return text

    def encode(self, text: str) -> Encoding:
        text, offsets = self._normalizer.with_offsets(text)
        if self.vocabulary.has_all(text):
            return Encoding(self.vocabulary.ids_of(text), tuple(text), tuple(offsets))
        found = [(self.token_for(unit), unit, offset) for unit, offset in zip(text, offsets, strict=True)]
        known = [(token, offset) for token, _, offset in found if token is not None]
        tokens = tuple(token for token, _ in known)
        return Encoding(
            self.vocabulary.ids_of(tokens),
            tokens,
            tuple(offset for _, offset in known),
            tuple(
                Unknown(unit, *offset)
                for token, unit, offset in found
                if token is None and not self.is_silent(unit)
            ),
        )

    def token_for(self, unit: str) -> str | None:
        if unit in self.vocabulary:
            return unit
        sibling = kana_sibling(unit)
        return sibling if sibling in self.vocabulary else None

    def is_silent(self, unit: str) -> bool:
        return unit in _SILENT


class WordTokenizer(Tokenizer):
    """What stands between blanks."""

    kind, name, unit_name = "word", "語", "語"

    def units(self, text: str) -> Sequence[str]:
        return text.split()

    def encode(self, text: str) -> Encoding:
        text, offsets = self._normalizer.with_offsets(text)
        return _encoding(
            self.vocabulary,
            (
                (match[0], offsets[match.start()][0], offsets[match.end() - 1][1])
                for match in _WORD.finditer(text)
            ),
        )


class SubwordTokenizer(Tokenizer):
    """Pieces of words by byte-pair encoding.

    Args:
        merges: how pieces are put together.
        size: how many pieces are learnt at most.
    """

    kind, name, unit_name = "subword", "部分語", "文字"
    separator = ""
    unitwise = False

    def __init__(
        self,
        vocabulary: Vocabulary | None = None,
        normalizer: str | None = None,
        merges: Merges = (),
        size: int = DEFAULT_VOCAB,
    ) -> None:
        super().__init__(vocabulary, normalizer)
        self.merges, self.size = merges, size

    @property
    def settings(self) -> dict[str, Any]:
        return {"subword_vocab": len(self.vocabulary.tokens) or self.size}

    def units(self, text: str) -> Sequence[str]:
        return text

    def encode(self, text: str) -> Encoding:
        """The library would leave unknown characters out without a word, so they go before."""
        text, offsets = self._normalizer.with_offsets(text)
        unknown = [
            Unknown(character, *offsets[position])
            for position, character in enumerate(text)
            if character != " " and character not in self.vocabulary
        ]
        if unknown:
            gone = {one.text for one in unknown}
            kept = [position for position, character in enumerate(text) if character not in gone]
            text, places = NFC.with_offsets("".join(text[position] for position in kept))
            offsets = [(offsets[kept[start]][0], offsets[kept[end - 1]][1]) for start, end in places]
        tokens = tuple(self._subwords(text)) if text else ()
        return Encoding(
            self.vocabulary.ids_of(tokens), tokens, tuple(_piece_offsets(tokens, offsets)), tuple(unknown)
        )

    def join(self, tokens: Iterable[str]) -> str:
        return "".join(tokens).replace(BLANK, " ").strip()

    def learn(
        self, counts: Mapping[str, int], sentences: Iterable[str] = (), min_count: int = 1
    ) -> SubwordTokenizer:
        """Raises UserError if the library is missing or ``size`` is smaller than the number of characters."""
        rare = {unit for unit, count in counts.items() if count < min_count}
        if rare:
            sentences = ("".join(c for c in sentence if c not in rare) for sentence in sentences)
        pieces, merges = learn_subwords(sentences, counts.keys() - rare, self.size)
        return SubwordTokenizer(Vocabulary(pieces, self.reserved), self.normalizer, merges, self.size)

    def to_json(self) -> dict[str, Any]:
        return {"merges": [list(merge) for merge in self.merges]}

    @classmethod
    def from_json(cls, vocabulary: Vocabulary, values: Mapping[str, Any], normalizer: str | None) -> Self:
        merges = values["merges"]
        good = isinstance(merges, list) and all(
            isinstance(merge, list)
            and len(merge) == 2
            and all(isinstance(part, str) and part in vocabulary for part in merge)
            and "".join(merge) in vocabulary
            for merge in merges
        )
        if not good:
            raise UserError(
                "語彙の merges が、source にある 2 つの部分語の組の並びではありません。",
                code="vocabulary-malformed",
                key="merges",
            )
        return cls(vocabulary, normalizer, tuple((first, second) for first, second in merges))

    @cached_property
    def _subwords(self) -> Subwords:
        return Subwords(self.vocabulary.tokens, self.merges)


class TargetTokenizer(Tokenizer):
    """What the target side's tokenizers have in common: a target is a sequence of units, taken whole."""

    reserved = SPECIALS

    @abstractmethod
    def parse(self, written: str | Sequence[str]) -> tuple[str, ...]:
        """The tokens in a data file's cell, written as one text or taken apart already.

        Raises:
            ValueError: something is no token; the message names it.
        """


class TagTokenizer(TargetTokenizer):
    """Tags: ``<私> <食べる>``."""

    kind, name, unit_name = "tags", "タグ", "タグ"
    unknown_hint = "タグはカッコ < > なしで渡します。"
    writing_hint = "タグは < と > で囲みます。例: <私> <食べる>"

    def units(self, text: str) -> Sequence[str]:
        return parse_tags(text)

    def encode(self, text: str) -> Encoding:
        """Raises ValueError if something in between is not a tag; the message names it."""
        parse_tags(text)
        return _encoding(
            self.vocabulary,
            (
                (unicodedata.normalize("NFC", match[1]), match.start(), match.end())
                for match in _TAG.finditer(text)
            ),
        )

    def parse(self, written: str | Sequence[str]) -> tuple[str, ...]:
        if isinstance(written, str):
            return parse_tags(_without_surrogates(written))
        return tuple(tag for item in written for tag in parse_tags(_without_surrogates(_bracketed(item))))

    def join(self, tokens: Iterable[str]) -> str:
        return format_tags(tokens)

    def label(self, token: str) -> str:
        return f"<{token}>"


class WordsTokenizer(TargetTokenizer):
    """Plain words: ``ICH ESSEN``."""

    kind, name, unit_name = "words", "語", "語"
    writing_hint = "1 つの語に空白は入れられません。"

    def units(self, text: str) -> Sequence[str]:
        return text.split()

    def encode(self, text: str) -> Encoding:
        return _encoding(
            self.vocabulary,
            (
                (unicodedata.normalize("NFC", match[0]), match.start(), match.end())
                for match in _WORD.finditer(text)
            ),
        )

    def parse(self, written: str | Sequence[str]) -> tuple[str, ...]:
        words = written.split() if isinstance(written, str) else [item.strip() for item in written]
        wrong = next((word for word in words if not word or _NO_WORD.search(word)), None)
        if wrong is not None:
            raise ValueError(ascii(wrong))
        return tuple(unicodedata.normalize("NFC", word) for word in words)


SOURCE_TOKENIZERS: dict[str, type[Tokenizer]] = {
    tokenizer.kind: tokenizer for tokenizer in (CharTokenizer, WordTokenizer, SubwordTokenizer)
}
TARGET_TOKENIZERS: dict[str, type[TargetTokenizer]] = {
    tokenizer.kind: tokenizer for tokenizer in (TagTokenizer, WordsTokenizer)
}
"""Every kind of tokenizer, by its name in settings and files; the first one is the default."""


def parse_tags(text: str) -> tuple[str, ...]:
    """``"<私> <食べる>"`` -> ``("私", "食べる")``.

    Raises:
        ValueError: something in between is not a tag; the message names it.
    """
    left = _TAG.sub(" ", text).split()
    if left:
        raise ValueError(left[0])
    return tuple(unicodedata.normalize("NFC", tag) for tag in _TAG.findall(text))


def format_tags(tags: Iterable[str]) -> str:
    """``("私", "食べる")`` -> ``"<私> <食べる>"``."""
    return " ".join(f"<{tag}>" for tag in tags)


def _encoding(vocabulary: Vocabulary, units: Iterable[tuple[str, int, int]]) -> Encoding:
    """Units with their offsets, each looked up as it is."""
    known: list[tuple[str, int, int]] = []
    unknown: list[Unknown] = []
    for text, start, end in units:
        if text in vocabulary:
            known.append((text, start, end))
        else:
            unknown.append(Unknown(text, start, end))
    tokens = tuple(text for text, _, _ in known)
    offsets = tuple((start, end) for _, start, end in known)
    return Encoding(vocabulary.ids_of(tokens), tokens, offsets, tuple(unknown))


def _piece_offsets(pieces: Iterable[str], offsets: Sequence[Offset]) -> list[Offset]:
    """Where pieces stand. Together they spell ▁ and the text, its blanks as ▁; a ▁ in front belongs to the
    piece but not to its place, unless it is all there is."""
    found: list[Offset] = []
    end = -1  # in the text, before which the first ▁ stands
    for piece in pieces:
        begin, end = end, end + len(piece)
        first = begin + (piece != BLANK and piece.startswith(BLANK))
        start = offsets[max(first, 0)][0]
        found.append((start, offsets[end - 1][1] if end else start))
    return found


def _bracketed(item: str) -> str:
    """An item of a list, which has its brackets or not; anything odd is left for the parser to refuse."""
    item = item.strip()
    return item if item.startswith("<") else f"<{item}>"


def _without_surrogates(item: str) -> str:
    """Half a surrogate pair can be neither shown nor saved."""
    if any("\ud800" <= character <= "\udfff" for character in item):
        raise ValueError(ascii(item))
    return item
