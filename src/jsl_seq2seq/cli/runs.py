"""``jsl-seq2seq runs``: several trainings side by side, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ..errors import JslError, UserError
from ..io.files import is_regular
from ..settings import TrainingConfig
from ..store import EpochMetrics, best_epoch, load_model
from ..store.directory import read_config, settings
from ..training.record import METRICS_LINES, read_lines
from . import options as opt
from .console import columns, note, say, say_json
from .progress import duration

_FIGURES = {"valid_exact": "完全一致", "valid_bleu": "BLEU", "valid_chrf": "chrF"}


@dataclass(frozen=True)
class _Training:
    """A training that is going on, or has ended.

    Attributes:
        metric: ``TrainingConfig.metric``.
        history: at least one epoch.
    """

    name: str
    metric: str
    history: Sequence[EpochMetrics]

    @property
    def best(self) -> EpochMetrics | None:
        """The best epoch by the metric; ``None`` without validation data."""
        return best_epoch(self.history, self.metric)

    def to_json(self) -> dict[str, Any]:
        best = self.best
        return {
            "directory": self.name,
            "metric": self.metric,
            "epochs": self.history[-1].epoch,
            "seconds": sum(point.seconds for point in self.history),
            "last": self.history[-1].to_json(),
            "best": None if best is None else best.to_json(),
        }


def runs(
    directories: Annotated[list[Path], opt.argument("学習の保存先（いくつでも）")],
    curve: opt.Curve = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    trainings = [_read(directory) for directory in directories]
    if curve is not None:
        from ..render.curve import curve_of_runs, write_curve  # noqa: PLC0415  pictures are slow to import

        write_curve(curve, curve_of_runs([(one.name, one.history) for one in trainings]))
    if as_json:
        for one in trainings:
            say_json(one.to_json())
    else:
        _show(trainings)
    if curve is not None and not quiet:
        note(f"学習曲線を書きました: {curve}")


def _read(directory: Path) -> _Training:
    """A training's epochs: those of ``metrics.jsonl``, which is ahead of the model while training goes on, or else
    those that were saved with the model.

    Raises:
        UserError: there are none.
        Failure: the model is damaged.
    """
    history: Sequence[EpochMetrics] = ()
    if is_regular(directory / METRICS_LINES):
        history = read_lines(directory)
    if history:
        metric = _metric(directory)
    else:
        model = load_model(directory)
        metric, history = model.training.metric, model.history
    if not history:
        raise UserError(
            f"学習の記録がありません: {directory}",
            "1 エポックも終わっていないか、学習せずに取り込んだモデルです。",
            code="no-training-record",
            path=directory,
        )
    return _Training(str(directory), metric, history)


def _metric(directory: Path) -> str:
    """``TrainingConfig.metric`` of what was saved there; the default where nothing was, yet. No weights are read."""
    try:
        _, training, _ = settings(read_config(directory), directory)
    except JslError:
        return TrainingConfig.metric
    return training.metric


def _show(trainings: Sequence[_Training]) -> None:
    measured = [
        name for name in _FIGURES if any(getattr(p, name) is not None for t in trainings for p in t.history)
    ]
    head = ["学習", "エポック", "時間", "損失", "最良", "検証の損失", *(_FIGURES[name] for name in measured)]
    rows = [head]
    for one in trainings:
        last, best = one.history[-1], one.best
        rows.append(
            [
                one.name,
                str(last.epoch),
                duration(sum(point.seconds for point in one.history)),
                f"{last.loss:.4f}",
                "－" if best is None else str(best.epoch),
                _figure(best, "valid_loss"),
                *(_figure(best, name) for name in measured),
            ]
        )
    for line in columns(rows, numbers=range(1, len(head))):
        say(line)
    if any(one.best is not None for one in trainings):
        say("検証の数字は、最良のエポックのものです。")


def _figure(best: EpochMetrics | None, name: str) -> str:
    value = None if best is None else getattr(best, name)
    if value is None:
        return "－"
    return f"{value:.1%}" if name == "valid_exact" else f"{value:.{4 if name == 'valid_loss' else 1}f}"
