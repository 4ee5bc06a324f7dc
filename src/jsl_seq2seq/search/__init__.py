"""From logits to target sequences: greedy decoding, beam search, scoring."""

from .beam import beam_search, penalized
from .decoding import GraphGreedy, Hypothesis, greedy, group_by_length
from .scoring import forced_log_probs, score

__all__ = [
    "GraphGreedy",
    "Hypothesis",
    "beam_search",
    "forced_log_probs",
    "greedy",
    "group_by_length",
    "penalized",
    "score",
]
