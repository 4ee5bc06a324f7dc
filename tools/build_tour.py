"""Make what the guided tour ``docs/attention.md`` shows, and its pages for the server.

    python tools/build_tour.py           # pictures in docs/images, pages in assets/tour
    python tools/build_tour.py --train   # first train the tour's small model anew, which changes its figures

The tour's chapters are HTML pages that the server and the static site offer beside their own page: one for each
chapter, its pictures inside, no script. ``tests/test_tour.py`` checks that both are what the text and the model give.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import html
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from jsl_seq2seq import Translator
from jsl_seq2seq.render.export import export_attention
from jsl_seq2seq.store import save_model, tour_model
from jsl_seq2seq.training import TrainingJob, TrainingRequest

ROOT = Path(__file__).parents[1]
TEXT = ROOT / "docs" / "attention.md"
IMAGES = ROOT / "docs" / "images"
PAGES = ROOT / "src" / "jsl_seq2seq" / "assets" / "tour"
SENTENCE = "わたしはたべます"
PICTURES = (
    "attn_layer0_head0.svg",
    "attn_layer0_head1.svg",
    "attn_decoder_layer0_head0.svg",
    "attn_cross_layer3_head0.svg",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--train", action="store_true")
    if parser.parse_args().train:
        train()
    for name, picture in pictures().items():
        (IMAGES / name).write_text(picture, encoding="utf-8", newline="\n")
    (IMAGES / "architecture.svg").write_text(architecture(), encoding="utf-8", newline="\n")
    for name, page in pages().items():
        (PAGES / name).write_text(page, encoding="utf-8", newline="\n")


def train() -> None:
    """The default recipe on the starter sentences; of its curve every 20th epoch is kept."""
    model = TrainingJob(TrainingRequest({}, backend="ndarray")).run().model
    history = tuple(one for one in model.history if one.epoch == 1 or one.epoch % 20 == 0)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        copy = Path("models") / "tour"  # where the tour's readers have it, for the commands in its README.md
        save_model(replace(model, moments=None, resume_parameters={}, history=history), copy)
        shutil.copytree(copy, tour_model(), dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))


def pictures() -> dict[str, str]:
    """The heat maps that the tour shows, by file name."""
    translation = Translator.load(tour_model(), backend="ndarray").translate(SENTENCE, attention=True)
    with tempfile.TemporaryDirectory() as folder:
        export_attention([translation], Path(folder))
        return {name: (Path(folder) / name).read_text(encoding="utf-8") for name in PICTURES}


# The picture of the whole model. Everything flows upwards; one call draws one box or arrow.

_WIDTH, _HEIGHT, _BOX, _TALL = 820, 840, 230, 36
_PLAIN, _ATTENTION, _CROSS, _NORM = "#eef2f7", "#dbe9f6", "#fbe3c8", "#ffffff"


@dataclass
class _Column:
    """What is drawn from the bottom to the top around x = ``center``; residuals pass at the side ``side`` (-1 left,
    1 right)."""

    center: int
    side: int
    y: int
    parts: list[str]

    def text(self, words: str) -> None:
        self.parts.append(_text(self.center, self.y, words))
        self.y -= 20

    def arrow(self, length: int = 22) -> None:
        self.parts.append(_arrow(f"M{self.center} {self.y}V{self.y - length + 2}"))
        self.y -= length

    def box(self, words: str, color: str) -> int:
        """Draws a box; returns the height of its middle."""
        top = self.y - _TALL
        left = self.center - _BOX // 2
        self.parts.append(
            f'<rect x="{left}" y="{top}" width="{_BOX}" height="{_TALL}" rx="6" fill="{color}" stroke="#8c8c8c"/>'
        )
        self.parts.append(_text(self.center, top + _TALL // 2 + 5, words))
        self.y = top
        return top + _TALL // 2

    def sublayer(self, words: str, color: str) -> int:
        """x + f(LayerNorm(x)): a normalized branch, and the residual beside it; the height of f's middle."""
        start = self.y - 8
        self.arrow(26)
        self.box("LayerNorm", _NORM)
        self.arrow(20)
        middle = self.box(words, color)
        self.arrow(20)
        plus = self.y - 11
        self.parts.append(
            f'<circle cx="{self.center}" cy="{plus}" r="11" fill="#fff" stroke="#555" stroke-width="1.5"/>'
        )
        self.parts.append(_text(self.center, plus + 5, "+"))
        edge = self.center + self.side * (_BOX // 2 + 22)
        end = self.center + self.side * 13
        self.parts.append(_arrow(f"M{self.center} {start}H{edge}V{plus}H{end}"))
        self.y -= 22
        return middle

    def frame(self, bottom: int, words: str) -> None:
        """A dashed frame around the layer between ``bottom`` and here, the residuals included."""
        left, width, top = self.center - _BOX // 2 - 34, _BOX + 68, self.y - 8
        self.parts.append(
            f'<rect x="{left}" y="{top}" width="{width}" height="{bottom - top}" rx="10" fill="none" '
            'stroke="#b8b8b8" stroke-dasharray="5 4"/>'
        )
        self.parts.append(_text(left + 8, top - 8, words, "start", 12, "#595959"))


def architecture() -> str:
    """Encoder and decoder with their residuals and every LayerNorm, as SVG."""
    parts: list[str] = []
    bottom = _HEIGHT - 24
    encoder = _Column(190, -1, bottom, parts)
    encoder.text("わ た し は た べ ま す")
    encoder.arrow()
    encoder.box("埋め込み + 位置", _PLAIN)
    start = encoder.y - 4
    encoder.sublayer("自己アテンション（文字 → 文字）", _ATTENTION)
    encoder.sublayer("feed-forward", _PLAIN)
    encoder.frame(start, "× 4（第 0〜3 層）")
    encoder.arrow(40)
    encoder.box("最後の LayerNorm（final_norm）", _NORM)
    encoder.arrow()
    memory = encoder.y - 14
    encoder.y -= 8
    encoder.text("memory: 1 文字につき 16 個の数")

    decoder = _Column(620, 1, bottom, parts)
    decoder.text("<SOS> <私>（ここまでに書いたタグ）")
    decoder.arrow()
    decoder.box("埋め込み + 位置", _PLAIN)
    start = decoder.y - 4
    decoder.sublayer("自己アテンション（→ 前のタグ）", _ATTENTION)
    cross = decoder.sublayer("交差アテンション（タグ → 文字）", _CROSS)
    decoder.sublayer("feed-forward", _PLAIN)
    decoder.frame(start, "× 4（第 0〜3 層）")
    decoder.arrow(40)
    decoder.box("最後の LayerNorm（final_norm）", _NORM)
    decoder.arrow()
    decoder.box("output_projection → softmax", _PLAIN)
    decoder.arrow()
    decoder.y -= 8
    decoder.text("次のタグの確率: <食べる> がいちばん高い")

    side = 620 - _BOX // 2
    parts.append(_arrow(f"M305 {memory}H405V{cross}H{side - 2}"))
    parts.append(_text(398, (memory + cross) // 2, "key と value", "end", 12, "#595959"))
    parts.append(_text(24, 28, "エンコーダー（読む）", "start", 16))
    parts.append(_text(470, 28, "デコーダー（書く）", "start", 16))
    parts.append(_text(24, 56, "＋ に入る横の線が残差（x + …）", "start", 12, "#595959"))
    title = "エンコーダーとデコーダーの全体図"
    fonts = "'Hiragino Sans', 'Noto Sans JP', 'Noto Sans CJK JP', 'Yu Gothic', Meiryo, sans-serif"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}" font-family="{fonts}" font-size="14">'
    )
    marker = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
    )
    ground = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    return "\n".join([head, f"<title>{title}</title>", marker, ground, *parts, "</svg>"]) + "\n"


