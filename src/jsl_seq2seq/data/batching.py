"""Sentence pairs as batches of padded ids, in an order that depends on nothing but seed and epoch."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..backends.interface import pad_rows
from ..backends.process_group import ProcessGroup
from ..settings import EOS, PAD, SOS, UNK
from .encoding import EncodedPair, EncodedPairs
from .ragged import LazySequence

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


class BatchOrder(LazySequence[list[int]]):
    """The indices of each batch's pairs, in the order of training. Memory: 8 bytes a pair.

    Args:
        pairs: indices of all pairs, those of a batch side by side.
        sizes: how many pairs each of these batches has.
        order: which of these batches is trained on first, second ...
    """

    def __init__(self, pairs: np.ndarray, sizes: np.ndarray, order: np.ndarray) -> None:
        self._pairs, self._sizes, self._order = pairs, sizes, order
        self._ends = np.cumsum(sizes)

    def __len__(self) -> int:
        return len(self._order)

    def _item(self, index: int) -> list[int]:
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
        rows: B is a multiple of this. Rows that are filled in repeat the first sentence, with a ``target_out`` of
            PAD alone.
    """
    filled = -len(pairs) % rows
    source = [pair.source for pair in pairs]
    target_in, target_out = map(list, zip(*(_teacher_forcing(pair.target) for pair in pairs), strict=True))
    padded_out = pad_rows(target_out + [()] * filled, PAD, multiple)
    return Batch(
        source=pad_rows(source + source[:1] * filled, PAD, multiple, at_least=source_length),
        target_in=pad_rows(target_in + target_in[:1] * filled, PAD, multiple),
        target_out=padded_out,
        tokens=int(np.count_nonzero(padded_out != PAD)),
    )


def epoch_order(
    pairs: Sequence[EncodedPair], batch_size: int, seed: int, epoch: int, batch_tokens: int = 0
) -> BatchOrder:
    """Which pairs go into which batch of an epoch, shuffled, similar lengths together.

    Within a window of batches sentences are sorted by length, then the batches are shuffled too.

    Args:
        batch_tokens: if not 0, sentences are taken as long as sentences times the longest one's length stay
            within it, instead of ``batch_size``.
    """
    sources, longer = _lengths(pairs)
    if batch_tokens:
        # of the window; its batches have at least so many
        batch_size = max(1, batch_tokens // int(longer.max()))
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
    """A row of ``target_in`` and of ``target_out``, as :func:`make_batch` describes them."""
    if UNK not in target:
        return (SOS, *target), (*target, EOS)
    target_in, target_out, before = [SOS], [], SOS
    for token in (*target, EOS):
        if token != UNK:
            target_in.append(token)
            target_out.append(PAD if before == UNK else token)
        before = token
    return tuple(target_in[:-1]), tuple(target_out)


def _filled(lengths: Sequence[int], tokens: int) -> list[int]:
    """Sizes of batches of neighbours, as many as fit into ``tokens`` padded positions; a longer one is alone."""
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
    if not isinstance(pairs, EncodedPairs):
        pairs = EncodedPairs.of((pair.source, pair.target) for pair in pairs)
    return pairs.source_lengths, pairs.positions
