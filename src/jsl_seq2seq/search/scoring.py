"""How probable the model finds a translation that somebody else wrote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends.interface import Ops
from ..data.padding import pad_rows
from ..model import Transformer
from ..settings import EOS, PAD, SOS
from .hypothesis import Hypothesis
from .steps import next_tags, side_by_side


def score(
    ops: Ops, model: Transformer, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> list[Hypothesis]:
    """Each target's log-probabilities, tag by tag and for the end, as decoding would have given them.

    Args:
        sources: source ids of each sentence, none empty.
        targets: the tags of each, without SOS and EOS; may be empty.
    """
    return [
        Hypothesis(
            tuple(target), tuple(float(row[tag]) for row, tag in zip(rows, [*target, EOS], strict=True)), True
        )
        for target, rows in zip(targets, forced_log_probs(ops, model, sources, targets), strict=True)
    ]


def forced_log_probs(
    ops: Ops, model: Transformer, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """Log-probabilities of every tag at every place of the targets [T + 1, V], the last row for what follows."""
    found: dict[int, np.ndarray] = {}
    for indices in side_by_side(model.config, sources):
        forced = _at_once if model.config.attention_masks else _one_by_one
        batch = [sources[index] for index in indices], [[SOS, *targets[index]] for index in indices]
        for index, rows in zip(indices, forced(ops, model, *batch), strict=True):
            found[index] = rows[: len(targets[index]) + 1]
    return [found[index] for index in range(len(sources))]


def _at_once(
    ops: Ops, model: Transformer, sources: Sequence[Sequence[int]], begun: Sequence[Sequence[int]]
) -> np.ndarray:
    """[B, T, V] in one pass: the causal mask shows each place only what stood before it."""
    source = pad_rows(sources, at_least=model.config.source_length)
    logits = model(ops.array(source), ops.array(pad_rows(begun)))
    return ops.to_host(ops.log_softmax(logits))


def _one_by_one(
    ops: Ops, model: Transformer, sources: Sequence[Sequence[int]], begun: Sequence[Sequence[int]]
) -> np.ndarray:
    """[B, T, V] as they are written: without the mask each place would see what comes after it."""
    target = pad_rows(begun)
    target[target == PAD] = EOS  # behind a target's end anything will do
    step = next_tags(ops, model, sources, capacity=target.shape[1])
    return np.stack([step(column) for column in target.T], axis=1)
