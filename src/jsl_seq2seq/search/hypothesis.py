"""What decoding finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """One decoded target.

    Attributes:
        ids: tags, without SOS and EOS.
        log_probs: natural logarithm of each tag's probability given those before it; one more, the end's,
            if ``finished``.
        finished: whether the model ended the sentence itself, before the length ran out.
    """

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    finished: bool

    @property
    def log_prob(self) -> float:
        """Natural logarithm of the whole sequence's probability, its end included if there is one."""
        return sum(self.log_probs)
