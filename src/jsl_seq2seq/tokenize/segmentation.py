"""What a unit of the target (a tag, a gloss) is written with: one token, its characters, or pieces of it.

Rare tags share characters and pieces with others, so a model with few sentences can learn them, and write tags that
no sentence of the training data has. Every unit begins with :data:`.subword.BLANK`, as SentencePiece's do (Kudo &
Richardson 2018, §3.1): any sequence of tokens is a sequence of whole units.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

from ..errors import UserError
from .subword import BLANK, Merges, learn_subwords

DEFAULT_TARGET_VOCAB = 2000

_ISOLATED = "+"
"""A character that no piece has beside others: behind it comes a character of an open word."""
_PARTS = re.compile(rf"{re.escape(_ISOLATED)}|[^{re.escape(_ISOLATED)}]+")
_MOST = 1_000_000
"""Units, repeated as often as they stand in the data, from which pieces are learnt at most."""

_CUTS = 1 << 16
"""Units whose pieces are kept, so that they are put together once: the time grows with the square of the length."""


class Segmentation(ABC):
    """How units are written as tokens.

    Class attributes:
        kind: the name in the table, in ``vocabulary.json`` and in settings.
        name: a token in Japanese, where it is not a unit.
        whole: whether each unit is one token.

    Args:
        units: what it was learnt from, the units of the training data.
    """

    kind: ClassVar[str]
    name: ClassVar[str] = ""
    whole: ClassVar[bool] = False

    def __init__(self, units: Iterable[str] = ()) -> None:
        self.units = tuple(units)

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen, by the setting's name."""
        return {"target_tokenizer": self.kind}

    @abstractmethod
    def cut(self, unit: str) -> tuple[str, ...]:
        """The tokens of a unit, whether a vocabulary has them or not."""

    @abstractmethod
    def learn(self, counts: Mapping[str, int], min_count: int) -> tuple[list[str], Self]:
        """The tokens for the units of a corpus in code-point order, and the segmentation that cuts units into them.

        Args:
            counts: how often each unit stands in the corpus.
            min_count: units, or characters of them, that stand less often get no token.
        """

    def writes(self, unit: str) -> bool:
        """Whether the tokens of a unit are read as that unit again: not if it has :data:`.subword.BLANK` in it."""
        return BLANK not in unit

    def extended(self, units: Iterable[str]) -> Self:
        """This segmentation with further units behind its own."""
        known = set(self.units)
        return self._with([*self.units, *(unit for unit in sorted(set(units)) if unit not in known)])

    def _with(self, units: Iterable[str]) -> Self:
        return type(self)(units)

    def to_json(self) -> dict[str, Any]:
        """What ``vocabulary.json`` holds beside the tokens, by key."""
        return {"pieces": {"kind": self.kind, "tags": list(self.units), **self._own_json()}}

    def _own_json(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote under ``pieces``, whose kind and units have been checked.

        Raises:
            ValueError: the rest is malformed.
        """
        if set(values) != {"kind", "tags"}:
            raise ValueError("pieces")
        return cls(values["tags"])


class Whole(Segmentation):
    """Every unit is one token."""

    kind, whole = "word", True

    def cut(self, unit: str) -> tuple[str, ...]:
        return (unit,)

    def learn(self, counts: Mapping[str, int], min_count: int) -> tuple[list[str], Self]:
        return sorted(unit for unit, count in counts.items() if count >= min_count), self

    def writes(self, unit: str) -> bool:
        return True

    def extended(self, units: Iterable[str]) -> Self:
        return self

    def to_json(self) -> dict[str, Any]:
        return {}


class Characters(Segmentation):
    """The characters of a unit behind the mark: ``▁ 食 べ る``. A character is the same token wherever it stands."""

    kind, name = "char", "文字"

    def cut(self, unit: str) -> tuple[str, ...]:
        return (BLANK, *unit)

    def learn(self, counts: Mapping[str, int], min_count: int) -> tuple[list[str], Self]:
        tokens: Counter[str] = Counter()
        for unit, count in counts.items():
            if self.writes(unit):
                for token in self.cut(unit):
                    tokens[token] += count
        kept = sorted(token for token, count in tokens.items() if count >= min_count)
        return kept, self._with(_written(self, counts, kept))


class Pieces(Segmentation):
    """Pieces of a unit by byte-pair encoding, the first one marked: ``▁食べ る``.

    Args:
        units: as above.
        merges: how pieces are put together, in the order in which it is done.
        size: how many pieces are learnt at most.
    """

    kind, name = "subword", "部分語"

    def __init__(
        self, units: Iterable[str] = (), merges: Merges = (), size: int = DEFAULT_TARGET_VOCAB
    ) -> None:
        super().__init__(units)
        self.merges, self.size = merges, size
        self._ranks = {merge: rank for rank, merge in enumerate(merges)}
        self._cuts: dict[str, tuple[str, ...]] = {}

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "target_vocab": self.size}

    def cut(self, unit: str) -> tuple[str, ...]:
        found = self._cuts.get(unit)
        if found is None:
            found = tuple(piece for part in _PARTS.findall(BLANK + unit) for piece in self._merged(part))
            if len(self._cuts) < _CUTS:
                self._cuts[unit] = found
        return found

    def _merged(self, text: str) -> list[str]:
        """The characters of a text, neighbours put together as long as there is a merge for two of them (Sennrich et
        al. 2016, §3.2); the library would leave unknown characters out."""
        pieces = list(text)
        while True:
            ranks = [self._ranks.get(pair, len(self._ranks)) for pair in pairwise(pieces)]
            best = min(ranks, default=len(self._ranks))
            if best == len(self._ranks):
                return pieces
            at = ranks.index(best)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]

    def learn(self, counts: Mapping[str, int], min_count: int) -> tuple[list[str], Self]:
        """Raises UserError if the library is missing or ``size`` is smaller than the number of characters."""
        characters: Counter[str] = Counter()
        for unit, count in counts.items():
            for character in unit if self.writes(unit) else "":
                characters[character] += count
        kept = {character for character, count in characters.items() if count >= min_count}
        texts = {unit: count for unit, count in counts.items() if self.writes(unit) and set(unit) <= kept}
        pieces, merges = learn_subwords(
            _repeated(texts), kept, self.size, isolated=_ISOLATED, setting="target_vocab"
        )
        return sorted(pieces), type(self)(sorted(texts), merges, self.size)

    def _with(self, units: Iterable[str]) -> Self:
        return type(self)(units, self.merges, self.size)

    def _own_json(self) -> dict[str, Any]:
        return {"size": self.size, "merges": [list(merge) for merge in self.merges]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        if set(values) != {"kind", "tags", "size", "merges"}:
            raise ValueError("pieces")
        size, merges = values["size"], values["merges"]
        if type(size) is not int or size < 1:
            raise ValueError("pieces.size")
        good = isinstance(merges, list) and all(
            isinstance(merge, list) and len(merge) == 2 and all(isinstance(one, str) and one for one in merge)
            for merge in merges
        )
        if not good:
            raise ValueError("pieces.merges")
        return cls(values["tags"], tuple((first, second) for first, second in merges), size)


WHOLE = Whole()

SEGMENTATIONS: dict[str, type[Segmentation]] = {one.kind: one for one in (Whole, Pieces, Characters)}
"""Every kind of segmentation, by its name in settings and files; the first one is the default."""


def read_segmentation(vocabulary: Mapping[str, Any]) -> Segmentation:
    """Read what :meth:`Segmentation.to_json` wrote: ``pieces``, of units that are not whole.

    Raises:
        UserError: says what is wrong with anything else.
    """
    values = vocabulary["pieces"]
    try:
        kind = SEGMENTATIONS.get(values["kind"]) if isinstance(values, dict) else None
        units = values["tags"] if kind is not None else None
        if kind is None or kind.whole:
            raise ValueError("pieces.kind")
        if not isinstance(units, list) or not all(isinstance(unit, str) and unit for unit in units):
            raise ValueError("pieces.tags")
        if len(set(units)) != len(units):
            raise ValueError("pieces.tags")
        return kind.from_json(values)
    except (KeyError, TypeError, ValueError) as error:
        key = str(error) if isinstance(error, ValueError) else "pieces"
        raise UserError(f"語彙の {key} が正しくありません。", code="vocabulary-malformed", key=key) from None


def joined(tokens: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Tokens of units that are not whole -> units, each with [start, end) of the tokens that it is written with.

    A token that begins with :data:`.subword.BLANK` begins a unit, and so does the very first token. A mark without
    anything behind it belongs to the unit that follows.
    """
    text, start = "", 0
    for position, token in enumerate(tokens):
        if token.startswith(BLANK):
            if text:
                yield text, start, position
                text, start = "", position
            token = token[len(BLANK) :]
        text += token
    if text:
        yield text, start, len(tokens)


def _written(segmentation: Segmentation, units: Iterable[str], tokens: Iterable[str]) -> list[str]:
    """The units that are written with these tokens, in code-point order."""
    known = set(tokens)
    return sorted(
        unit for unit in units if segmentation.writes(unit) and known.issuperset(segmentation.cut(unit))
    )


def _repeated(counts: Mapping[str, int]) -> Iterator[str]:
    """Every unit as often as it stands in the data; of very many proportionately fewer."""
    share = max(1, -(-sum(counts.values()) // _MOST))
    for unit in sorted(counts):
        for _ in range(-(-counts[unit] // share)):
            yield unit
