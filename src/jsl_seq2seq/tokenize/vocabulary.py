"""Which units a model knows and their numbers: characters, words or pieces of words on the source side, whole
tags or words on the target side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ..errors import UserError
from ..settings import SPECIALS, VocabSize
from .normalize import kana_sibling
from .subword import DEFAULT_VOCAB, Merges, Subwords, learn_subwords
from .tags import format_tags
from .units import CHAR, CHARACTERS_AND_TAGS, SUBWORD, WORD, Units, spelled

_SILENT = frozenset(" 。、！")
_SUBWORD_SENTENCES = 200_000
"""Of so many sentences, evenly spread over the data, subwords are learnt at most: they stand in memory."""


class Pair(Protocol):
    """A sentence and its target sequence."""

    @property
    def source(self) -> str: ...

    @property
    def tags(self) -> tuple[str, ...]: ...


class Vocabulary:
    """Units in a fixed order; a unit's id is its place after the specials.

    Args:
        units: distinct.
        reserved: names that none of them may have. (A word of a foreign text may well be ``PAD``: it gets an
            id of its own and is never taken for the special.)

    Raises:
        UserError: for a repeated or reserved unit.
    """

    def __init__(self, units: Iterable[str], reserved: Iterable[str] = SPECIALS) -> None:
        self.units = tuple(units)
        self._ids = {unit: index for index, unit in enumerate(self.units, start=len(SPECIALS))}
        if len(self._ids) != len(self.units):
            raise UserError("語彙に同じ項目が 2 回あります。")
        used = sorted(set(reserved) & set(self.units))
        if used:
            raise UserError(f"語彙に予約語があります: {', '.join(used)}")

    def __len__(self) -> int:
        return len(SPECIALS) + len(self.units)

    def __contains__(self, unit: str) -> bool:
        return unit in self._ids

    def id_of(self, unit: str) -> int:
        """The unit's id; KeyError if it is unknown."""
        return self._ids[unit]

    def ids_of(self, units: Iterable[str]) -> tuple[int, ...]:
        """The units' ids; KeyError if one is unknown."""
        return tuple(map(self._ids.__getitem__, units))

    def knows(self, units: Iterable[str]) -> bool:
        """Whether all of them are known."""
        return self._ids.keys() >= set(units)

    def unit_of(self, index: int) -> str:
        """The unit behind an id; a special's name for a special."""
        return SPECIALS[index] if index < len(SPECIALS) else self.units[index - len(SPECIALS)]


