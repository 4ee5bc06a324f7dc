"""Greedy decoding: always the most probable next tag, until the end is the most probable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..config import EOS, PAD, SOS
from ..model import Transformer
from ..ops.base import Ops
from ..text.padding import pad_rows


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


def greedy(
    ops: Ops, model: Transformer, sources: Sequence[Sequence[int]], max_length: int
) -> list[Hypothesis]:
    """Translate sentences side by side; each comes out as it would alone.

    Args:
        sources: source ids of each sentence, none empty.
        max_length: most tags to write.
    """
    memory, memory_mask = model.encoder(ops.array(pad_rows(sources)))
    cache = model.decoder.start(memory, memory_mask, capacity=max_length + 1)
    ids: list[list[int]] = [[] for _ in sources]
    log_probs: list[list[float]] = [[] for _ in sources]
    growing = np.ones(len(sources), bool)
    latest = np.full(len(sources), SOS, np.int32)
    while growing.any() and cache.length <= max_length:
        logits, cache = model.decoder.step(ops.array(latest[:, None]), cache)
        scores = ops.to_host(ops.log_softmax(logits))
        scores[:, [PAD, SOS]] = -np.inf  # never a tag
        latest = scores.argmax(axis=-1).astype(np.int32)
        for row in np.flatnonzero(growing):
            chosen = int(latest[row])
            if chosen != EOS and len(ids[row]) == max_length:
                continue
            log_probs[row].append(float(scores[row, chosen]))
            if chosen != EOS:
                ids[row].append(chosen)
        growing &= latest != EOS
    return [
        Hypothesis(tuple(tags), tuple(scores), finished=not open_ended)
        for tags, scores, open_ended in zip(ids, log_probs, growing, strict=True)
    ]
