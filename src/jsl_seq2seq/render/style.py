"""The look of the pages: readable on a screen, on paper and without colours; no file from anywhere else."""

from __future__ import annotations

from html import escape

NOT_JSL = (
    "この出力は<strong>手話タグの列であって、日本手話そのものではありません</strong>。"
    "顔の表情・視線・空間の使い方・動きの重なりは、タグの一列には入りません。"
    "規則から作った文も、人が書いた文も、ろう者による確認をまだ受けていません。"
)

_STYLE = """
:root { --ink: #1b1b1f; --soft: #565a63; --line: #c9ccd3; --fill: #2f5d9b; --pale: #f4f5f7; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.25rem 4rem; color: var(--ink); background: #fff;
  font: 1rem/1.75 "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", "Yu Gothic UI", Meiryo, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.4; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 .5rem; padding-bottom: .25rem; border-bottom: 2px solid var(--ink); }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; }
.notice { border: 2px solid var(--ink); padding: .75rem 1rem; margin: 1rem 0; background: var(--pale); }
.soft, caption, .signature { color: var(--soft); }
.signature { font-family: ui-monospace, Consolas, monospace; font-size: .8rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .25rem 0; font-size: .9rem; }
th, td { padding: .35rem .75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  white-space: nowrap; }
td.text { white-space: normal; min-width: 14em; }
thead th { border-bottom: 2px solid var(--ink); font-size: .9rem; }
tbody th { font-weight: 600; }
.number { text-align: right; }
.bar { vertical-align: middle; }
.bar .track { fill: #fff; stroke: var(--line); }
.bar .fill { fill: var(--fill); }
.bar .range { stroke: #000; stroke-width: 1.5; fill: none; }
ol.worst { padding-left: 2.25rem; }
ol.worst > li { margin: 1.25rem 0; break-inside: avoid; }
.source { font-size: 1.1rem; }
ul.pairs { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem .2rem; padding: 0; margin: .4rem 0; }
.pairs li { display: flex; flex-direction: column; text-align: center; }
.pairs li > span { border: 1px solid var(--line); padding: 0 .6rem; min-height: 1.9rem; }
.pairs li > span + span { border-top: 0; }
.pairs li > b { line-height: 1.4; min-height: 1.4rem; }
.pairs .heads > span, .pairs .heads > b { border-color: transparent; color: var(--soft); font-size: .85rem;
  font-weight: 400; padding-left: 0; }
.legend span { display: inline-block; padding: 0 .6rem; margin-right: .75rem; }
.pairs em { color: var(--soft); font-style: normal; }
.pairs .other > span, .legend .other { background: #fdf0d5; border: 2px solid #8a5a00; }
.pairs .missing > span, .legend .missing { background: #fbe3e1; border: 2px dashed #a3261b; }
.pairs .extra > span, .legend .extra { background: #e1ecfb; border: 2px dotted #1f4f9c; }
.figure svg { max-width: 100%; height: auto; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
nav ul { padding-left: 1.25rem; }
a { color: #1f4f9c; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-before: page; } h2:first-of-type { break-before: auto; }
  h3, caption, thead { break-after: avoid; } tr, .notice, .pairs li { break-inside: avoid; }
  .scroll { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def page(title: str, body: str) -> str:
    """A whole HTML page that needs no other file and no network.

    Args:
        title: plain text.
        body: HTML.
    """
    return (
        '<!doctype html>\n<html lang="ja">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def notice() -> str:
    """What every page says first."""
    return f'<p class="notice">{NOT_JSL}</p>'
