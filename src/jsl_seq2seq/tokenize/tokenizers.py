"""Both sides' tokenizers, and the one file that holds them: ``vocabulary.json``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from ..errors import UserError
from ..io import strict_json
from ..settings import SPECIALS, VocabSize, require_choice
from .normalize import NORMALIZERS
from .subword import DEFAULT_VOCAB
from .tokenizer import (
    SOURCE_TOKENIZERS,
    TARGET_TOKENIZERS,
    CharTokenizer,
    SubwordTokenizer,
    TagTokenizer,
    TargetTokenizer,
    Tokenizer,
)
from .vocabulary import Vocabulary

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
    def of(cls, source: str = "char", target: str = "tags", subword_vocab: int | None = None) -> Tokenizers:
        """Tokenizers of these kinds, nothing learnt yet.

        Args:
            subword_vocab: how many subwords are learnt at most.

        Raises:
            UserError: there is no such kind.
        """
        require_choice("source_units", source, tuple(SOURCE_TOKENIZERS))
        require_choice("target_units", target, tuple(TARGET_TOKENIZERS))
        if source == SubwordTokenizer.kind:
            return cls(SubwordTokenizer(size=subword_vocab or DEFAULT_VOCAB), TARGET_TOKENIZERS[target]())
        return cls(SOURCE_TOKENIZERS[source](), TARGET_TOKENIZERS[target]())

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

    @cached_property
    def hash(self) -> str:
        """SHA-256 over their canonical JSON: the same on every machine, another for any other vocabulary."""
        return hashlib.sha256(strict_json.canonical(self.to_json())).hexdigest()

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
        optional = {"units", "merges", "normalizers", "special_tokens", "evidence"}
        if not isinstance(values, dict) or not set(_REQUIRED) <= set(values) <= {*_REQUIRED, *optional}:
            raise _malformed(
                "語彙には specials・source・target の 3 項目（と、あれば units・merges・normalizers・"
                "special_tokens）だけが必要です。"
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

        def vocabulary(side: str, kind: type[Tokenizer]) -> Vocabulary:
            return Vocabulary(values[side], kind.reserved, further.get(side, ()))

        source, target = SOURCE_TOKENIZERS[kinds["source"]], TARGET_TOKENIZERS[kinds["target"]]
        return cls(
            source.from_json(vocabulary("source", source), values, normalizers.get("source")),
            target.from_json(vocabulary("target", target), values, normalizers.get("target")),
        )


CHARACTERS_AND_TAGS = Tokenizers()
"""What models count in unless another kind was chosen."""


def sample_of(count: int) -> range:
    """Indices of at most :data:`SAMPLE` of ``count`` sentences, evenly spread."""
    return range(0, count, max(1, -(-count // SAMPLE)))


def _is_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(token, str) and token for token in values)


def _is_by_side(values: object) -> bool:
    return isinstance(values, dict) and set(values) <= set(_SIDES)


def _malformed(what: str, key: str = "") -> UserError:
    return UserError(what, code="vocabulary-malformed", key=key)
