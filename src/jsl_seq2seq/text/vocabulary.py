"""Which units a model knows and their numbers: characters on the source side, whole tags on the target side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..config import SPECIALS, VocabSize
from ..errors import UserError
from .normalize import kana_sibling, normalize
from .pairs import SentencePair


_SILENT = frozenset(" 。、！")


class Vocabulary:
    """Units in a fixed order; a unit's id is its place after the specials.

    Args:
        units: distinct, none of them special.

    Raises:
        UserError: for a repeated or special unit.
    """

    def __init__(self, units: Iterable[str]) -> None:
        self.units = tuple(units)
        self._ids = {unit: index for index, unit in enumerate(self.units, start=len(SPECIALS))}
        if len(self._ids) != len(self.units):
            raise UserError("語彙に同じ項目が 2 回あります。")
        reserved = sorted(set(SPECIALS) & set(self.units))
        if reserved:
            raise UserError(f"語彙に予約語があります: {', '.join(reserved)}")

    def __len__(self) -> int:
        return len(SPECIALS) + len(self.units)

    def __contains__(self, unit: str) -> bool:
        return unit in self._ids

    def id_of(self, unit: str) -> int:
        """The unit's id; KeyError if it is unknown."""
        return self._ids[unit]

    def unit_of(self, index: int) -> str:
        """The unit behind an id; a special's name for a special."""
        return SPECIALS[index] if index < len(SPECIALS) else self.units[index - len(SPECIALS)]


@dataclass(frozen=True)
class EncodedSource:
    """A sentence as numbers.

    Attributes:
        ids: one per known character.
        units: the characters that the ids stand for, as the vocabulary spells them.
        unknown: the characters that were left out, each once, in order.
    """

    ids: tuple[int, ...]
    units: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Vocabularies:
    """Both sides of a model."""

    source: Vocabulary
    target: Vocabulary

    @classmethod
    def from_pairs(cls, pairs: Sequence[SentencePair]) -> Vocabularies:
        """Everything the pairs contain, in code-point order, so that the same data always gives the same ids."""
        return cls(
            Vocabulary(sorted({character for pair in pairs for character in pair.source})),
            Vocabulary(sorted({tag for pair in pairs for tag in pair.tags})),
        )

    @property
    def size(self) -> VocabSize:
        return VocabSize(len(self.source), len(self.target))

    @property
    def hash(self) -> str:
        """SHA-256 over the units' canonical JSON: the same on every machine, another for any other vocabulary."""
        canonical = json.dumps(self.to_json(), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()

    def encode_source(self, text: str) -> EncodedSource:
        """Characters of a sentence as ids, after :func:`normalize`.

        A character the model has never seen is tried as the other kana (タ as た); if that is unknown too it
        is left out and reported, since a vector nobody trained would only disturb the others. Blanks and
        sentence marks the model does not know go silently: they carry nothing that a tag would say.
        """
        ids, units, unknown = [], [], []
        for character in normalize(text):
            unit = character if character in self.source else kana_sibling(character)
            if unit in self.source:
                ids.append(self.source.id_of(unit))
                units.append(unit)
            elif character not in _SILENT and character not in unknown:
                unknown.append(character)
        return EncodedSource(tuple(ids), tuple(units), tuple(unknown))

    def encode_target(self, tags: Sequence[str]) -> tuple[int, ...]:
        """Tags as ids, without SOS and EOS; KeyError for an unknown tag."""
        return tuple(self.target.id_of(tag) for tag in tags)

    def decode_target(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Ids as tags."""
        return tuple(self.target.unit_of(index) for index in ids)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``vocabulary.json``."""
        return {
            "specials": list(SPECIALS),
            "source": list(self.source.units),
            "target": list(self.target.units),
        }

    @classmethod
    def from_json(cls, values: Any) -> Vocabularies:
        """Read what :meth:`to_json` wrote; UserError says what is wrong with anything else."""
        if not isinstance(values, dict) or set(values) != {"specials", "source", "target"}:
            raise UserError("語彙には specials・source・target の 3 項目だけが必要です。")
        if values["specials"] != list(SPECIALS):
            raise UserError(f"語彙の specials が {list(SPECIALS)} ではありません。")
        for side in ("source", "target"):
            units = values[side]
            if not isinstance(units, list) or not all(isinstance(unit, str) and unit for unit in units):
                raise UserError(f"語彙の {side} が、空でない文字列の並びではありません。")
        return cls(Vocabulary(values["source"]), Vocabulary(values["target"]))
