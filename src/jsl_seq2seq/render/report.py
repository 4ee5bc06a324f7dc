"""An evaluation as files: JSON for programs, one self-contained page for people."""

from __future__ import annotations

from pathlib import Path

from ..evaluation.breakdown import worst
from ..evaluation.evaluation import Evaluation, FileReport
from ..evaluation.metrics import HOW_TO_INSTALL, align
from ..io.text import format_json
from .pages import render, write

SHOWN_WORST = 40
SHOWN_CONFUSIONS = 30


def write_report(evaluation: Evaluation, directory: Path) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.json``.

    Raises:
        Failure: a file cannot be written (``page-not-written``).
    """
    html, data = directory / "report.html", directory / "report.json"
    write(data, format_json(evaluation.to_json(), indent=1) + "\n")
    write(html, report_page(evaluation))
    return html, data


def report_page(evaluation: Evaluation) -> str:
    """The page, in Japanese."""
    scores = [file.scores for file in evaluation.files]
    signatures = {figure.signature for one in scores for figure in (one.bleu, one.chrf) if figure}
    return render(
        "report.html",
        title="手話タグ翻訳の評価",
        evaluation=evaluation,
        files=[_file(file) for file in evaluation.files],
        signatures=sorted(signatures),
        how_to_install=HOW_TO_INSTALL,
        shown_confusions=SHOWN_CONFUSIONS,
    )


def _file(report: FileReport) -> dict[str, object]:
    """What the page shows of one file: its figures, and its worst results with their alignments."""
    wrong = worst(report.results)
    return {
        "report": report,
        "wrong": [(one, align(one.reference, one.hypothesis)) for one in wrong[:SHOWN_WORST]],
        "hidden": max(0, len(wrong) - SHOWN_WORST),
    }
