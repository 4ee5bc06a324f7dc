"""The probability of a given translation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends.interface import DecodingOps, pad_rows
from ..model import Transformer
from ..settings import EOS, PAD, SOS
from .decoding import (
    Ensemble,
    Hypothesis,
    Model,
    decoding_step,
    group_by_padded_length,
    log_probs,
    mean_log_probs,
    require_finite,
)


def score(
    ops: DecodingOps,
    model: Model,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
) -> list[Hypothesis]:
    """Each target's log-probabilities, tag by tag and for the end, as decoding computes them.

    Args:
        sources: source ids of each sentence, none empty.
        targets: the tags of each, without SOS and EOS; may be empty.
    """
    found = []
    for target, rows in zip(targets, forced_log_probs(ops, model, sources, targets), strict=True):
        scores = rows[np.arange(len(target) + 1), [*target, EOS]]
        require_finite(scores)
        found.append(Hypothesis(tuple(target), tuple(scores.tolist()), True))
    return found


def forced_log_probs(
    ops: DecodingOps,
    model: Model,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
) -> list[np.ndarray]:
    """Log-probabilities of every tag at every position of each target, [T + 1, V]; the last row is for what follows."""
    if isinstance(model, Ensemble):
        members = [forced_log_probs(ops, one, sources, targets) for one in model.members]
        return [mean_log_probs(rows) for rows in zip(*members, strict=True)]
    found: dict[int, np.ndarray] = {}
    for indices in group_by_padded_length(model.config, sources):
        forced = _at_once if model.config.attention_masks else _one_by_one
        batch = [sources[index] for index in indices], [[SOS, *targets[index]] for index in indices]
        for index, rows in zip(indices, forced(ops, model, *batch), strict=True):
            found[index] = rows[: len(targets[index]) + 1]
            require_finite(found[index].max(axis=-1))
    return [found[index] for index in range(len(sources))]


def _at_once(
    ops: DecodingOps,
    model: Transformer[DecodingOps],
    sources: Sequence[Sequence[int]],
    begun: Sequence[Sequence[int]],
) -> np.ndarray:
    """[B, T, V] in one pass: under the causal mask each position sees only those before it."""
    source = pad_rows(sources, PAD, at_least=model.config.source_length)
    logits = model(ops.array(source), ops.array(pad_rows(begun, PAD)))
    return ops.to_host(log_probs(ops, logits, model.config.temperature))


def _one_by_one(
    ops: DecodingOps,
    model: Transformer[DecodingOps],
    sources: Sequence[Sequence[int]],
    begun: Sequence[Sequence[int]],
) -> np.ndarray:
    """[B, T, V] step by step: without the mask each position would see those after it."""
    target = pad_rows(begun, PAD)
    target[target == PAD] = EOS  # what follows a target's end is not returned
    step = decoding_step(ops, model, sources, capacity=target.shape[1])
    return np.stack([step(column) for column in target.T], axis=1)
