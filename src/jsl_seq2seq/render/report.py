"""An evaluation as files: JSON for programs, one self-contained page for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..errors import Failure
from ..evaluation.breakdown import Group, worst
from ..evaluation.evaluation import Evaluation, FileReport
from ..evaluation.metrics import HOW_TO_INSTALL, SacreScore, align
from .bars import bar, legend, percent, side_by_side, table
from .style import notice, page

SHOWN_WORST = 40
SHOWN_CONFUSIONS = 30


def write_report(evaluation: Evaluation, directory: Path) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.json``.

    Raises:
        Failure: a file cannot be written.
    """
    html, data = directory / "report.html", directory / "report.json"
    write(data, json.dumps(evaluation.to_json(), ensure_ascii=False, indent=1) + "\n")
    write(html, report_page(evaluation))
    return html, data


def write(path: Path, text: str) -> None:
    """Write a file, with its folder; Failure if that is impossible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise Failure(
            f"書き出せませんでした: {path}（{error.strerror}）", "書き込める場所を指定してください。"
        ) from None


def report_page(evaluation: Evaluation) -> str:
    """The page, in Japanese."""
    files = evaluation.files
    body = [
        notice(),
        f'<p class="soft">モデル: {escape(evaluation.model)}　訳し方: {escape(str(evaluation.search))}　'
        f"計算: {escape(evaluation.backend)}　jsl-seq2seq {escape(evaluation.version)}</p>",
        _overview(files),
    ]
    body += [_file(file, number) for number, file in enumerate(files, start=1)]
    return page("手話タグ翻訳の評価", "\n".join(body))


def _overview(files: Sequence[FileReport]) -> str:
    rows = [
        (
            f'<a href="#file{number}">{escape(_short(file.name))}</a>',
            escape(file.origin),
            f"{file.scores.sentences:,}",
            bar(file.scores.exact_rate, file.scores.exact_interval),
            percent(file.scores.exact_rate),
            percent(file.scores.edits.rate),
            _sacre(file.scores.bleu),
            _sacre(file.scores.chrf),
        )
        for number, file in enumerate(files, start=1)
    ]
    heads = ("データ", "由来", "#文の数", "完全一致", "#完全一致率", "#タグ誤り率", "#BLEU", "#chrF")
    signatures = {one.signature for file in files for one in (file.scores.bleu, file.scores.chrf) if one}
    return "".join(
        [
            "<h2>まとめ</h2>",
            table(
                "ファイルごとの成績。由来の違うデータは合計しません。棒の細い線は 95 % 区間です。",
                heads,
                rows,
            ),
            _meanings(),
            *(f'<p class="signature">{escape(signature)}</p>' for signature in sorted(signatures)),
            "" if signatures else f"<p>{escape(HOW_TO_INSTALL)}</p>",
        ]
    )


def _meanings() -> str:
    return (
        "<p><b>完全一致率</b>: すべてのタグが順番まで正解と同じ文の割合。"
        "<b>タグ誤り率</b>: 直すのに必要な置き換え・削除・追加の数を、正解のタグの数で割ったもの"
        "（0 % が満点、100 % を超えることもある）。"
        "<b>BLEU・chrF</b>: 部分的な一致の度合い（100 が満点）。下の署名が同じ数値どうしでしか比べられません。</p>"
    )


def _file(file: FileReport, number: int) -> str:
    scores = file.scores
    low, high = scores.exact_interval
    parts = [
        f'<section id="file{number}"><h2>{escape(_short(file.name))}</h2>',
        f'<p class="soft">{escape(file.name)}（{escape(file.origin)}、ファイル名による）</p>',
        f"<p>{scores.sentences:,} 文のうち {scores.exact:,} 文が完全に一致しました"
        f"（{percent(scores.exact_rate)}、95 % 区間 {percent(low)}〜{percent(high)}）。"
        f"正解のタグ {scores.edits.length:,} 個に対し、置き換わり {scores.edits.substitutions:,}、"
        f"不足 {scores.edits.deletions:,}、余分 {scores.edits.insertions:,}"
        f"（タグ誤り率 {percent(scores.edits.rate)}）。</p>",
        *(f"<p>{escape(note)}</p>" for note in file.notes),
    ]
    if file.unknown_tags:
        shown = "、".join(map(file.written, file.unknown_tags[:20]))
        more = f" ほか {len(file.unknown_tags) - 20}" if len(file.unknown_tags) > 20 else ""
        parts.append(
            f"<p><b>モデルが知らないタグ</b>が正解にあります（訳せません）: {escape(shown + more)}</p>"
        )
    if file.phenomena:
        parts.append("<h3>現象別</h3>" + _groups("完全一致率の低い順", file.phenomena, "現象"))
    parts.append("<h3>文の長さ別</h3>" + _groups("文の文字数", file.lengths, "長さ"))
    if file.confusions:
        parts.append("<h3>取り違えの多いタグ</h3>" + _confusions(file))
    parts.append(_worst(file))
    return "\n".join([*parts, "</section>"])


def _groups(caption: str, groups: Sequence[Group], what: str) -> str:
    rows = [
        (
            escape(group.name),
            f"{group.scores.sentences:,}",
            bar(group.scores.exact_rate, group.scores.exact_interval),
            percent(group.scores.exact_rate),
            percent(group.scores.edits.rate),
        )
        for group in groups
    ]
    return table(caption, (what, "#文の数", "完全一致", "#完全一致率", "#タグ誤り率"), rows)


def _confusions(file: FileReport) -> str:
    rows = [
        (
            "（なし）" if one.reference is None else escape(file.written(one.reference)),
            "（なし）" if one.hypothesis is None else escape(file.written(one.hypothesis)),
            f"{one.count:,}",
            escape(one.example),
        )
        for one in file.confusions[:SHOWN_CONFUSIONS]
    ]
    hidden = len(file.confusions) - len(rows)
    more = f"ほか {hidden:,} 種類。" if hidden > 0 else ""
    caption = "正解の（なし）は余分なタグ、出力の（なし）は抜けたタグ。" + more
    return table(caption, ("正解", "出力", "#回数", "~文の例"), rows)


def _worst(file: FileReport) -> str:
    wrong = worst(file.results)
    if not wrong:
        return "<h3>間違えた文</h3><p>ありません。</p>"
    items = "".join(
        f'<li><span class="source">{escape(result.source)}</span>'
        + (f' <span class="soft">{escape(result.phenomenon)}</span>' if result.phenomenon else "")
        + side_by_side(align(result.reference, result.hypothesis), file.written)
        + "".join(f'<p class="soft">{escape(warning)}</p>' for warning in result.warnings)
        + "</li>"
        for result in wrong[:SHOWN_WORST]
    )
    hidden = len(wrong) - SHOWN_WORST
    more = f"<p>ほか {hidden:,} 文（すべては report.json に）。</p>" if hidden > 0 else ""
    return f'<h3>間違えた文（誤り率の高い順）</h3>{legend()}<ol class="worst">{items}</ol>{more}'


def _short(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _sacre(score: SacreScore | None) -> str:
    return "—" if score is None else f"{score.value:.1f}"
