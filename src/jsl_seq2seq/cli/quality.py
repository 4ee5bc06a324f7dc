"""The commands that judge a model: what each takes and what it calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from . import options as opt


def evaluate(
    load: opt.Load = None,
    data: opt.Tests = None,
    report: opt.Report = None,
    beam: opt.Beam = None,
    length_penalty: opt.LengthPenalty = None,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Translating = "fp32",
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    from .evaluate import run_evaluation  # noqa: PLC0415

    beam = 1 if beam is None else beam
    run_evaluation(load, data or [], report, beam, length_penalty, backend, device, precision, quiet, as_json)


def diagnose(
    text: Annotated[str, typer.Argument(metavar="文", help="調べる文", show_default=False)],
    load: opt.Load = None,
    html: opt.Html = None,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Translating = "fp32",
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    from .diagnose import run_diagnosis  # noqa: PLC0415

    run_diagnosis(load, text, html, backend, device, precision, quiet, as_json)


COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "evaluate": (evaluate, "テストデータを訳して採点し、表・HTML・JSON にまとめます。"),
    "diagnose": (
        diagnose,
        "文の確率・ほかの候補・どこを見たか・一部を消したときの変化を示します。",
    ),
}
"""Every command with its help text."""
