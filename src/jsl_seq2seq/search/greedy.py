"""Greedy decoding: always the most probable next tag, until the end is the most probable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends.interface import DecodingOps, GraphDecodingOps
from ..model import Transformer
from ..settings import EOS, SOS
from .constraints import ConstrainedRows, OpenWordConstraint
from .decoding import Hypothesis, Step, decoding_step, group_by_padded_length
from .graph_greedy import GraphGreedy

_COMPACT_BELOW = 0.75
"""Share of rows that have not ended below which the others are dropped from the batch, by copying those that stay."""


def greedy(
    ops: DecodingOps,
    model: Transformer[DecodingOps],
    sources: Sequence[Sequence[int]],
    max_length: int,
    graph: GraphGreedy | None = None,
    constraints: Sequence[OpenWordConstraint] = (),
) -> list[Hypothesis]:
    """The most probable tag at every position; each sentence's result is what it would be alone.

    Args:
        sources: source ids of each sentence, none empty.
        max_length: most tags in a result.
        graph: captured steps of earlier calls with the same model, where ``ops`` are :class:`GraphDecodingOps`.
        constraints: what each sentence's result may hold, or none.
    """
    if isinstance(ops, GraphDecodingOps) and model.config.attention_masks and not constraints:
        tags, scores = (graph or GraphGreedy(ops, model))(sources, max_length)
        return [_ended(*row, max_length) for row in zip(tags.tolist(), scores.tolist(), strict=True)]
    found: dict[int, Hypothesis] = {}
    for indices in group_by_padded_length(model.config, sources):
        constrained = ConstrainedRows([constraints[index] for index in indices]) if constraints else None
        group = [sources[index] for index in indices]
        step = decoding_step(ops, model, group, max_length + 1, constrained)
        decoded = _decoded(step, len(indices), max_length, model.config.never_decoded, constrained)
        found.update(zip(indices, decoded, strict=True))
    return [found[index] for index in range(len(sources))]


def _decoded(
    step: Step,
    count: int,
    max_length: int,
    never: tuple[int, ...],
    constrained: ConstrainedRows | None,
) -> list[Hypothesis]:
    """Greedy decoding of ``count`` sentences, one row of ``step`` each."""
    tags = np.full((count, max_length + 1), EOS, np.int32)
    scores = np.zeros((count, max_length + 1))
    rows = np.arange(count)  # the sentence that each row of the step belongs to
    growing = np.ones(count, bool)
    latest = np.full(count, SOS, np.int32)
    for position in range(max_length + 1):
        log_probs = step(latest)
        if constrained is None:
            log_probs[:, never] = -np.inf
        else:
            constrained.mask(log_probs)
        columns = log_probs.argmax(axis=-1)
        latest = columns.astype(np.int32) if constrained is None else constrained.ids[columns]
        tags[rows, position] = latest
        scores[rows, position] = log_probs[np.arange(len(rows)), columns]
        growing &= latest != EOS
        if constrained is not None:
            constrained.advance(latest.tolist())
        left = np.count_nonzero(growing)
        if not left:
            break
        if left < _COMPACT_BELOW * len(rows):
            stay = np.flatnonzero(growing)
            step.keep(stay)
            rows, growing, latest = rows[stay], growing[stay], latest[stay]
            if constrained is not None:
                constrained.keep(stay.tolist())
    return [_ended(*row, max_length) for row in zip(tags.tolist(), scores.tolist(), strict=True)]


def _ended(tags: list[int], scores: list[float], max_length: int) -> Hypothesis:
    """The tags up to the end, or up to the maximum length."""
    end = tags.index(EOS) if EOS in tags else len(tags)
    finished = end < len(tags)
    ids = tags[: min(end, max_length)]
    return Hypothesis(tuple(ids), tuple(scores[: len(ids) + finished]), finished)
