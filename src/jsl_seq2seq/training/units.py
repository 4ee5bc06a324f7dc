"""The units that ``auto`` stands for: chosen from the training data, before anything is learnt.

Where tags are written with characters of their sentences, a model that reads and writes characters learns to copy them,
also those of tags that it has never seen; the embeddings of a character begin as one on both sides
(:attr:`.tokenizer.Tokenizers.alike`). Elsewhere a tag is best one token. Some thousand sentences without spaces are too
few to learn pieces of them. docs/data.md has the measurements that the limits are from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from ..data import SentencePair
from ..settings import require_choice
from ..tokenize import SOURCE_TOKENIZERS, Tokenizers
from ..tokenize.segmentation import SEGMENTATIONS, Characters, Whole
from ..tokenize.tokenizer import CharTokenizer, SubwordTokenizer

AUTO = "auto"
COPIED, RARE, UNSPACED = 0.3, 0.02, 0.5
"""From these values of :class:`Shares` on, the choice is characters."""

_CHOICES = {"source_units": (*SOURCE_TOKENIZERS, AUTO), "target_tokenizer": (*SEGMENTATIONS, AUTO)}


class Shares(NamedTuple):
    """What is counted in training data.

    From ``copied`` and ``rare`` is subtracted what the same count gives with the sentence of another pair, half the
    data away, that is by chance: the letters of an alphabet stand in nearly every sentence.

    Attributes:
        unspaced: the share of sentences without a space.
        copied: the share of the tags' characters that stand in the sentence of their pair.
        rare: the share of tags that stand once in the data and have no character, whatever its case, that their
            sentence lacks. What stands once is about as frequent as what is new in further data (Good 1953, "The
            population frequencies of species and the estimation of population parameters").
    """

    unspaced: float = 0.0
    copied: float = 0.0
    rare: float = 0.0


def shares(pairs: Sequence[SentencePair]) -> Shares:
    """Count, in two passes over the pairs; 0 without any."""
    counts = Counter(tag for pair in pairs for tag in pair.tags)
    half = len(pairs) // 2
    others = chain(islice(pairs, half, None), islice(pairs, half))
    unspaced = characters = copied = rare = 0
    for pair, other in zip(pairs, others, strict=True):
        here, there = set(pair.source), set(other.source)
        unspaced += not any(map(str.isspace, here))
        folded, apart = set(pair.source.casefold()), set(other.source.casefold())
        for tag in pair.tags:
            characters += len(tag)
            copied += sum((character in here) - (character in there) for character in tag)
            if counts[tag] == 1:
                own = tag.casefold()
                rare += folded.issuperset(own) - apart.issuperset(own)
    return Shares(
        unspaced / max(len(pairs), 1),
        max(copied, 0) / max(characters, 1),
        max(rare, 0) / max(counts.total(), 1),
    )


def is_auto(options: Mapping[str, Any]) -> bool:
    """Whether units are to be chosen from the data.

    Raises:
        UserError: the options name units that do not exist.
    """
    for name, choices in _CHOICES.items():
        if options.get(name) is not None:
            require_choice(name, options[name], choices)
    return any(options.get(name) == AUTO for name in _CHOICES)


def without_auto(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those that are ``auto``: a model that is there has its units already."""
    return {name: value for name, value in options.items() if name not in _CHOICES or value != AUTO}


def chosen_units(options: Mapping[str, Any], counted: Shares = Shares()) -> dict[str, Any]:  # noqa: B008
    """The options with a kind of unit in the place of each ``auto``.

    Characters on both sides where much is copied. Else sentences are read by characters if most have no space, or as
    subwords, and tags are one token each. ``subword_vocab`` asks for subwords. Where sentences are not read by
    characters, rare tags that could be copied are not reason enough to write characters.
    """
    chosen = dict(options)
    source = chosen.get("source_units")
    if source == AUTO and chosen.get("subword_vocab") is not None:
        source = SubwordTokenizer.kind
    reads = source in (None, AUTO, CharTokenizer.kind)
    copying = counted.copied >= COPIED or (reads and counted.rare >= RARE)
    if chosen.get("target_tokenizer") == AUTO:
        chosen["target_tokenizer"] = Characters.kind if copying else Whole.kind
    if source == AUTO:
        copying = copying and chosen.get("target_tokenizer") == Characters.kind
        by_characters = copying or counted.unspaced >= UNSPACED
        source = CharTokenizer.kind if by_characters else SubwordTokenizer.kind
    if source is not None:
        chosen["source_units"] = source
    return chosen


def choice_note(tokenizers: Tokenizers, counted: Shares) -> str:
    """Which units were chosen, and why, in Japanese."""
    source, target = tokenizers.source, tokenizers.target
    return (
        f"文は{source.name}、訳は{target.name}で書きます（空白のない文が {100 * counted.unspaced:.0f} %、"
        f"文から写せる訳の文字が {100 * counted.copied:.0f} %、1 度しか出ず文から写せる{target.unit_name}が "
        f"{100 * counted.rare:.1f} % なので）"
    )
