"""More training pairs from those that there are: copied tags in the places of others.

After Fadaee, Bisazza & Monz 2017, "Data Augmentation for Low-Resource Neural Machine Translation", who substitute rare
words in sentences and, by alignment, in their translations. Here nothing has to be aligned: a tag that stands in its
sentence, letter by letter, is aligned with that place. What a model learns from it is to copy whatever stands there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from ..data import Corpus, SentencePair
from ..data.encoding import EncodedPairs
from ..tokenize import Tokenizers
from .data import longest


class _Copy(NamedTuple):
    """A tag that stands at [start, end) of its sentence."""

    start: int
    end: int
    tag: int


def substituted(pairs: Sequence[SentencePair], variants: int, seed: int) -> Iterator[SentencePair]:
    """The pairs with copied tags, each so many times, with other tags in the places of some of these.

    A tag is copied if it stands once in its pair's tags and once in the sentence; of two that overlap there the first.
    In every variant each copied tag is replaced with a probability of one half, and at least one is. What replaces it
    is drawn from all different tags that are copied anywhere in the data, so that rare ones are as frequent as others.

    Args:
        variants: how many are made of each pair that has a copied tag.
        seed: the same seed gives the same variants.
    """
    known = sorted({pair.tags[copy.tag] for pair in pairs for copy in _copies(pair)})
    generator = np.random.default_rng([seed, variants])
    for pair in pairs:
        found = _copies(pair)
        for _ in range(variants if found else 0):
            drawn = generator.random(len(found)) < 0.5
            drawn[generator.integers(len(found))] |= not drawn.any()
            source, tags, end = "", list(pair.tags), 0
            for copy, replaced in zip(found, drawn, strict=True):
                if replaced:
                    tags[copy.tag] = known[generator.integers(len(known))]
                    source += pair.source[end : copy.start] + tags[copy.tag]
                    end = copy.end
            yield SentencePair(source + pair.source[end:], tuple(tags))


def _copies(pair: SentencePair) -> list[_Copy]:
    """The copied tags, in the order of the sentence."""
    found = sorted(
        _Copy(start, start + len(tag), number)
        for number, tag in enumerate(pair.tags)
        if pair.tags.count(tag) == 1 and pair.source.count(tag) == 1
        for start in [pair.source.index(tag)]
    )
    apart: list[_Copy] = []
    for copy in found:
        if not apart or copy.start >= apart[-1].end:
            apart.append(copy)
    return apart


def with_variants(
    corpus: Corpus, pairs: EncodedPairs, tokenizers: Tokenizers, variants: int, seed: int
) -> EncodedPairs:
    """The pairs of a corpus and, behind them, :func:`substituted` ones, of which none needs more positions.

    Nothing is added unless sentences and tags are both written with characters. Memory: 8 bytes a token.
    """
    if not variants or not tokenizers.alike:
        return pairs
    source, target = tokenizers.source, tokenizers.target
    limit = longest(pairs)
    made = (
        (source.encode(pair.source).ids, target.ids_of(pair.tags))
        for pair in substituted(corpus.pairs, variants, seed)
        if all(map(target.has, pair.tags))
    )
    own = ((pair.source, pair.target) for pair in pairs)
    return EncodedPairs.of(
        chain(own, ((ids, tags) for ids, tags in made if ids and max(len(ids), len(tags) + 1) <= limit))
    )
