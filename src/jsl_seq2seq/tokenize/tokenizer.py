"""From text to ids and back: vocabularies, tokenizers, both sides' tokenizers together.

A tokenizer is one side's: what a sentence or its translation is cut into, and the way back. :class:`Tokenizers` are
those of a model, as the one file ``vocabulary.json`` holds them.

A tokenizer without a vocabulary says how text is spelled and cut; :meth:`Tokenizer.learn` makes one with the
tokens of a corpus. A further kind is one class and one line in :data:`SOURCE_TOKENIZERS` or
:data:`TARGET_TOKENIZERS`.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from ..errors import UserError
from ..io.text import canonical_json, has_surrogates
from ..settings import SPECIALS, VocabSize, require_choice
from .normalize import FORMAT_1, NFC, NORMALIZERS, RADICALS, TAG, Normalizer, Offset, composed, kana_sibling
from .segmentation import (
    DEFAULT_TARGET_VOCAB,
    SEGMENTATIONS,
    WHOLE,
    Characters,
    Pieces,
    Segmentation,
    joined,
    read_segmentation,
)
from .subword import BLANK, DEFAULT_VOCAB, Merges, Subwords, learn_subwords

_SILENT = frozenset(" 。、！")
"""Characters that are left out in silence if the vocabulary lacks them: no tag stands for them."""
_TAG = re.compile(r"<([^<>\s]+)>")
_WORD = re.compile(r"\S+")
_NO_WORD = re.compile("[\\s\ud800-\udfff]")


class Vocabulary:
    """Tokens in a fixed order. Ids: first the special tokens, then the tokens.

    Args:
        tokens: distinct.
        reserved: names that none of them may have. (A word of a foreign text may well be ``PAD``: it gets an
            id of its own and is never taken for the special token.)
        more_specials: special tokens after PAD, SOS and EOS.

    Raises:
        UserError: for a repeated or reserved token.
    """

    def __init__(
        self,
        tokens: Iterable[str] = (),
        reserved: Iterable[str] = SPECIALS,
        more_specials: Sequence[str] = (),
    ) -> None:
        self.tokens = tuple(tokens)
        self.specials = (*SPECIALS, *more_specials)
        self._by_id = (*self.specials, *self.tokens)
        self._ids = {token: index for index, token in enumerate(self.tokens, start=len(self.specials))}
        if len(self._ids) != len(self.tokens) or len(set(self.specials)) != len(self.specials):
            raise UserError("語彙に同じ項目が 2 回あります。", code="vocabulary-repeated")
        used = sorted({*reserved, *(more_specials if reserved else ())} & set(self.tokens))
        if used:
            raise UserError(
                f"語彙に予約語があります: {', '.join(used)}", code="vocabulary-reserved", found=used
            )

    def __len__(self) -> int:
        return len(self.specials) + len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def id_of(self, token: str) -> int:
        """The token's id; KeyError if it is unknown. Special tokens have names, not spellings: see ``specials``."""
        return self._ids[token]

    def ids_of(self, tokens: Iterable[str]) -> tuple[int, ...]:
        """The tokens' ids; KeyError if one is unknown."""
        return tuple(map(self._ids.__getitem__, tokens))

    def ids_if_known(self, tokens: Iterable[str]) -> tuple[int, ...] | None:
        """The tokens' ids; ``None`` if one is unknown."""
        ids = tuple(map(self._ids.get, tokens))
        return None if None in ids else ids  # pyright: ignore[reportReturnType]

    def token_of(self, index: int) -> str:
        """The token behind an id; a special token's name for a special token."""
        return self._by_id[index]

    def tokens_of(self, ids: Iterable[int]) -> tuple[str, ...]:
        """The tokens behind ids."""
        return tuple(map(self._by_id.__getitem__, ids))

    def extended(self, tokens: Iterable[str], reserved: Iterable[str]) -> Vocabulary:
        """This vocabulary with further tokens behind its own, whose ids stay what they are."""
        return Vocabulary((*self.tokens, *tokens), reserved, self.specials[len(SPECIALS) :])


class Unknown(NamedTuple):
    """Something that a vocabulary lacks.

    Attributes:
        text: the character, word or tag, normalized.
        start, end: [start, end) in the text as it was written.
    """

    text: str
    start: int
    end: int


SLOTS = tuple(chr(0xE000 + number) for number in range(8))
"""Tokens that stand for whatever a vocabulary with them lacks: characters of the private use area, in the order in
which a text uses them."""
_ALL_SLOTS = frozenset(SLOTS)


