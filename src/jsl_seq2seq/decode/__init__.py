"""From logits to tags."""

from .greedy import Hypothesis, greedy

__all__ = ["Hypothesis", "greedy"]
