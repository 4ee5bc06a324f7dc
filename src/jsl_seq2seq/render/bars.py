"""Bars as inline SVG, and pieces of HTML that several parts of a page use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from ..evaluation.metrics import Pair

_WIDTH, _HEIGHT = 220, 14


def bar(share: float, interval: tuple[float, float] | None = None) -> str:
    """A bar from 0 to 1, with a line for the interval; the number stands beside it, so it is hidden from readers."""
    filled = max(0.0, min(share, 1.0)) * _WIDTH
    parts = [
        f'<svg class="bar" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">',
        f'<rect class="track" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}"/>',
        f'<rect class="fill" width="{filled:.1f}" height="{_HEIGHT}"/>',
    ]
    if interval is not None:
        low, high = (end * _WIDTH for end in interval)
        middle = _HEIGHT / 2
        parts.append(
            f'<path class="range" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} 3V{_HEIGHT - 3}'
            f'M{high:.1f} 3V{_HEIGHT - 3}"/>'
        )
    return "".join([*parts, "</svg>"])


def percent(share: float) -> str:
    """``97.3 %``."""
    return f"{100 * share:.1f} %"


_CLASSES = {"#": "number", "~": "text"}


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table; cells are HTML, the first of each row is its heading. A head that begins with ``#`` is a
    number's, one with ``~`` that of a text that may wrap."""
    classes = [_CLASSES.get(head[0], "") for head in heads]
    head = "".join(
        f'<th scope="col" class="{kind_}">{escape(text.lstrip("#~"))}</th>'
        for text, kind_ in zip(heads, classes, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{first}</th>'
        + "".join(f'<td class="{kind_}">{cell}</td>' for cell, kind_ in zip(others, classes[1:], strict=True))
        + "</tr>"
        for first, *others in rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


_SAME, _OTHER, _MISSING, _EXTRA = "same", "other", "missing", "extra"
_SIGNS = {_SAME: "", _OTHER: "≠", _MISSING: "−", _EXTRA: "＋"}
_WORDS = {_SAME: "一致", _OTHER: "置き換わり", _MISSING: "不足", _EXTRA: "余分"}


def side_by_side(pairs: Sequence[Pair], written: Callable[[str], str]) -> str:
    """Right tags above produced ones, partners together; signs and borders say what differs, and lines may wrap.

    Args:
        written: a tag as one writes it.
    """
    heads = '<li class="heads" aria-hidden="true"><span>正解</span><span>出力</span><b>違い</b></li>'
    return f'<ul class="pairs">{heads}{"".join(_column(pair, written) for pair in pairs)}</ul>'


def _column(pair: Pair, written: Callable[[str], str]) -> str:
    right, produced = pair
    kind = _kind(pair)
    return (
        f'<li class="{kind}"><span><i class="unseen">正解 </i>{_tag(right, written)}</span>'
        f'<span><i class="unseen">出力 </i>{_tag(produced, written)}</span>'
        f'<b aria-hidden="true">{_SIGNS[kind]}</b><i class="unseen">{_WORDS[kind]}</i></li>'
    )


def legend() -> str:
    """What the signs mean."""
    return (
        '<p class="legend">'
        + "".join(
            f'<span class="{kind}"><b>{_SIGNS[kind]}</b> {_WORDS[kind]}</span>'
            for kind in (_OTHER, _MISSING, _EXTRA)
        )
        + "</p>"
    )


def _kind(pair: Pair) -> str:
    right, produced = pair
    if right == produced:
        return _SAME
    if produced is None:
        return _MISSING
    return _EXTRA if right is None else _OTHER


def _tag(tag: str | None, written: Callable[[str], str]) -> str:
    return "<em>（なし）</em>" if tag is None else escape(written(tag))
