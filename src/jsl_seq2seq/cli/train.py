"""``jsl-seq2seq train``: asks for a training, shows it, saves its result."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from ..errors import Failure, JslError
from ..store import SavedModel, save_model
from ..store.files import locked
from ..text import format_tags
from ..train import Quiet, TrainingJob, TrainingRequest, TrainingResult
from .console import note, say, say_json

INTERRUPTED = 130
"""Exit code of a training that was stopped with Ctrl-C and saved: 128 + SIGINT, as shells expect."""


def run_training(
    request: TrainingRequest, save: Path | None, keep_training_state: bool, quiet: bool, as_json: bool
) -> tuple[TrainingResult, Path]:
    """Train, save, and tell. Returns what came out and where it lies."""
    directory = save or _timestamped()
    inform = (lambda _: None) if quiet else note
    job = TrainingJob(request)
    with locked(directory):  # from the start: hours of training must not end in "someone else saves there"
        inform(f"バックエンド: {job.backend.name}（{job.backend.reason}）")
        inform(f"データ: {job.corpus.name}、{len(job.corpus.pairs)} 文")
        for line in job.notes:
            inform(f"注意: {line}")
        if save is None:
            inform(f"保存先: {directory}（--save で変えられます）")
        with _stoppable(inform) as should_stop, _reporter(quiet or as_json) as reporter:
            result = job.run(reporter, should_stop)
        model = result.model if keep_training_state else replace(result.model, moments=None)
        _save(model, directory)
    _show(result, directory, quiet, as_json)
    return result, directory


def _show(result: TrainingResult, directory: Path, quiet: bool, as_json: bool) -> None:
    model = result.model
    loss = model.history[-1].loss if model.history else None
    if as_json:
        say_json(_summary(result, directory, loss))
        return
    if quiet:
        say(str(directory))
        return
    say()
    if result.interrupted:
        say(f"途中で止めました（{model.progress.epoch} エポックまで終了）。ここまでを保存してあります。")
    final = "" if loss is None else f"損失 {loss:.4f}、"
    say(f"学習しました: {final}例文 {result.checked} のうち {result.exact} が完全に一致")
    for example in model.examples:
        verdict = (
            "" if example.produced == example.expected else f"（正しくは {format_tags(example.expected)}）"
        )
        say(f"  {example.source} → {format_tags(example.produced)}{verdict}")
    say(f"保存しました: {directory}")
    say(f'試す: jsl-seq2seq --load {directory} --predict "ありがとう"')
    if result.interrupted:
        say(f"続ける: jsl-seq2seq --load {directory} --train --epochs 100 --save {directory}")


def _summary(result: TrainingResult, directory: Path, loss: float | None) -> dict[str, Any]:
    model = result.model
    return {
        "directory": str(directory),
        "epoch": model.progress.epoch,
        "step": model.progress.step,
        "loss": loss,
        "exact": result.exact,
        "checked": result.checked,
        "interrupted": result.interrupted,
        "seconds": sum(point.seconds for point in model.history),
        "backend": model.metadata["backend"],
        "examples": [
            {"source": one.source, "tags": list(one.produced), "expected": list(one.expected)}
            for one in model.examples
        ],
    }


def _save(model: SavedModel, directory: Path) -> None:
    """Save; if the place has become impossible, save elsewhere rather than lose what was learnt."""
    try:
        save_model(model, directory)
    except JslError as error:
        refuge = Path(tempfile.mkdtemp(prefix="jsl-seq2seq-"))
        save_model(model, refuge)
        raise Failure(error.what, f"学習した結果は代わりにここに保存しました: {refuge}") from error


def _timestamped() -> Path:
    """``models/jsl-seq2seq/20251022_120000``; numbered if that second is taken."""
    base = Path("models") / "jsl-seq2seq" / datetime.now().strftime("%Y%m%d_%H%M%S")
    candidate, number = base, 2
    while candidate.exists():
        candidate, number = base.with_name(f"{base.name}-{number}"), number + 1
    return candidate


def _reporter(quiet: bool) -> Any:
    if quiet:
        return contextlib.nullcontext(Quiet())
    from .progress import BarReporter, LineReporter  # noqa: PLC0415  rich is slow to import

    return BarReporter() if sys.stderr.isatty() else LineReporter()


@contextlib.contextmanager
def _stoppable(inform: Any) -> Iterator[Any]:
    """Turn the first Ctrl-C (or polite kill) into a wish that can be asked for; the second ends the program."""
    asked = []

    def ask(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        inform("止めています。ここまでの結果を保存します（もう一度 Ctrl-C を押すと、保存せずに終わります）。")

    wanted = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.signal(number, ask) for number in wanted}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
