"""Sentence pairs as batches of padded ids, in an order that depends on nothing but seed and epoch."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from ..backends.interface import pad_rows
from ..backends.process_group import ProcessGroup
from ..settings import EOS, PAD, SOS, UNK
from .encoding import EncodedPair, EncodedPairs

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
        target_out: the tags and EOS, [B, T] int32; PAD where the loss counts nothing.
        tokens: how many entries of ``target_out`` are not PAD.
    """

    source: np.ndarray
    target_in: np.ndarray
    target_out: np.ndarray
    tokens: int

    def share(self, processes: ProcessGroup) -> Batch:
        """This process's rows; every process has as many, so B is a multiple of their number."""
        if processes.world_size == 1:
            return self
        rows = len(self.source) // processes.world_size
        return self.part(processes.rank * rows, (processes.rank + 1) * rows)

    def part(self, first: int, end: int) -> Batch:
        """The rows from ``first`` up to ``end``, as wide as they are."""
        rows = slice(first, end)
        target_out = self.target_out[rows]
        return Batch(self.source[rows], self.target_in[rows], target_out, int((target_out != PAD).sum()))


class BatchOrder(Sequence[list[int]]):
    """Which pairs go into which batch, in the order in which one learns from them. Memory: 8 bytes a pair.

    Args:
        pairs: indices of all pairs, those of a batch side by side.
        sizes: how many each batch has.
        order: the batches' order.
    """

    def __init__(self, pairs: np.ndarray, sizes: np.ndarray, order: np.ndarray) -> None:
        self._pairs, self._sizes, self._order = pairs, sizes, order
        self._ends = np.cumsum(sizes)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> list[int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[int]]: ...
    def __getitem__(self, index: int | slice) -> list[int] | list[list[int]]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        batch = self._order[index]
        end = self._ends[batch]
        return self._pairs[end - self._sizes[batch] : end].tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def make_batch(
    pairs: Sequence[EncodedPair], source_length: int = 0, multiple: int = 1, rows: int = 1
) -> Batch:
    """Pad pairs into one batch.

    A target unit that is UNK is taken out of the decoder's input, and the step that would have to produce it is
    not counted: the entry of ``target_out`` is PAD there. So A UNK B becomes SOS A B -> A PAD EOS.

    Args:
        source_length: sources are padded at least to this.
        multiple: S and T are multiples of this, so that shapes repeat.
        rows: and B of this. Rows that are filled in repeat the first sentence, and want nothing to be written.
    """
    steps = [_teacher_forcing(pair.target) for pair in pairs]
    fill = -len(pairs) % rows
    source = [pair.source for pair in pairs]
    given, wanted = [given for given, _ in steps], [wanted for _, wanted in steps]
    target_out = pad_rows(wanted + [()] * fill, PAD, multiple)
    return Batch(
        source=pad_rows(source + source[:1] * fill, PAD, multiple, at_least=source_length),
        target_in=pad_rows(given + given[:1] * fill, PAD, multiple),
        target_out=target_out,
        tokens=int(np.count_nonzero(target_out != PAD)),
    )


def epoch_order(
    pairs: Sequence[EncodedPair], batch_size: int, seed: int, epoch: int, batch_tokens: int = 0
) -> BatchOrder:
    """Which pairs go into which batch of an epoch (indices), shuffled, similar lengths together.

    Within a window of batches sentences are sorted by length, then the batches are shuffled too.

    Args:
        batch_tokens: if not 0, sentences are taken as long as sentences times the longest one's length stay
            within it, instead of ``batch_size``.
    """
    sources, longer = _lengths(pairs)
    if batch_tokens:
        batch_size = max(
            1, batch_tokens // int(longer.max())
        )  # of the window; its batches have at least so many
    generator = np.random.default_rng([seed, 1 + epoch])
    shuffled = generator.permutation(len(pairs))
    sizes = array("q")
    for start in range(0, len(shuffled), _WINDOW * batch_size):
        window = shuffled[start : start + _WINDOW * batch_size]
        by_length = np.argsort(sources[window] // _LENGTH_STEP, kind="stable")  # ties stay shuffled
        window[:] = window[by_length]
        if batch_tokens:
            sizes.extend(_filled(longer[window].tolist(), batch_tokens))
        else:
            full, rest = divmod(len(window), batch_size)
            sizes.extend([batch_size] * full + [rest] * bool(rest))
    return BatchOrder(shuffled, np.array(sizes, np.int64), generator.permutation(len(sizes)))


def _teacher_forcing(target: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the decoder reads, and what it has to produce at each step; PAD where that is UNK."""
    if UNK not in target:
        return (SOS, *target), (*target, EOS)
    given, wanted, before = [SOS], [], SOS
    for token in (*target, EOS):
        if token != UNK:
            given.append(token)
            wanted.append(PAD if before == UNK else token)
        before = token
    return tuple(given[:-1]), tuple(wanted)


def _filled(lengths: Sequence[int], tokens: int) -> list[int]:
    """Neighbours together, as many as ``tokens`` positions hold; one that is longer than that comes alone."""
    sizes = [0]
    longest = 0
    for length in lengths:
        longest = max(longest, length)
        if sizes[-1] and (sizes[-1] + 1) * longest > tokens:
            sizes.append(0)
            longest = length
        sizes[-1] += 1
    return sizes


def _lengths(pairs: Sequence[EncodedPair]) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair, how long its source is, and how many positions its longer side has."""
    if isinstance(pairs, EncodedPairs):
        sources, targets = pairs.source_lengths, pairs.target_lengths
    else:
        sources = np.array([len(pair.source) for pair in pairs])
        targets = np.array([len(pair.target) for pair in pairs])
    return sources, np.maximum(sources, targets + 1)
