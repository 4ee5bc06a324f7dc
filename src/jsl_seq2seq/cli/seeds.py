"""``jsl-seq2seq train --seeds``: the same training with several seeds, and how far its figures spread.

One training says little about a setting: another seed gives other figures. Each seed's model has a directory of its
own in the one that is saved to, ``seed-0``, ``seed-1``, ...; ``seeds.json`` there has the figures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import typer

from ..errors import Failure, UserError
from ..evaluation import FileReport
from ..io.files import read_bytes, require_own_file, write_bytes
from ..io.text import format_json, parse_json
from ..settings import require_range
from ..settings.environment import started_processes
from ..store.card import quoted
from ..store.directory import CONFIG
from ..training import TrainingRequest, TrainingResult
from .config_file import TRAIN_CONFIG
from .console import INTERRUPTED, columns, note, say, say_json
from .runs import Spread, Training, directory_of, figure_cell, read_training, show_trainings, spreads

SEEDS = "seeds.json"
_MOST = 1_000
_MOST_BYTES = 32_000_000
_TEST_FIGURES = {"exact_rate": "完全一致", "tag_error_rate": "タグ誤り率", "bleu": "BLEU", "chrf": "chrF"}


class Trained(NamedTuple):
    """A training that has ended.

    Attributes:
        stopped: whether a signal asked to stop, in time or too late.
        evaluate: translates the test files with the saved parameters.
    """

    result: TrainingResult
    stopped: bool
    evaluate: Callable[[], Sequence[FileReport]]


TrainOnce = Callable[[TrainingRequest, typer.Context, Path], Trained]
"""Trains what a request says, with the command's options, and saves in a directory."""


@dataclass(frozen=True)
class _Run:
    """A seed's training.

    Attributes:
        saved: how many validation sentences the saved parameters translate exactly; ``None`` without such data.
    """

    seed: int
    directory: Path
    training: Training
    saved: Mapping[str, int] | None
    reports: Sequence[FileReport]

    def test_figures(self, number: int) -> dict[str, float | None]:
        """Of a test file, under the names of ``report.json``."""
        scores = self.reports[number].scores
        return {
            "exact_rate": scores.exact_rate,
            "tag_error_rate": scores.edits.rate,
            "bleu": scores.bleu and scores.bleu.value,
            "chrf": scores.chrf and scores.chrf.value,
        }

    def to_json(self) -> dict[str, Any]:
        test = [
            {"data": report.name, "data_sha256": report.sha256, **report.scores.to_json()}
            for report in self.reports
        ]
        return {
            "seed": self.seed,
            **self.training.to_json(),
            "directory": self.directory.name,
            "saved": self.saved,
            "test": test,
        }


def parse_seeds(text: str) -> tuple[int, ...]:
    """``5`` -> 0, 1, 2, 3, 4; ``1,2,5`` -> these, in this order.

    Raises:
        UserError: it is neither, or a seed stands there twice.
    """
    if re.fullmatch(r"[0-9]{1,19}", text.strip()):
        require_range("seeds", int(text), 1, _MOST)
        return tuple(range(int(text)))
    parts = [part.strip() for part in text.removesuffix(",").split(",")]
    if not all(re.fullmatch(r"[0-9]{1,19}", part) for part in parts) or len(parts) > _MOST:
        raise UserError(
            f"--seeds を読めません: {text[:40]}",
            "回数（5）か、種の並び（1,2,3）で指定してください。",
            code="seeds-not-readable",
            option="--seeds",
        )
    seeds = [int(part) for part in parts]
    if len(set(seeds)) < len(seeds):
        raise UserError(
            f"--seeds に同じ種が 2 度あります: {text[:40]}",
            "同じ種なら、同じ結果になります。1 つにしてください。",
            code="seeds-not-readable",
            option="--seeds",
        )
    return tuple(seeds)


