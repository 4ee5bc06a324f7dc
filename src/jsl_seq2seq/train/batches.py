"""Sentence pairs as batches of padded ids, in an order that depends on nothing but seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..config import EOS, SOS
from ..text import SentencePair, Vocabularies
from ..text.padding import pad_rows

_LENGTH_STEP = 8
"""Sentences whose lengths differ by less than this are as good as equally long."""

_WINDOW = 100
"""Batches within which sentences are sorted by length: enough to save padding, few enough to stay mixed."""


@dataclass(frozen=True)
class Batch:
    """Teacher forcing's inputs and wanted outputs.

    Attributes:
        source: [B, S] int32.
        target_in: SOS and the tags, [B, T] int32.
        target_out: the tags and EOS, [B, T] int32.
        tokens: how many entries of ``target_out`` are real.
    """

    source: np.ndarray
    target_in: np.ndarray
    target_out: np.ndarray
    tokens: int


@dataclass(frozen=True)
class EncodedPair:
    """A sentence pair as ids, without specials."""

    source: tuple[int, ...]
    target: tuple[int, ...]


def encode_pairs(pairs: Sequence[SentencePair], vocabularies: Vocabularies) -> list[EncodedPair]:
    """Pairs as ids. Every tag must be known; unknown characters are left out, as in translation."""
    return [
        EncodedPair(vocabularies.encode_source(pair.source).ids, vocabularies.encode_target(pair.tags))
        for pair in pairs
    ]


def make_batch(pairs: Sequence[EncodedPair]) -> Batch:
    """Pad pairs into one batch."""
    return Batch(
        source=pad_rows([pair.source for pair in pairs]),
        target_in=pad_rows([(SOS, *pair.target) for pair in pairs]),
        target_out=pad_rows([(*pair.target, EOS) for pair in pairs]),
        tokens=sum(len(pair.target) + 1 for pair in pairs),
    )


def epoch_order(pairs: Sequence[EncodedPair], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Which pairs go into which batch of an epoch (indices), shuffled, similar lengths together.

    Within a window of batches sentences are sorted by length, then the batches are shuffled too.
    """
    generator = np.random.default_rng([seed, 1 + epoch])
    shuffled = generator.permutation(len(pairs)).tolist()
    batches = []
    for start in range(0, len(shuffled), _WINDOW * batch_size):
        window = shuffled[start : start + _WINDOW * batch_size]
        window.sort(key=lambda index: len(pairs[index].source) // _LENGTH_STEP)  # stable: ties stay shuffled
        batches += [window[i : i + batch_size] for i in range(0, len(window), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]
