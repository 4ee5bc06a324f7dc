"""From logits to target sequences: greedy decoding, beam search, scoring."""

from .beam import beam_search, penalized
from .graph_greedy import GraphGreedy
from .greedy import greedy
from .hypothesis import Hypothesis
from .scoring import forced_log_probs, score

__all__ = [
    "GraphGreedy",
    "Hypothesis",
    "beam_search",
    "forced_log_probs",
    "greedy",
    "penalized",
    "score",
]