def _arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="#555" stroke-width="1.5" marker-end="url(#arrow)"/>'


def _text(x: int, y: int, words: str, anchor: str = "middle", size: int = 14, color: str = "#222") -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{color}">'
        f"{html.escape(words)}</text>"
    )


# The pages.

_PAGE = """<!doctype html>
<html lang="ja">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}｜コードで読むアテンション</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="../assets/style.css">
<link rel="stylesheet" href="../assets/tour.css">
</head>
<body>
<header>
<p><a href="../">訳すページへ</a></p>
<h1>{title}</h1>
</header>
<main>
{body}</main>
<nav aria-label="章">
{turn}<ol class="chapters" start="0">
{chapters}</ol>
</nav>
</body>
</html>
"""


def pages() -> dict[str, str]:
    """The tour as HTML, by file name: ``index.html`` for what stands before the first chapter, then ``0.html`` ..."""
    parts = re.split(r"^## (?=\d\. )", TEXT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    titles = [part.partition("\n")[0] for part in parts[1:]]
    found = {"index.html": _page("コードで読むアテンション", parts[0].partition("\n")[2], titles, None)}
    for number, part in enumerate(parts[1:]):
        title, _, body = part.partition("\n")
        assert title.startswith(f"{number}. ")
        found[f"{number}.html"] = _page(title, body, titles, number)
    return found


def _page(title: str, text: str, titles: list[str], number: int | None) -> str:
    markdown = MarkdownIt("commonmark").enable("table")
    markdown.add_render_rule("softbreak", _softbreak)
    written = markdown.render(re.sub(r"^##(#+) ", r"#\1 ", text, flags=re.M))
    written = re.sub(r'<img src="images/([^"]+)"', _inlined, written)
    written = re.sub(r'<a href="([^"]*)">(.*?)</a>', _linked, written)
    written = re.sub(r"<pre>(<code[^>]*>)", r'<pre tabindex="0" role="group" aria-label="コード">\1', written)
    written = re.sub(
        "<table>", '<div class="scroll" role="group" tabindex="0" aria-label="表"><table>', written
    ).replace("</table>", "</table></div>")
    written = re.sub("<th></th>", "<td></td>", written)  # the corner of a table whose rows have headings, too
    written = re.sub("<th>", '<th scope="col">', written)
    items = "".join(_items(titles, number))
    return _PAGE.format(title=html.escape(title), body=written, turn=_turn(titles, number), chapters=items)


def _turn(titles: list[str], number: int | None) -> str:
    """Links to the chapters before and behind this one."""
    here = -1 if number is None else number
    links = [
        f'<a href="{other}.html" rel="{relation}">{words}: {html.escape(titles[other])}</a>'
        for other, relation, words in ((here - 1, "prev", "前の章"), (here + 1, "next", "次の章"))
        if 0 <= other < len(titles)
    ]
    return f'<p class="turn">{"".join(links)}</p>\n'


def _items(titles: list[str], number: int | None) -> Iterator[str]:
    for other, title in enumerate(titles):
        here = ' aria-current="page"' if other == number else ""
        yield f'<li><a href="{other}.html"{here}>{html.escape(title.partition(". ")[2])}</a></li>\n'


def _softbreak(_: Any, tokens: Sequence[Any], index: int, *__: Any) -> str:
    """The end of a source line: a blank between two words in Latin letters, nothing beside Japanese."""
    around = (tokens[index - 1].content[-1:], tokens[index + 1].content[:1])
    return "\n" if all(one.isascii() for one in around) else ""


def _inlined(found: re.Match[str]) -> str:
    content = base64.b64encode((IMAGES / found[1]).read_bytes()).decode()
    return f'<img src="data:image/svg+xml;base64,{content}"'


def _linked(found: re.Match[str]) -> str:
    """A link to a chapter, or to another site; the other documents are not there, so their names stand alone."""
    target, words = html.unescape(found[1]), found[2]
    chapter = re.match(r"#(\d)-", target) or re.match(r"#(\d)", target)
    if chapter:
        return f'<a href="{chapter[1]}.html">{words}</a>'
    if target.startswith("https://"):
        return f'<a href="{found[1]}" rel="noreferrer">{words}</a>'
    return f"{words}（docs/{target.partition('#')[0]}）"


if __name__ == "__main__":
    main()
