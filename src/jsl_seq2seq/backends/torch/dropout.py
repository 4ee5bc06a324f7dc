"""Which elements dropout takes."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Drop(NamedTuple):
    """See :meth:`jsl_seq2seq.backends.interface.Ops.dropout`.

    Attributes:
        first: number of the first element's random word, see :mod:`.bits`.
    """

    rate: float
    key: torch.Tensor
    site: int
    first: int

    @property
    def threshold(self) -> int:
        """Elements whose word is below it fall."""
        return int(self.rate * 2**32)

    @property
    def scale(self) -> float:
        """What those that stay are multiplied with."""
        return 1 / (1 - self.rate)