def train_with_seeds(
    seeds: Sequence[int],
    request: TrainingRequest,
    context: typer.Context,
    parent: Path,
    train_once: TrainOnce,
) -> None:
    """Train with each seed in turn; after each, write what is known so far.

    Args:
        context: has the options. With --resume, what is finished is not trained again.

    Raises:
        Exit: it was stopped.
    """
    options = context.params
    if started_processes() > 1:
        raise UserError(
            "複数のプロセスで一緒に学習するときは、--seeds を使えません。",
            "torchrun を使わずに実行するか、種ごとに --seed で学習してください。",
            code="seeds-among-processes",
        )
    require_own_file(parent / SEEDS, _is_own)
    inform = (lambda _: None) if options["quiet"] else note
    runs: list[_Run] = []
    for number, seed in enumerate(seeds, start=1):
        directory = directory_of(parent, seed)
        inform(f"種 {seed}（{number}/{len(seeds)}）: {directory}")
        settings = {**request.options, "seed": seed}
        wanted = replace(request, options=settings)
        if options["resume"] and (directory / CONFIG).exists():
            if request.load is not None:  # epochs are those behind that model, and a resumed run counts all
                settings.pop("epochs", None)
            wanted = replace(wanted, load=directory, resume=True)
        trained = train_once(wanted, context, directory)
        result = trained.result
        if not result.interrupted:
            reports = trained.evaluate()
            saved = result.model.metadata.get("validation")
            runs.append(_Run(seed, directory, read_training(directory), saved, reports))
            _write(parent / SEEDS, _to_json(seeds, runs))
        if trained.stopped or result.interrupted:
            note(f"止めました。{len(seeds)} のうち {len(runs)} の種が終わっています。")
            note(f"続ける: {_again(request, parent)}")
            if result.failure:
                raise result.failure
            raise typer.Exit(INTERRUPTED)
    if options["as_json"]:
        say_json(_to_json(seeds, runs))
        return
    _show(runs, parent, options["quiet"])


def _again(request: TrainingRequest, parent: Path) -> str:
    """The command that goes on. The file in the directory has no absolute path."""
    paths = {"--data": request.data, "--valid": request.valid, "--load": request.load}
    given = "".join(f" {name} {quoted(path)}" for name, path in paths.items() if path and path.is_absolute())
    config = quoted(parent / TRAIN_CONFIG)
    return f"jsl-seq2seq train --config {config} --save {quoted(parent)} --resume{given}"


def _to_json(seeds: Sequence[int], runs: Sequence[_Run]) -> dict[str, Any]:
    return {
        "seeds": list(seeds),
        "runs": [run.to_json() for run in runs],
        "figures": {name: found.to_json() for name, found in spreads([run.training for run in runs]).items()},
        "test": [
            {"data": report.name, "figures": {key: found.to_json() for key, found in spread.items() if found}}
            for report, spread in zip(runs[0].reports, _test_spreads(runs), strict=True)
        ],
    }


def _test_spreads(runs: Sequence[_Run]) -> list[dict[str, Spread | None]]:
    """By test file and figure."""
    return [
        {key: Spread.of([run.test_figures(number)[key] for run in runs]) for key in _TEST_FIGURES}
        for number in range(len(runs[0].reports))
    ]


def _show(runs: Sequence[_Run], parent: Path, quiet: bool) -> None:
    if not quiet:
        say()
    trainings = [run.training for run in runs]
    show_trainings(trainings, {str(parent): trainings} if len(runs) > 1 else {})
    if runs[0].reports:
        rows = [["学習", "テスト", *_TEST_FIGURES.values()]]
        for number, spread in enumerate(_test_spreads(runs)):
            name = runs[0].reports[number].name
            for run in runs:
                figures = run.test_figures(number)
                rows.append([str(run.directory), name, *(figure_cell(key, figures[key]) for key in figures)])
            for title, part in (("平均", "mean"), ("標準偏差", "std")):
                shown = [figure_cell(key, found and getattr(found, part)) for key, found in spread.items()]
                rows.append([f"{parent} の{title}", name, *shown])
        say()
        for line in columns(rows, numbers=range(2, len(rows[0]))):
            say(line)
    if quiet:
        return
    scores = [one for report in runs[0].reports for one in (report.scores.bleu, report.scores.chrf) if one]
    for signature in sorted({one.signature for one in scores}):
        note(f"署名: {signature}")
    for line in dict.fromkeys(line for run in runs for report in run.reports for line in report.notes):
        note(f"参考: {line}")
    note(
        f"種 {len(runs)} つの結果です。標準偏差は n - 1 で割るもので、種を変えただけで、これくらい違います。"
    )
    note(f"まとめ: {parent / SEEDS}")


def _write(path: Path, document: Mapping[str, Any]) -> None:
    try:
        write_bytes(path, (format_json(document, indent=2) + "\n").encode("utf-8"))
    except OSError as error:
        raise Failure(
            f"まとめを書けません: {path}（{error.strerror}）",
            "学習したモデルは保存してあります。書き込める場所か、空き容量を確かめてください。",
            code="seeds-not-written",
            path=path,
            reason=error.strerror,
        ) from None


def _is_own(path: Path) -> bool:
    """Whether a file has what a training with seeds writes."""
    document = parse_json(read_bytes(path, _MOST_BYTES))
    return isinstance(document, dict) and {"seeds", "runs", "figures"} <= document.keys()
