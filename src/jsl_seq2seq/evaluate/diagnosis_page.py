"""A diagnosis as one self-contained page."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from ..analysis.heatmap import heatmap_svg
from .bars import bar, percent, table
from .diagnosis import END, Diagnosis
from .style import notice, page

_NOTHING = "（タグなし）"


def diagnosis_page(diagnosis: Diagnosis) -> str:
    """The page, in Japanese, with heat maps."""
    translation = diagnosis.translation
    body = [
        notice(),
        f'<p class="source">{escape(translation.text)} → <b>{escape(str(translation) or _NOTHING)}</b>'
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
        listed = "、".join(f"{name(tag)} {percent(share)}" for tag, share in others)
        rows.append(
            (
                f"{number}",
                escape(name(place.tag)),
                bar(place.probability),
                percent(place.probability),
                escape(listed),
            )
        )
    heads = ("順", "書いたもの", "確率", "#確率", "~ほかの候補")
    return "<h2>タグとその確率</h2>" + table("前のタグまでを書いたときの、次のタグの確率。", heads, rows)


def _looked(diagnosis: Diagnosis) -> str:
    picture = heatmap_svg(
        [place.attention for place in diagnosis.places],
        [name(place.tag) for place in diagnosis.places],
        list(diagnosis.units),
        title="どの文字を見て書いたか",
        row_title="書いたもの",
        column_title="文字",
        value_range=(0.0, 1.0),
    )
    return (
        "<h2>見た文字</h2><p>最後の層の交差注意（ヘッドの平均）です。各行の合計は 1 です。"
        "注意は「どこから情報を取ったか」で、「それが決め手だった」とは限りません。"
        "下の「文字を 1 つ消すと」と見比べてください。</p>"
        f'<div class="figure">{picture}</div>'
    )


def _deletions(diagnosis: Diagnosis) -> str:
    if not diagnosis.deletions:
        return "<h2>文字を 1 つ消すと</h2><p>1 文字の文なので、消して比べることはできません。</p>"
    original = diagnosis.translation.tags
    rows = [
        (
            escape(one.unit),
            "同じ" if one.tags == original else "<b>変わる</b>",
            escape("".join(f"<{tag}> " for tag in one.tags).strip() or _NOTHING),
            f"{one.change:+.2f}",
        )
        for one in diagnosis.deletions
    ]
    changes = np.array([one.changes for one in diagnosis.deletions]).T
    picture = heatmap_svg(
        changes,
        [name(place.tag) for place in diagnosis.places],
        list(diagnosis.units),
        title="文字を消したときの対数確率の変化",
        row_title="元のタグ",
        column_title="消した文字",
        value_range=(-_limit(changes), _limit(changes)),
    )
    return (
        "<h2>文字を 1 つ消すと</h2>"
        "<p>青いマスは、その文字を消すとそのタグが出にくくなること（その文字が要ること）を表します。</p>"
        f'<div class="figure">{picture}</div>'
        + table(
            "消した文字ごとの訳。変化は、元の訳の対数確率（自然対数）の変化です。",
            ("消した文字", "訳", "~消した文の訳", "#対数確率の変化"),
            rows,
        )
    )


def _limit(changes: np.ndarray) -> float:
    """Both ends of the colours; beyond it a tag is as good as impossible."""
    return float(min(max(np.abs(changes).max(initial=0), 1e-6), 5.0))


def name(tag: str | None) -> str:
    """What is written at a place."""
    return f"［{END}］" if tag is None else f"<{tag}>"
