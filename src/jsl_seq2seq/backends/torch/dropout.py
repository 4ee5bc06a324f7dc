"""Which elements dropout zeroes: a hash of key, site and position, as in :mod:`jsl_seq2seq.backends.numpy`."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Drop(NamedTuple):
    """The arguments of :meth:`jsl_seq2seq.backends.interface.TrainingOps.dropout`.

    Attributes:
        first: number of the first element's random word in the stream of :func:`random_bits`.
    """

    rate: float
    key: torch.Tensor
    site: int
    first: int

    @property
    def threshold(self) -> int:
        """Elements whose random word is below it are zeroed."""
        return int(self.rate * 2**32)

    @property
    def scale(self) -> float:
        """Factor of the elements that are kept."""
        return 1 / (1 - self.rate)


_WORD = 0xFFFF_FFFF


def random_bits(key: torch.Tensor, site: int, count: int, first: int = 0) -> torch.Tensor:
    """Words number ``first``, ``first + 1``, ... of a stream: PCG hashing (Jarzynski & Olano 2020, JCGT 9(3)).

    PyTorch's 32-bit unsigned integers cannot multiply, so the words are computed in 64 bits.
    """
    stream = _pcg((site + _pcg(key)) & _WORD)
    return _pcg((torch.arange(first, first + count, device=key.device) + stream) & _WORD)


def _pcg(x: torch.Tensor) -> torch.Tensor:
    state = (x * 747796405 + 2891336453) & _WORD
    word = (((state >> ((state >> 28) + 4)) ^ state) * 277803737) & _WORD
    return (word >> 22) ^ word
