"""``jsl-seq2seq runs``: several trainings side by side, as a table and as a picture; those that differ in their seeds
alone with mean and standard deviation."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from ..errors import JslError, UserError
from ..io.files import is_regular
from ..settings import TrainingConfig
from ..store import EpochMetrics, best_epoch, load_model, model_directory
from ..store.directory import CONFIG, read_config, settings
from ..training.record import METRICS_LINES, read_lines
from . import options as opt
from .console import columns, note, say, say_json
from .progress import METRIC_NAMES, duration

_VALID = {f"valid_{name}": METRIC_NAMES[name] for name in ("exact", "bleu", "chrf")}
"""Figures of validation data besides the loss, and what they are called."""
_OF_SEED = "seed-"


@dataclass(frozen=True)
class Spread:
    """The mean of some figures, and their standard deviation, √(Σ(x - mean)² / (n - 1)); ``None`` of one alone."""

    mean: float
    std: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread | None:
        """``None`` where a figure is missing, or all are."""
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return None
        return cls(statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None, len(known))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Training:
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

    @property
    def figures(self) -> dict[str, float | None]:
        """The last epoch's loss, and of the best epoch what was measured on validation data."""
        best = self.best
        return {
            "loss": self.history[-1].loss,
            **{name: None if best is None else getattr(best, name) for name in ("valid_loss", *_VALID)},
        }

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
    directories: Annotated[
        list[Path], opt.argument("学習の保存先（いくつでも。--seeds のものなら、その全部）")
    ],
    curve: opt.Curve = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    groups = {directory: [read_training(one) for one in _of_seeds(directory)] for directory in directories}
    trainings = [one for group in groups.values() for one in group]
    if curve is not None:
        from ..render.curve import curve_of_runs, write_curve  # noqa: PLC0415  pictures are slow to import

        write_curve(curve, curve_of_runs([(one.name, one.history) for one in trainings]))
    repeated = {str(directory): group for directory, group in groups.items() if len(group) > 1}
    if as_json:
        for one in trainings:
            say_json(one.to_json())
        for name, group in repeated.items():
            figures = {key: found.to_json() for key, found in spreads(group).items()}
            say_json({"directory": name, "runs": len(group), "figures": figures})
    else:
        show_trainings(trainings, repeated)
    if curve is not None and not quiet:
        note(f"学習曲線を書きました: {curve}")


def directory_of(parent: Path, seed: int) -> Path:
    """Where the training with a seed is saved, of several that ``train --seeds`` saves in ``parent``."""
    return parent / f"{_OF_SEED}{seed}"


def _of_seeds(directory: Path) -> list[Path]:
    """The trainings of ``train --seeds`` in a directory, by seed; itself where there are none."""
    if _holds_training(directory):
        return [directory]
    try:
        names = [path.name for path in directory.iterdir()]
    except OSError:  # reading the training there says what is wrong
        return [directory]
    seeds = sorted(int(name.removeprefix(_OF_SEED)) for name in names if re.fullmatch(r"seed-\d{1,19}", name))
    found = [directory_of(directory, seed) for seed in seeds]
    return [one for one in found if _holds_training(one)] or [directory]


def _holds_training(directory: Path) -> bool:
    return any(is_regular(directory / name) for name in (METRICS_LINES, CONFIG))


def spreads(trainings: Sequence[Training]) -> dict[str, Spread]:
    """Mean and standard deviation of each of :attr:`Training.figures` that all of them have."""
    found = {name: Spread.of([one.figures[name] for one in trainings]) for name in trainings[0].figures}
    return {name: one for name, one in found.items() if one is not None}


def read_training(directory: Path) -> Training:
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
        model = load_model(model_directory(directory))
        metric, history = model.training.metric, model.history
    if not history:
        raise UserError(
            f"学習の記録がありません: {directory}",
            "1 エポックも終わっていないか、学習せずに取り込んだモデルです。",
            code="no-training-record",
            path=directory,
        )
    return Training(str(directory), metric, history)


def _metric(directory: Path) -> str:
    """``TrainingConfig.metric`` of what was saved there; the default where nothing was, yet. No weights are read."""
    try:
        _, training, _ = settings(read_config(directory), directory)
    except JslError:
        return TrainingConfig.metric
    return training.metric


def show_trainings(trainings: Sequence[Training], repeated: Mapping[str, Sequence[Training]]) -> None:
    """Print a table.

    Args:
        repeated: those that differ in their seeds alone, by the directory that they are saved in.
    """
    measured = [
        name for name in _VALID if any(getattr(p, name) is not None for t in trainings for p in t.history)
    ]
    head = ["学習", "エポック", "時間", "損失", "最良", "検証の損失", *(_VALID[name] for name in measured)]
    names = ["loss", "valid_loss", *measured]
    rows = [head]
    for one in trainings:
        best, figures = one.best, one.figures
        shown = [figure_cell(name, figures[name]) for name in names]
        seconds = sum(point.seconds for point in one.history)
        rows.append(
            [
                one.name,
                str(one.history[-1].epoch),
                duration(seconds),
                shown[0],
                "－" if best is None else str(best.epoch),
                *shown[1:],
            ]
        )
    for name, group in repeated.items():
        found = spreads(group)
        for title, part in (("平均", "mean"), ("標準偏差", "std")):
            shown = [figure_cell(key, getattr(found[key], part) if key in found else None) for key in names]
            rows.append([f"{name} の{title}", "", "", shown[0], "", *shown[1:]])
    for line in columns(rows, numbers=range(1, len(head))):
        say(line)
    if any(one.best is not None for one in trainings):
        say("検証の数字は、最良のエポックのものです。")


def figure_cell(name: str, value: float | None) -> str:
    """A figure of :attr:`Training.figures`, or one of a test file, in a cell of a table, without its name."""
    if value is None:
        return "－"
    if name.endswith(("exact", "rate")):
        return f"{value:.1%}"
    return f"{value:.{4 if name.endswith('loss') else 1}f}"