class Piece(Protocol):
    """A piece of a text, [start, end) in characters, that is encoded as one slot."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


class Slot(NamedTuple):
    """A token of :data:`SLOTS` in an encoded text.

    Attributes:
        token: the slot.
        text: what it stands for, as it was written.
        start, end: [start, end) in the text as it was written.
        piece: the piece that was asked for; ``None`` for a run of unknown characters.
    """

    token: str
    text: str
    start: int
    end: int
    piece: Piece | None = None


@dataclass(frozen=True)
class Encoding:
    """A text as numbers.

    Attributes:
        ids: one per token.
        tokens: as the vocabulary spells them.
        offsets: [start, end) of each token in the text as it was written, in characters.
        unknown: what was left out, in order.
        slots: the tokens that stand for other text, in order (see :data:`SLOTS`).
    """

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    offsets: tuple[Offset, ...]
    unknown: tuple[Unknown, ...] = ()
    slots: tuple[Slot, ...] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """The tokens, with the text that slots stand for in their place."""
        if not self.slots:
            return self.tokens
        texts = {slot.token: slot.text for slot in self.slots}
        return tuple(texts.get(token, token) for token in self.tokens)

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
            tuple(slot for slot in self.slots if slot.token != self.tokens[index]),
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
    """

    kind: ClassVar[str]
    name: str
    unit_name: ClassVar[str]
    text_name: ClassVar[str] = "元の文"
    unknown_hint: ClassVar[str] = ""
    writing_hint: ClassVar[str] = ""
    separator: ClassVar[str] = " "
    reserved: ClassVar[tuple[str, ...]] = ()
    own_normalizer: ClassVar[str] = "nfc"

    def __init__(self, vocabulary: Vocabulary | None = None, normalizer: str | None = None) -> None:
        self.vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self.normalizer = normalizer
        self.spelling: Normalizer = NORMALIZERS[normalizer or self.own_normalizer]

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen about the tokens beyond their kind, by the setting's name."""
        return {}

    @property
    def unitwise(self) -> bool:
        """Whether each unit is one token, whatever stands beside it."""
        return True

    def normalize(self, text: str) -> str:
        """A text as the vocabulary spells it."""
        return self.spelling(text)

    @abstractmethod
    def units(self, text: str) -> Sequence[str]:
        """The units of a normalized text; :attr:`separator` between them gives the text again."""

    @abstractmethod
    def encode(self, text: str) -> Encoding:
        """A text, as somebody wrote it, as ids. What the vocabulary lacks is left out and reported."""

    def decode(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Ids as tokens."""
        return self.vocabulary.tokens_of(ids)

    def decode_spans(self, ids: Sequence[int]) -> list[tuple[str, int, int]]:
        """Ids as tokens, each with [start, end) of the ids that it is written with."""
        return [(self.vocabulary.token_of(index), at, at + 1) for at, index in enumerate(ids)]

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

    def lacking(self, units: Iterable[str]) -> list[str]:
        """The tokens that this tokenizer needs for units and lacks, in code-point order."""
        return sorted({unit for unit in units if self.token_for(unit) is None and not self.is_silent(unit)})

    def extended(self, tokens: Sequence[str]) -> Self:
        """This tokenizer with further tokens, such as those of :meth:`lacking`; all ids stay what they are."""
        return self.with_vocabulary(self.vocabulary.extended(tokens, self.reserved))

    def with_vocabulary(self, vocabulary: Vocabulary) -> Self:
        """This tokenizer with another vocabulary, which has all the tokens of its own."""
        return type(self)(vocabulary, self.normalizer)

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

    An unknown character is tried as the other kana (タ as た). Unknown blanks and sentence marks go silently. Where
    the vocabulary has :data:`SLOTS`, each run of other unknown letters and digits becomes a slot.
    """

    kind, name, unit_name, text_name = "char", "文字", "文字", "日本語文"
    unknown_hint = "ひらがなで書いてみてください。"
    separator = ""
    reserved = SPECIALS
    own_normalizer = "japanese"

    def __init__(self, vocabulary: Vocabulary | None = None, normalizer: str | None = None) -> None:
        super().__init__(vocabulary, normalizer)
        if normalizer is None and any(
            len(token) == 1 and ord(token) in RADICALS for token in self.vocabulary.tokens
        ):
            self.spelling = FORMAT_1  # learnt by a release that kept radicals apart

    @property
    def unitwise(self) -> bool:
        return not any(slot in self.vocabulary for slot in SLOTS)

    def units(self, text: str) -> Sequence[str]:
        return text

    def encode(self, text: str) -> Encoding:
        return self.encode_with_slots(text, ())

    def encode_with_slots(self, text: str, pieces: Sequence[Piece]) -> Encoding:
        """A text as ids, with a slot in place of each of some pieces.

        Args:
            pieces: of the text as it was written, from left to right, none overlapping another; at most as many as
                the vocabulary has slots.
        """
        written = text
        text, offsets = self.spelling.with_offsets(written)
        if not pieces and _ALL_SLOTS.isdisjoint(text):
            ids = self.vocabulary.ids_if_known(text)
            if ids is not None:
                return Encoding(ids, tuple(text), tuple(offsets))
        free = [slot for slot in SLOTS if slot in self.vocabulary]
        tokens: list[str] = []
        places: list[Offset] = []
        unknown: list[Unknown] = []
        slots: list[Slot] = []
        spare = len(free) - len(pieces)  # what is asked for comes first
        position = 0
        while position < len(text):
            unit, offset = text[position], offsets[position]
            piece = next((one for one in pieces if one.start <= offset[0] and offset[1] <= one.end), None)
            end = position + 1
            if piece is not None:
                while end < len(text) and piece.start <= offsets[end][0] and offsets[end][1] <= piece.end:
                    end += 1
            token = None if piece is not None or unit in SLOTS else self.token_for(unit)
            if token is not None:
                tokens.append(token)
                places.append(offset)
            elif piece is not None or (spare > 0 and _is_word(unit)):
                if piece is None:
                    spare -= 1
                    while end < len(text) and _is_word(text[end]) and self.token_for(text[end]) is None:
                        end += 1
                place = (offset[0], offsets[end - 1][1])
                slot = Slot(free[len(slots)], written[place[0] : place[1]], *place, piece)
                slots.append(slot)
                tokens.append(slot.token)
                places.append(place)
            elif not self.is_silent(unit):
                unknown.append(Unknown(unit, *offset))
            position = end
        return Encoding(
            self.vocabulary.ids_of(tokens), tuple(tokens), tuple(places), tuple(unknown), tuple(slots)
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
        text, offsets = self.spelling.with_offsets(text)
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
    def unitwise(self) -> bool:
        return False

    @property
    def settings(self) -> dict[str, Any]:
        return {"subword_vocab": len(self.vocabulary.tokens) or self.size}

    def units(self, text: str) -> Sequence[str]:
        return text

    def encode(self, text: str) -> Encoding:
        """The library would leave unknown characters out without a word, so they go before."""
        text, offsets = self.spelling.with_offsets(text)
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

    def is_silent(self, unit: str) -> bool:
        return unit == " "  # between words; it belongs to the pieces

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

    def with_vocabulary(self, vocabulary: Vocabulary) -> Self:
        return type(self)(vocabulary, self.normalizer, self.merges, self.size)

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


def _segmentation(vocabulary: Mapping[str, Any]) -> Segmentation:
    """What the units of a target vocabulary are written with."""
    return read_segmentation(vocabulary) if "pieces" in vocabulary else WHOLE


class TargetTokenizer(Tokenizer):
    """What the target side's tokenizers have in common: a target is a sequence of units.

    Args:
        segmentation: what a unit is written with.
    """

    reserved = SPECIALS

    def __init__(
        self,
        vocabulary: Vocabulary | None = None,
        normalizer: str | None = None,
        segmentation: Segmentation = WHOLE,
    ) -> None:
        super().__init__(vocabulary, normalizer)
        self.segmentation = segmentation
        if not segmentation.whole:
            self.name = f"{self.unit_name}の{segmentation.name}"

    @classmethod
    def reserved_with(cls, segmentation: Segmentation) -> tuple[str, ...]:
        """Names that no token may have. A piece of a unit may well be ``PAD``: no unit is called so."""
        return cls.reserved if segmentation.whole else ()

    @property
    def settings(self) -> dict[str, Any]:
        return self.segmentation.settings

    @property
    def unitwise(self) -> bool:
        return self.segmentation.whole

    def pieces(self, unit: str) -> tuple[str, ...]:
        """The tokens that a unit is written with, whether the vocabulary has them or not."""
        return self.segmentation.cut(unit)

    @property
    def tags(self) -> tuple[str, ...]:
        """The units that the model was trained with: not letter by letter written ones, and not all those that pieces
        can be put together to."""
        return self.vocabulary.tokens if self.segmentation.whole else self.segmentation.units

    def writable(self, unit: str) -> bool:
        """Whether the tokens of a unit, once there are any, are read as that unit again."""
        return self.segmentation.writes(unit)

    def lacking(self, units: Iterable[str]) -> list[str]:
        pieces = {piece for unit in units if self.writable(unit) for piece in self.pieces(unit)}
        return sorted(pieces - set(self.vocabulary.tokens))

    def has(self, unit: str) -> bool:
        """Whether a unit can be written."""
        return self.writable(unit) and self.vocabulary.ids_if_known(self.pieces(unit)) is not None

    def ids_of(self, units: Iterable[str]) -> tuple[int, ...]:
        """Units as ids; KeyError for one that cannot be written."""
        return self.vocabulary.ids_of(piece for unit in units for piece in self.pieces(unit))

    def decode(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Ids as units. Any ids are a sequence of units."""
        if self.unitwise:
            return super().decode(ids)
        return tuple(unit for unit, _, _ in self.decode_spans(tuple(ids)))

    def decode_spans(self, ids: Sequence[int]) -> list[tuple[str, int, int]]:
        """Ids as units, each with [start, end) of the ids that it is written with."""
        return self._joined(self.vocabulary.tokens_of(ids), 0)

    def _joined(self, tokens: Sequence[str], first: int) -> list[tuple[str, int, int]]:
        """Tokens, the first of them at position ``first``, as units with their places."""
        if self.segmentation.whole:
            return [(token, first + at, first + at + 1) for at, token in enumerate(tokens)]
        known = self._known
        found = [
            (unit if unit in known else self.normalize(unit), first + start, first + end)
            for unit, start, end in joined(tokens)
        ]
        return [one for one in found if one[0]]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.tags)

    def is_known(self, unit: str) -> bool:
        """Whether a unit is one of :attr:`tags`, rather than put together from pieces for the first time."""
        return unit in self._known

    def learn(self, counts: Mapping[str, int], sentences: Iterable[str] = (), min_count: int = 1) -> Self:
        tokens, segmentation = self.segmentation.learn(counts, min_count)
        return self._made(tokens, segmentation)

    def _made(self, tokens: Iterable[str], segmentation: Segmentation) -> Self:
        vocabulary = Vocabulary(tokens, self.reserved_with(segmentation))
        return type(self)(vocabulary, self.normalizer, segmentation)

    def extended(self, tokens: Sequence[str]) -> Self:
        return self.with_vocabulary(
            self.vocabulary.extended(tokens, self.reserved_with(self.segmentation)), self.segmentation
        )

    def extended_to(self, units: Sequence[str]) -> Self:
        """This tokenizer with the tokens that it lacks for further units, which are among its :attr:`tags` then."""
        more = self.extended(self.lacking(units))
        return more.with_vocabulary(more.vocabulary, self.segmentation.extended(filter(more.has, units)))

    def with_vocabulary(self, vocabulary: Vocabulary, segmentation: Segmentation | None = None) -> Self:
        return type(self)(vocabulary, self.normalizer, segmentation or self.segmentation)

    def to_json(self) -> dict[str, Any]:
        return {} if self.segmentation.whole else self.segmentation.to_json()

    @classmethod
    def from_json(cls, vocabulary: Vocabulary, values: Mapping[str, Any], normalizer: str | None) -> Self:
        return cls(vocabulary, normalizer, _segmentation(values))

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

    own_normalizer = "tag"

    def __init__(
        self,
        vocabulary: Vocabulary | None = None,
        normalizer: str | None = None,
        segmentation: Segmentation = WHOLE,
    ) -> None:
        super().__init__(vocabulary, normalizer, segmentation)
        if normalizer is None and segmentation.whole and not _is_normal(self.vocabulary.tokens):
            self.spelling = NFC  # learnt by a release that spelled tags so

    def units(self, text: str) -> Sequence[str]:
        return self._parsed(text)

    def encode(self, text: str) -> Encoding:
        """Raises ValueError if something in between is not a tag; the message names it."""
        self._parsed(text)
        return _encoding(
            self.vocabulary,
            ((_tag(match[1], self.spelling), match.start(), match.end()) for match in _TAG.finditer(text)),
        )

    def parse(self, written: str | Sequence[str]) -> tuple[str, ...]:
        if isinstance(written, str):
            return self._parsed(_without_surrogates(written))
        return tuple(tag for item in written for tag in self._parsed(_without_surrogates(_bracketed(item))))

    def _parsed(self, text: str) -> tuple[str, ...]:
        return parse_tags(text, self.spelling)

    def join(self, tokens: Iterable[str]) -> str:
        return format_tags(tokens)

    def label(self, token: str) -> str:
        return f"<{token}>" if self.segmentation.whole else token


class OpenTagTokenizer(TagTokenizer):
    """Tags, and words outside of them letter by letter: ``<市> <+受け取る>``.

    A tag that begins with ``+`` is an *open word*. Its tokens are :data:`BEGIN`, one token for each character (the
    character with ``+`` in front, so that 犬 and the tag ``<犬>`` stay two tokens), and :data:`END`.

    Args:
        evidence: for a tag the pieces of text of which one must be in a sentence for the tag to be possible; tags
            that are not listed are always possible. Empty for no such limit, as it is where tags have pieces.
        segmentation: what the tags are written with that are no open words.
    """

    kind = "open-tags"
    OPEN, BEGIN, END = "+", "+[", "+]"

    def __init__(
        self,
        vocabulary: Vocabulary | None = None,
        normalizer: str | None = None,
        evidence: Mapping[str, Sequence[str]] | None = None,
        segmentation: Segmentation = WHOLE,
    ) -> None:
        super().__init__(vocabulary, normalizer, segmentation)
        self.evidence = dict(evidence or {})

    @property
    def unitwise(self) -> bool:
        return False

    def _is_open(self, unit: str) -> bool:
        return unit.startswith(self.OPEN) and len(unit) > 1

    def pieces(self, unit: str) -> tuple[str, ...]:
        if not self._is_open(unit):
            return super().pieces(unit)
        return (self.BEGIN, *(self.OPEN + character for character in unit[1:]), self.END)

    def writable(self, unit: str) -> bool:
        return self._is_open(unit) or super().writable(unit)

    @property
    def tags(self) -> tuple[str, ...]:
        if not self.segmentation.whole:
            return self.segmentation.units
        return tuple(token for token in self.vocabulary.tokens if not token.startswith(self.OPEN))

    def label(self, token: str) -> str:
        if token in (self.BEGIN, self.END):
            return "<+" if token == self.BEGIN else ">"
        return token[1:] if self._is_letter(token) else super().label(token)

    def _is_letter(self, token: str) -> bool:
        return token.startswith(self.OPEN) and len(token) == 2

    def parse(self, written: str | Sequence[str]) -> tuple[str, ...]:
        tags = super().parse(written)
        for tag in tags:
            if self._is_open(tag) and {"[", "]"} & set(tag):
                raise ValueError(f"<{tag}>")  # its characters would read as the marks around a word
        return tags

    def learn(
        self, counts: Mapping[str, int], sentences: Iterable[str] = (), min_count: int = 1
    ) -> OpenTagTokenizer:
        letters: Counter[str] = Counter({self.BEGIN: min_count, self.END: min_count})
        tags: dict[str, int] = {}
        for tag, count in counts.items():
            if self._is_open(tag):
                for piece in self.pieces(tag):
                    letters[piece] += count
            else:
                tags[tag] = count
        tokens, segmentation = self.segmentation.learn(tags, min_count)
        tokens += [letter for letter, count in letters.items() if count >= min_count]
        return self._made(sorted(tokens), segmentation)

    def _made(self, tokens: Iterable[str], segmentation: Segmentation) -> Self:
        vocabulary = Vocabulary(tokens, self.reserved_with(segmentation))
        return type(self)(vocabulary, self.normalizer, self.evidence, segmentation)

    def extended_to(self, units: Sequence[str]) -> Self:
        more = self.extended(self.lacking(units))
        tags = [unit for unit in units if not unit.startswith(self.OPEN) and more.has(unit)]
        return more.with_vocabulary(more.vocabulary, self.segmentation.extended(tags))

    def with_vocabulary(self, vocabulary: Vocabulary, segmentation: Segmentation | None = None) -> Self:
        return type(self)(vocabulary, self.normalizer, self.evidence, segmentation or self.segmentation)

    def decode_spans(self, ids: Sequence[int]) -> list[tuple[str, int, int]]:
        """Tags and open words, each with [start, end) of its ids. A bracket without its partner is left out, and ends
        a tag, as open words do."""
        found: list[tuple[str, int, int]] = []
        start: int | None = None
        word: list[str] = []
        tokens = self.vocabulary.tokens_of(ids)
        outside = 0  # where the tokens of tags begin that have not been joined
        for position, token in enumerate((*tokens, self.END)):
            special = token in (self.BEGIN, self.END) or self._is_letter(token)
            if not special:
                continue
            found += self._joined(tokens[outside:position], outside)
            outside = position + 1
            if token == self.BEGIN:
                start, word = position, []
            elif token == self.END:
                if start is not None and word and position < len(tokens):
                    found.append((self.OPEN + "".join(word), start, position + 1))
                start = None
            else:
                word.append(token[1:])
        return found

    def to_json(self) -> dict[str, Any]:
        evidence = {tag: list(pieces) for tag, pieces in self.evidence.items()}
        return super().to_json() | ({"evidence": evidence} if evidence else {})

    @classmethod
    def from_json(cls, vocabulary: Vocabulary, values: Mapping[str, Any], normalizer: str | None) -> Self:
        segmentation, evidence = _segmentation(values), values.get("evidence", {})
        good = isinstance(evidence, dict) and all(
            tag in vocabulary
            and isinstance(pieces, list)
            and all(isinstance(piece, str) and piece for piece in pieces)
            for tag, pieces in evidence.items()
        )
        if (
            not good
            or cls.BEGIN not in vocabulary
            or cls.END not in vocabulary
            or (evidence and not segmentation.whole)
        ):
            raise UserError(
                "語彙の evidence か、語を囲む記号が正しくありません。",
                code="vocabulary-malformed",
                key="evidence",
            )
        return cls(vocabulary, normalizer, evidence, segmentation)


class WordsTokenizer(TargetTokenizer):
    """Plain words: ``ICH ESSEN``."""

    kind, name, unit_name = "words", "語", "語"
    writing_hint = "1 つの語に空白は入れられません。"

    def units(self, text: str) -> Sequence[str]:
        return text.split()

    def encode(self, text: str) -> Encoding:
        return _encoding(
            self.vocabulary,
            ((composed(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)),
        )

    def parse(self, written: str | Sequence[str]) -> tuple[str, ...]:
        words = written.split() if isinstance(written, str) else [item.strip() for item in written]
        wrong = next((word for word in words if not word or _NO_WORD.search(word)), None)
        if wrong is not None:
            raise ValueError(ascii(wrong))
        return tuple(composed(word) for word in words)


SOURCE_TOKENIZERS: dict[str, type[Tokenizer]] = {
    tokenizer.kind: tokenizer for tokenizer in (CharTokenizer, WordTokenizer, SubwordTokenizer)
}
TARGET_TOKENIZERS: dict[str, type[TargetTokenizer]] = {
    tokenizer.kind: tokenizer for tokenizer in (TagTokenizer, WordsTokenizer, OpenTagTokenizer)
}
"""Every kind of tokenizer, by its name in settings and files; the first one is the default."""


def parse_tags(text: str, normalizer: Normalizer = TAG) -> tuple[str, ...]:
    """``"<私> <食べる>"`` -> ``("私", "食べる")``.

    Raises:
        ValueError: something in between is not a tag, or a tag is nothing that one sees; the message names it.
    """
    left = _TAG.sub(" ", text).split()
    if left:
        raise ValueError(left[0])
    return tuple(_tag(tag, normalizer) for tag in _TAG.findall(text))


@lru_cache(maxsize=1 << 16)
def _tag(written: str, normalizer: Normalizer) -> str:
    """The name of a tag as vocabularies spell it; ValueError if it is empty then, or would be no tag."""
    tag = normalizer(written)
    if not _TAG.fullmatch(f"<{tag}>"):
        raise ValueError(ascii(f"<{written}>"))
    return tag


def _is_normal(tags: Sequence[str]) -> bool:
    """Whether all tags are spelled as :data:`TAG` spells them. One pass: what is normal stays so side by side."""
    text = "、".join(tags)
    return text.isascii() or TAG(text) == text


def format_tags(tags: Iterable[str]) -> str:
    """``("私", "食べる")`` -> ``"<私> <食べる>"``."""
    return " ".join(f"<{tag}>" for tag in tags)


SAMPLE = 200_000
"""Of so many sentences, evenly spread over the data, subwords are learnt at most: they stand in memory."""

_REQUIRED = ("specials", "source", "target")
_SIDES = ("source", "target")


class Pair(Protocol):
    """A sentence and its target sequence."""

    @property
    def source(self) -> str: ...

    @property
    def tags(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Tokenizers:
    """The tokenizers of a model. Without arguments: characters and tags, nothing learnt yet."""

    source: Tokenizer = field(default_factory=CharTokenizer)
    target: TargetTokenizer = field(default_factory=TagTokenizer)

    @classmethod
    def of(
        cls,
        source: str = "char",
        target: str = "tags",
        subword_vocab: int | None = None,
        target_tokenizer: str = "word",
        target_vocab: int | None = None,
    ) -> Tokenizers:
        """Tokenizers of these kinds, nothing learnt yet.

        Args:
            subword_vocab: how many subwords of the source are learnt at most.
            target_tokenizer: what a unit of the target is written with (:data:`.segmentation.SEGMENTATIONS`).
            target_vocab: how many subwords of the target are learnt at most.

        Raises:
            UserError: there is no such kind.
        """
        require_choice("source_units", source, tuple(SOURCE_TOKENIZERS))
        require_choice("target_units", target, tuple(TARGET_TOKENIZERS))
        require_choice("target_tokenizer", target_tokenizer, tuple(SEGMENTATIONS))
        segmentation = SEGMENTATIONS[target_tokenizer]()
        if isinstance(segmentation, Pieces):
            segmentation = Pieces(size=target_vocab or DEFAULT_TARGET_VOCAB)
        written = TARGET_TOKENIZERS[target](segmentation=segmentation)
        if source == SubwordTokenizer.kind:
            return cls(SubwordTokenizer(size=subword_vocab or DEFAULT_VOCAB), written)
        return cls(SOURCE_TOKENIZERS[source](), written)

    def learn(self, pairs: Sequence[Pair], min_count: int = 1) -> Tokenizers:
        """These with everything that the pairs contain, in code-point order.

        Args:
            min_count: what stands less often in the pairs stays unknown.

        Raises:
            UserError: subwords are wanted and their library is missing, or there may be too few of them.
        """
        sources: Counter[str] = Counter()
        targets: Counter[str] = Counter()
        for pair in pairs:
            sources.update(self.source.units(pair.source))
            targets.update(pair.tags)
        sample = (pairs[index].source for index in sample_of(len(pairs)))
        return Tokenizers(
            self.source.learn(sources, sample, min_count), self.target.learn(targets, min_count=min_count)
        )

    def extended(self, source: Iterable[str], target: Iterable[str]) -> Tokenizers:
        """These with tokens for further units of both sides; all ids stay what they are.

        Where open words can be written, a new character is one that they can be written with.
        """
        characters, units = self.source.lacking(source), list(target)
        if isinstance(self.target, OpenTagTokenizer):
            units += [self.target.OPEN + character for character in characters]
        return Tokenizers(self.source.extended(characters), self.target.extended_to(units))

    @property
    def settings(self) -> dict[str, Any]:
        """What they are, by the names of :data:`jsl_seq2seq.settings.DATA_SETTINGS`."""
        return {
            "source_units": self.source.kind,
            **self.source.settings,
            "target_units": self.target.kind,
            **self.target.settings,
        }

    @property
    def size(self) -> VocabSize:
        """How many ids each side has, special tokens included."""
        return VocabSize(len(self.source.vocabulary), len(self.target.vocabulary))

    @property
    def alike(self) -> list[tuple[int, int]]:
        """The ids, in the source and in the target, of the characters that sentences and tags are both written with;
        empty unless both are written with characters."""
        source, target = self.source.vocabulary, self.target.vocabulary
        if not isinstance(self.source, CharTokenizer) or not isinstance(self.target.segmentation, Characters):
            return []
        return [(source.id_of(token), target.id_of(token)) for token in target.tokens if token in source]

    @cached_property
    def hash(self) -> str:
        """SHA-256 over their canonical JSON: the same on every machine, another for any other vocabulary."""
        return hashlib.sha256(canonical_json(self.to_json())).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``vocabulary.json``. Keys that say nothing new are left out: ``units`` for
        characters and tags, ``normalizers`` and ``special_tokens`` where there are none of its own."""
        sides = {"source": self.source, "target": self.target}
        values: dict[str, Any] = {
            "specials": list(SPECIALS),
            **{side: list(tokenizer.vocabulary.tokens) for side, tokenizer in sides.items()},
        }
        if (self.source.kind, self.target.kind) != (CharTokenizer.kind, TagTokenizer.kind):
            values["units"] = {side: tokenizer.kind for side, tokenizer in sides.items()}
        normalizers = {
            side: tokenizer.normalizer for side, tokenizer in sides.items() if tokenizer.normalizer
        }
        if normalizers:
            values["normalizers"] = normalizers
        further = {
            side: list(tokenizer.vocabulary.specials[len(SPECIALS) :])
            for side, tokenizer in sides.items()
            if len(tokenizer.vocabulary.specials) > len(SPECIALS)
        }
        if further:
            values["special_tokens"] = further
        return values | self.source.to_json() | self.target.to_json()

    @classmethod
    def from_json(cls, values: Any) -> Tokenizers:
        """Read what :meth:`to_json` wrote; UserError says what is wrong with anything else."""
        optional = {"units", "merges", "normalizers", "special_tokens", "evidence", "pieces"}
        if not isinstance(values, dict) or not set(_REQUIRED) <= set(values) <= {*_REQUIRED, *optional}:
            raise _malformed(
                "語彙には specials・source・target の 3 項目（と、あれば units・merges・normalizers・"
                "special_tokens・pieces）だけが必要です。"
            )
        if values["specials"] != list(SPECIALS):
            raise _malformed(f"語彙の specials が {list(SPECIALS)} ではありません。", "specials")
        for side in _SIDES:
            if not _is_texts(values[side]):
                raise _malformed(f"語彙の {side} が、空でない文字列の並びではありません。", side)
        kinds = values.get("units", {"source": CharTokenizer.kind, "target": TagTokenizer.kind})
        if not isinstance(kinds, dict) or set(kinds) != set(_SIDES):
            raise _malformed("語彙の units が {source, target} の形ではありません。", "units")
        require_choice("source_units", kinds["source"], tuple(SOURCE_TOKENIZERS))
        require_choice("target_units", kinds["target"], tuple(TARGET_TOKENIZERS))
        if ("merges" in values) != (kinds["source"] == SubwordTokenizer.kind):
            raise _malformed("語彙の merges は、単位が subword のときだけ必要です。", "merges")
        normalizers = values.get("normalizers", {})
        if not _is_by_side(normalizers) or any(
            not isinstance(name, str) or name not in NORMALIZERS for name in normalizers.values()
        ):
            raise _malformed("語彙の normalizers に、知らない名前があります。", "normalizers")
        further = values.get("special_tokens", {})
        if not _is_by_side(further) or not all(map(_is_texts, further.values())):
            raise _malformed(
                "語彙の special_tokens が、空でない文字列の並びではありません。", "special_tokens"
            )

        def vocabulary(side: str, reserved: Sequence[str]) -> Vocabulary:
            return Vocabulary(values[side], reserved, further.get(side, ()))

        source, target = SOURCE_TOKENIZERS[kinds["source"]], TARGET_TOKENIZERS[kinds["target"]]
        reserved = target.reserved if "pieces" not in values else ()
        return cls(
            source.from_json(vocabulary("source", source.reserved), values, normalizers.get("source")),
            target.from_json(vocabulary("target", reserved), values, normalizers.get("target")),
        )


CHARACTERS_AND_TAGS = Tokenizers()
"""What models count in unless another kind was chosen."""


def sample_of(count: int) -> range:
    """Indices of at most :data:`SAMPLE` of ``count`` sentences, evenly spread."""
    return range(0, count, max(1, -(-count // SAMPLE)))


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


def _is_word(character: str) -> bool:
    """Whether a character can be part of a word: letters and digits of any script, and slots typed by somebody."""
    return character.isalnum() or character in SLOTS


def _bracketed(item: str) -> str:
    """An item of a list, which has its brackets or not; anything odd is left for the parser to refuse."""
    item = item.strip()
    return item if item.startswith("<") else f"<{item}>"


def _without_surrogates(item: str) -> str:
    """Half a surrogate pair can be neither shown nor saved."""
    if has_surrogates(item):
        raise ValueError(ascii(item))
    return item


def _is_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(token, str) and token for token in values)


def _is_by_side(values: object) -> bool:
    return isinstance(values, dict) and set(values) <= set(_SIDES)


def _malformed(what: str, key: str = "") -> UserError:
    return UserError(what, code="vocabulary-malformed", key=key)
