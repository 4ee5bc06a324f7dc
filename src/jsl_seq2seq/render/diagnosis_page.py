"""A diagnosis as one self-contained page."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from ..evaluation.diagnosis import END, Diagnosis
from .bars import bar, percent, table
from .heatmap import heatmap_svg
from .style import notice, page


def diagnosis_page(diagnosis: Diagnosis) -> str:
    """The page, in Japanese, with heat maps."""
    translation = diagnosis.translation
    body = [
        notice(),
        f'<p class="source">{escape(translation.text)} → <b>{escape(diagnosis.written(translation.tags))}</b>'
        f"（確からしさ {percent(math.exp(translation.log_prob))}）</p>",
        *(f"<p>{escape(warning)}</p>" for warning in translation.warnings),
        _places(diagnosis),
        _looked(diagnosis),
        _deletions(diagnosis),
    ]
    return page("1 文の診断", "\n".join(body))


def _places(diagnosis: Diagnosis) -> str:
    rows = []
    for number, place in enumerate(diagnosis.places, start=1):
        others = [(tag, share) for tag, share in place.alternatives if tag != place.tag]
        listed = "、".join(f"{_name(diagnosis, tag)} {percent(share)}" for tag, share in others)
        rows.append(
            (
                f"{number}",
                escape(_name(diagnosis, place.tag)),
                bar(place.probability),
                percent(place.probability),
                escape(listed),
            )
        )
    heads = ("順", "書いたもの", "確率", "#確率", "~ほかの候補")
    target = diagnosis.kinds.target_name
    caption = f"前の{target}までを書いたときの、次の{target}の確率。"
    return f"<h2>{target}とその確率</h2>" + table(caption, heads, rows)


def _looked(diagnosis: Diagnosis) -> str:
    unit = diagnosis.kinds.source_name
    picture = heatmap_svg(
        [place.attention for place in diagnosis.places],
        [_name(diagnosis, place.tag) for place in diagnosis.places],
        list(diagnosis.units),
        title=f"どの{unit}を見て書いたか",
        row_title="書いたもの",
        column_title=unit,
        value_range=(0.0, 1.0),
    )
    return (
        f"<h2>見た{unit}</h2><p>最後の層の交差注意（ヘッドの平均）です。各行の合計は 1 です。"
        "注意は「どこから情報を取ったか」で、「それが決め手だった」とは限りません。"
        f"下の「{unit}を 1 つ消すと」と見比べてください。</p>"
        f'<div class="figure">{picture}</div>'
    )


def _deletions(diagnosis: Diagnosis) -> str:
    unit, target = diagnosis.kinds.source_name, diagnosis.kinds.target_name
    heading = f"<h2>{unit}を 1 つ消すと</h2>"
    if not diagnosis.deletions:
        return f"{heading}<p>1 {unit}の文なので、消して比べることはできません。</p>"
    original = diagnosis.translation.tags
    rows = [
        (
            escape(one.unit),
            "同じ" if one.tags == original else "<b>変わる</b>",
            escape(diagnosis.written(one.tags)),
            f"{one.change:+.2f}",
        )
        for one in diagnosis.deletions
    ]
    changes = np.array([one.changes for one in diagnosis.deletions]).T
    picture = heatmap_svg(
        changes,
        [_name(diagnosis, place.tag) for place in diagnosis.places],
        list(diagnosis.units),
        title=f"{unit}を消したときの対数確率の変化",
        row_title=f"元の{target}",
        column_title=f"消した{unit}",
        value_range=(-_limit(changes), _limit(changes)),
    )
    return (
        f"{heading}<p>青いマスは、その{unit}を消すとその{target}が出にくくなること"
        f"（その{unit}が要ること）を表します。</p>"
        f'<div class="figure">{picture}</div>'
        + table(
            f"消した{unit}ごとの訳。変化は、元の訳の対数確率（自然対数）の変化です。",
            (f"消した{unit}", "訳", "~消した文の訳", "#対数確率の変化"),
            rows,
        )
    )


def _limit(changes: np.ndarray) -> float:
    """Both ends of the colours; beyond it a tag is as good as impossible."""
    return float(min(max(np.abs(changes).max(initial=0), 1e-6), 5.0))


def _name(diagnosis: Diagnosis, tag: str | None) -> str:
    """What is written at a place."""
    return f"［{END}］" if tag is None else diagnosis.written([tag])
