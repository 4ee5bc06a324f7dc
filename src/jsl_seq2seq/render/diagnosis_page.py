"""A diagnosis as one self-contained page."""

from __future__ import annotations

import math

import numpy as np

from ..evaluation.diagnosis import LOST_EVIDENCE, Diagnosis
from ..evaluation.metrics import align
from ..tokenize.tokenizer import OpenTagTokenizer
from .heatmap import heatmap_svg
from .pages import render


def diagnosis_page(diagnosis: Diagnosis) -> str:
    """The page, in Japanese, with heat maps."""
    unit, target = diagnosis.tokenizers.source.name, diagnosis.tokenizers.target.name
    produced = [
        diagnosis.label(place.tag) for place in diagnosis.places
    ]  # none where only what is no tag was written
    attention = produced and heatmap_svg(
        [place.attention for place in diagnosis.places],
        produced,
        diagnosis.units,
        title=f"どの{unit}を見て書いたか",
        row_title=f"書く{target}",
        column_title=f"見られている{unit}",
        value_range=(0.0, 1.0),
    )
    changes = np.array([one.changes for one in diagnosis.deletions]).T
    return render(
        "diagnosis.html",
        title="1 文の診断",
        diagnosis=diagnosis,
        deletions=[(one, align(diagnosis.translation.tags, one.tags)) for one in diagnosis.deletions],
        lost_evidence=LOST_EVIDENCE if diagnosis.loses_evidence else "",
        open_words=isinstance(diagnosis.tokenizers.target, OpenTagTokenizer),
        written=lambda tag: diagnosis.tokenizers.target.join([tag]),
        unit=unit,
        target=target,
        probability=math.exp(diagnosis.translation.log_prob),
        attention=attention or "",
        changes=heatmap_svg(
            changes,
            produced,
            diagnosis.units,
            title=f"{unit}を消したときの対数確率の変化",
            row_title=f"元の{target}",
            column_title=f"消した{unit}",
            value_range=(-_limit(changes), _limit(changes)),
        )
        if diagnosis.deletions and produced
        else "",
    )


def _limit(changes: np.ndarray) -> float:
    """Both ends of the colour scale: the largest change, at most 5 (a factor of 148 in probability)."""
    return float(min(max(np.abs(changes).max(initial=0), 1e-6), 5.0))