@dataclass(frozen=True)
class EncodedSource:
    """A sentence as numbers.

    Attributes:
        ids: one per known unit.
        units: the characters, words or pieces that the ids stand for, as the vocabulary spells them.
        unknown: the characters (or words) that were left out, each once, in order.
    """

    ids: tuple[int, ...]
    units: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Vocabularies:
    """Both sides of a model.

    Attributes:
        kinds: what the units are.
        merges: how subwords are put together; empty for other units.
    """

    source: Vocabulary
    target: Vocabulary
    kinds: Units = CHARACTERS_AND_TAGS
    merges: Merges = ()

    @classmethod
    def from_pairs(
        cls,
        pairs: Sequence[Pair],
        kinds: Units = CHARACTERS_AND_TAGS,
        subword_vocab: int = DEFAULT_VOCAB,
    ) -> Vocabularies:
        """Everything the pairs contain, in code-point order, so that the same data always gives the same ids.

        One pass; memory grows with the vocabulary, not with the data (but see ``_SUBWORD_SENTENCES``).

        Args:
            subword_vocab: how many subwords there are at most.

        Raises:
            UserError: subwords are wanted and their library is missing, or ``subword_vocab`` is too small.
        """
        sources: set[str] = set()
        targets: set[str] = set()
        sample: list[str] = []
        stride = -(-len(pairs) // _SUBWORD_SENTENCES)
        for number, pair in enumerate(pairs):
            sources.update(pair.source.split() if kinds.source == WORD else pair.source)
            targets.update(pair.tags)
            if kinds.source == SUBWORD and number % stride == 0:
                sample.append(pair.source)
        target = Vocabulary(sorted(targets))
        if kinds.source == SUBWORD:
            pieces, merges = learn_subwords(sample, sources, subword_vocab)
            return cls(Vocabulary(pieces, reserved=()), target, kinds, merges)
        reserved = SPECIALS if kinds.source == CHAR else ()
        return cls(Vocabulary(sorted(sources), reserved), target, kinds)

    @property
    def size(self) -> VocabSize:
        return VocabSize(len(self.source), len(self.target))

    @property
    def hash(self) -> str:
        """SHA-256 over the units' canonical JSON: the same on every machine, another for any other vocabulary."""
        canonical = json.dumps(self.to_json(), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()

    def encode_source(self, text: str) -> EncodedSource:
        """A sentence as ids, after :func:`.pairs.spelled`.

        A unit the model has never seen is left out and reported, since a vector nobody trained would only
        disturb the others.
        """
        text = spelled(text, self.kinds)
        if self.kinds.source == CHAR:
            units, unknown = self._characters(text)
        elif self.kinds.source == WORD:
            units = [word for word in text.split() if word in self.source]
            unknown = [word for word in text.split() if word not in self.source]
        else:
            units, unknown = self._pieces(text)
        return EncodedSource(self.source.ids_of(units), tuple(units), tuple(dict.fromkeys(unknown)))

    def encode_target(self, tags: Sequence[str]) -> tuple[int, ...]:
        """Tags as ids, without SOS and EOS; KeyError for an unknown tag."""
        return self.target.ids_of(tags)

    def decode_target(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Ids as tags."""
        return tuple(self.target.unit_of(index) for index in ids)

    def format_target(self, tags: Iterable[str]) -> str:
        """Tags (or words) as one writes them."""
        return format_tags(tags, self.kinds.target)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``vocabulary.json``; characters and tags, which come without ``units``, as ever."""
        values: dict[str, Any] = {
            "specials": list(SPECIALS),
            "source": list(self.source.units),
            "target": list(self.target.units),
        }
        if self.kinds != CHARACTERS_AND_TAGS:
            values["units"] = {"source": self.kinds.source, "target": self.kinds.target}
        if self.kinds.source == SUBWORD:
            values["merges"] = [list(merge) for merge in self.merges]
        return values

    @classmethod
    def from_json(cls, values: Any) -> Vocabularies:
        """Read what :meth:`to_json` wrote; UserError says what is wrong with anything else."""
        required, optional = {"specials", "source", "target"}, {"units", "merges"}
        if not isinstance(values, dict) or not required <= set(values) <= required | optional:
            raise UserError(
                "語彙には specials・source・target の 3 項目（と、あれば units・merges）だけが必要です。"
            )
        if values["specials"] != list(SPECIALS):
            raise UserError(f"語彙の specials が {list(SPECIALS)} ではありません。")
        for side in ("source", "target"):
            units = values[side]
            if not isinstance(units, list) or not all(isinstance(unit, str) and unit for unit in units):
                raise UserError(f"語彙の {side} が、空でない文字列の並びではありません。")
        kinds = values.get("units", {"source": "char", "target": "tags"})
        if not isinstance(kinds, dict) or set(kinds) != {"source", "target"}:
            raise UserError("語彙の units が {source, target} の形ではありません。")
        kinds = Units(**kinds)
        source = Vocabulary(values["source"], SPECIALS if kinds.source == CHAR else ())
        if ("merges" in values) != (kinds.source == SUBWORD):
            raise UserError("語彙の merges は、単位が subword のときだけ必要です。")
        return cls(source, Vocabulary(values["target"]), kinds, _merges(values.get("merges", []), source))

    def _characters(self, text: str) -> tuple[list[str], list[str]]:
        """A character nobody knows is tried as the other kana (タ as た). Blanks and sentence marks the model
        does not know go silently: they carry nothing that a tag would say."""
        if self.source.knows(text):
            return list(text), []
        units, unknown = [], []
        for character in text:
            unit = character if character in self.source else kana_sibling(character)
            if unit in self.source:
                units.append(unit)
            elif character not in _SILENT:
                unknown.append(character)
        return units, unknown

    def _pieces(self, text: str) -> tuple[list[str], list[str]]:
        """The library would leave unknown characters out without a word, so they go before."""
        unknown = [character for character in text if character != " " and character not in self.source]
        if unknown:
            gone = set(unknown)
            text = " ".join("".join(c for c in text if c not in gone).split())
        return self._subwords(text) if text else [], unknown

    @cached_property
    def _subwords(self) -> Subwords:
        return Subwords(self.source.units, self.merges)


def _merges(values: Any, source: Vocabulary) -> Merges:
    good = isinstance(values, list) and all(
        isinstance(merge, list)
        and len(merge) == 2
        and all(isinstance(part, str) and part in source for part in merge)
        and "".join(merge) in source
        for merge in values
    )
    if not good:
        raise UserError("語彙の merges が、source にある 2 つの部分語の組の並びではありません。")
    return tuple((first, second) for first, second in values)
