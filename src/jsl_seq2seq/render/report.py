"""An evaluation as files: JSON for programs, one self-contained page for people."""

from __future__ import annotations

from pathlib import Path

from ..corpus.phenomena import phenomena
from ..evaluation.breakdown import worst
from ..evaluation.evaluation import Evaluation, FileReport
from ..evaluation.metrics import HOW_TO_INSTALL, align
from ..io.files import replace_own_files
from ..io.text import format_json
from .pages import render

SHOWN_WORST = 40
SHOWN_CONFUSIONS = 30


REPORT_FILES = ("report.html", "report.json")


def write_report(evaluation: Evaluation, directory: Path) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.json``, in the place of an earlier report, both or none.

    Raises:
        UserError: the folder cannot be written to, or holds files of these names that are not an earlier report's.
        Failure: writing failed (``save-failed``).
    """
    texts = (report_page(evaluation), format_json(evaluation.to_json(), indent=1) + "\n")
    contents = [text.encode("utf-8", "replace") for text in texts]
    replace_own_files(directory, dict(zip(REPORT_FILES, contents, strict=True)))
    html, data = (directory / name for name in REPORT_FILES)
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
        phenomena=phenomena(),
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
