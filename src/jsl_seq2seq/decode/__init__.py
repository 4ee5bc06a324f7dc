"""From logits to tags."""

from .beam import beam_search, penalized
from .greedy import greedy
from .hypothesis import Hypothesis
from .replayed import ReplayedGreedy
from .score import forced_log_probs, score

__all__ = [
    "Hypothesis",
    "ReplayedGreedy",
    "beam_search",
    "forced_log_probs",
    "greedy",
    "penalized",
    "score",
]
