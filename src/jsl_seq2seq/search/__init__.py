"""From logits to target sequences: greedy decoding, beam search, scoring."""

from .beam import Search, beam_search, penalized
from .decoding import Ensemble, GraphGreedy, Hypothesis, Model, greedy, group_by_length
from .scoring import forced_log_probs, score

__all__ = [
    "Ensemble",
    "GraphGreedy",
    "Hypothesis",
    "Model",
    "Search",
    "beam_search",
    "forced_log_probs",
    "greedy",
    "group_by_length",
    "penalized",
    "score",
]
