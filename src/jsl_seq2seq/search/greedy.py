"""Greedy decoding: always the most probable next tag, until the end is the most probable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends.interface import Ops
from ..model import Transformer
from ..settings import EOS, SOS
from .graph_greedy import GraphGreedy
from .hypothesis import Hypothesis
from .steps import Step, next_tags, side_by_side

_WORTH_LEAVING = 0.75
"""Share of rows that still grow, below which those that have ended leave: copying the others costs something."""


def greedy(
    ops: Ops,
    model: Transformer,
    sources: Sequence[Sequence[int]],
    max_length: int,
    replayed: GraphGreedy | None = None,
) -> list[Hypothesis]:
    """Translate sentences side by side; each comes out as it would alone.

    Args:
        sources: source ids of each sentence, none empty.
        max_length: most tags to write.
        replayed: whoever translates one batch after another hands over the same one each time; it matters
            only on backends that replay.
    """
    if ops.captures_graphs and model.config.attention_masks:
        tags, scores = (replayed or GraphGreedy(ops, model))(sources, max_length)
        return [_ended(*row, max_length) for row in zip(tags.tolist(), scores.tolist(), strict=True)]
    found: dict[int, Hypothesis] = {}
    for indices in side_by_side(model.config, sources):
        step = next_tags(ops, model, [sources[index] for index in indices], capacity=max_length + 1)
        grown = _grown(step, len(indices), max_length, model.config.never_decoded)
        found.update(zip(indices, grown, strict=True))
    return [found[index] for index in range(len(sources))]


def _grown(step: Step, count: int, max_length: int, never: tuple[int, ...]) -> list[Hypothesis]:
    tags = np.full((count, max_length + 1), EOS, np.int32)
    scores = np.zeros((count, max_length + 1))
    rows = np.arange(count)  # the sentence that each row of the step belongs to
    growing = np.ones(count, bool)
    latest = np.full(count, SOS, np.int32)
    for position in range(max_length + 1):
        log_probs = step(latest)
        log_probs[:, never] = -np.inf
        latest = log_probs.argmax(axis=-1).astype(np.int32)
        tags[rows, position] = latest
        scores[rows, position] = log_probs[np.arange(len(rows)), latest]
        growing &= latest != EOS
        left = np.count_nonzero(growing)
        if not left:
            break
        if left < _WORTH_LEAVING * len(rows):
            stay = np.flatnonzero(growing)
            step.keep(stay)
            rows, growing, latest = rows[stay], growing[stay], latest[stay]
    return [_ended(*row, max_length) for row in zip(tags.tolist(), scores.tolist(), strict=True)]


def _ended(tags: list[int], scores: list[float], max_length: int) -> Hypothesis:
    """What was written until the end, or until the length ran out."""
    end = tags.index(EOS) if EOS in tags else len(tags)
    finished = end < len(tags)
    ids = tags[: min(end, max_length)]
    return Hypothesis(tuple(ids), tuple(scores[: len(ids) + finished]), finished)
