"""Two checkouts of this project side by side: new time / old time for what must not become slower.

    git worktree add /tmp/old COMMIT
    python benchmarks/compare_commits.py /tmp/old . --json compared.json        # some minutes
    python benchmarks/compare_commits.py . .                                    # how much this machine is to be trusted

Every figure is the median, over pairs of processes, of the ratio of their median times, with the interval in which
that median lies with 95 % probability. A process is started anew for each pair, because where its memory lies makes
one run of the same code up to a tenth slower than the next, which no number of rounds within one process averages
out. The two processes of a pair take turns of about 50 ms, so that what the other has displaced from the processor's
caches counts little. Both translate with the new checkout's shipped model, and train the same random model on the same
random batches, so that they do the same work; where their results differ, that is said. What a machine lacks (Numba, a
GPU) is left out. Reads checkouts from 75d4ed8 on, whose packages were named otherwise.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from timing import Contender, Rounds, race_workers, ratio, ratio_interval, threads, write_json

OLD, NEW = "old", "new"
SENTENCES = (
    "わたしはあしたがっこうにいきます",
    "ともだちとえいがをみました",
    "きのうのよるなにをたべましたか",
    "えきはどこですか",
)

_NAMES = {
    "registry": ("backends.registry", "ops.choose"),
    "batching": ("data.batching", "train.batches"),
    "initialization": ("model.initialization", "train.initialize"),
    "settings": ("settings", "config"),
    "trainer": ("training.trainer", "train.trainer"),
}
"""A module's name today, and at 75d4ed8."""


@dataclass(frozen=True)
class Measure:
    """A figure: ``function`` of this file is a worker's turn; ``rounds`` of it are measured."""

    function: str
    arguments: tuple[Any, ...]
    rounds: int


MEASURES = {
    "start of predict": Measure("start", (), 40),
    "NumPy step": Measure("step", ("ndarray", "reference", 20), 60),
    "NumPy step, d_model 64": Measure("step", ("ndarray", "d64", 1), 40),
    "NumPy decoding, 1 sentence": Measure("decode", ("ndarray", "fp32", 1, 20), 60),
    "NumPy decoding, 64 sentences": Measure("decode", ("ndarray", "fp32", 64, 1), 60),
    "int8 decoding, 1 sentence": Measure("decode", ("ndarray", "int8", 1, 20), 60),
    "int8 decoding, 64 sentences": Measure("decode", ("ndarray", "int8", 64, 2), 60),
    "PyTorch step": Measure("step", ("torch", "reference", 50), 40),
    "PyTorch step, d_model 256": Measure("step", ("torch", "d256", 20), 40),
    "PyTorch bf16 step, d_model 256": Measure("step", ("torch", "d256", 20, "bf16"), 40),
    "PyTorch decoding, 1 sentence": Measure("decode", ("torch", "fp32", 1, 8), 40),
    "PyTorch decoding, 64 sentences": Measure("decode", ("torch", "fp32", 64, 4), 40),
    "WebGPU step": Measure("step", ("wgpu", "reference", 50), 40),
    "WebGPU step, d_model 256": Measure("step", ("wgpu", "d256", 10), 40),
    "WebGPU decoding, 64 sentences": Measure("decode", ("wgpu", "fp32", 64, 4), 40),
}
_CPU = ("start", "NumPy", "int8")

SHAPES = {
    "reference": ({}, 8, 10, 5, (80, 168)),
    "d64": ({"d_model": 64, "n_heads": 4, "d_ff": 256}, 32, 24, 12, (500, 500)),
    "d256": ({"d_model": 256, "n_heads": 8, "n_layers": 6, "d_ff": 1024}, 64, 50, 25, (2000, 1000)),
}
"""Model, batch, source tokens, target tokens, vocabularies."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--only", nargs="+", default=[], help="beginnings of the names of what to measure")
    parser.add_argument("--gpu", action="store_true", help="PyTorch and WebGPU, too")
    parser.add_argument("--rounds", type=float, default=1.0, help="times as many rounds as usual")
    parser.add_argument("--processes", type=int, default=8, help="pairs of processes that share the rounds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bar", type=float, default=1.03, help="exit with 1 if a ratio is surely above this")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    chosen = tuple(arguments.only) or (("",) if arguments.gpu else _CPU)
    checkouts = {OLD: arguments.old.resolve(), NEW: arguments.new.resolve()}
    model = next((checkouts[NEW] / "src" / "jsl_seq2seq").glob("*/model/config.json")).parent
    figures: dict[str, Any] = {}
    slower = []
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in MEASURES.items():
            if not name.startswith(chosen):
                continue
            print(f"{name}:", flush=True)
            contenders = {
                side: Contender(
                    f"compare_commits:{measure.function}",
                    (str(model), *measure.arguments),
                    _environment(checkout, Path(folder) / side, arguments.threads),
                )
                for side, checkout in checkouts.items()
            }
            seconds, results = _medians(contenders, measure.rounds * arguments.rounds, arguments.processes)
            if len(seconds) == 2:
                figures[name] = _compared(seconds, results)
                if figures[name]["interval"][0] > arguments.bar:
                    slower.append(name)
                write_json(arguments.json, figures)
    if slower:
        print(f"\nslower than {arguments.bar:.2f} times: {', '.join(slower)}")
        sys.exit(1)


def _medians(
    contenders: dict[str, Contender], rounds: float, processes: int
) -> tuple[Rounds, dict[str, Any]]:
    """The median seconds of every pair of processes, and what the last turns returned.

    Args:
        rounds: of all pairs together.
        processes: pairs of processes.
    """
    medians: Rounds = {}
    results: dict[str, Any] = {}
    for _ in range(processes):
        seconds, results = race_workers(contenders, max(3, round(rounds / processes)), warm_up=3)
        if len(seconds) < len(contenders):
            return seconds, results
        for side, values in seconds.items():
            medians.setdefault(side, []).append(statistics.median(values))
    return medians, results


def _environment(checkout: Path, caches: Path, count: int) -> dict[str, str]:
    """Each checkout keeps what it compiles to itself."""
    package = str(checkout / "src")
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if "src" not in path]
    return {
        "PYTHONDONTWRITEBYTECODE": "",  # or every start compiles what a checkout has never compiled
        "PYTHONPATH": os.pathsep.join([package, *filter(None, inherited)]),
        "NUMBA_CACHE_DIR": str(caches / "numba"),
        "TRITON_CACHE_DIR": str(caches / "triton"),
        "XDG_CACHE_HOME": str(caches / "cache"),
        **threads(count),
    }


def _compared(seconds: Rounds, results: dict[str, Any]) -> dict[str, Any]:
    times, (low, high) = ratio(seconds, NEW, OLD), ratio_interval(seconds, NEW, OLD)
    medians = {side: 1e3 * statistics.median(values) for side, values in seconds.items()}
    same = results[OLD] == results[NEW]
    print(
        f"  new / old {times:.3f} [{low:.3f}, {high:.3f}]; "
        f"{medians[OLD]:.2f} and {medians[NEW]:.2f} ms a turn, {len(seconds[NEW])} pairs of processes"
        + ("" if same else f"; results differ: {results[OLD]!r:.60} and {results[NEW]!r:.60}")
    )
    return {"ratio": times, "interval": [low, high], "ms": medians, "same result": same}


def start(model: str) -> Callable[[], str]:
    """A worker's turn: ``--predict`` from process start to exit."""
    command = [sys.executable, "-m", "jsl_seq2seq", "--load", model, "--predict", SENTENCES[0], "--quiet"]

    def turn() -> str:
        done = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
        return done.stdout

    return turn


def decode(model: str, backend: str, precision: str, size: int, times: int) -> Callable[[], list[str]]:
    """A worker's turn: ``size`` sentences in one batch, so many times."""
    from jsl_seq2seq import Translator  # noqa: PLC0415  of the checkout that PYTHONPATH names

    choice: Any = {"backend": backend, "precision": precision}
    translator = Translator.load(model, **choice)
    texts = [SENTENCES[number % len(SENTENCES)] for number in range(size)]

    def turn() -> list[str]:
        translations: list[Any] = []
        for _ in range(times):
            translations = translator.translate_batch(texts)
        return [str(one) for one in translations]

    return turn


def step(_: str, backend: str, shape: str, times: int, precision: str = "fp32") -> Callable[[], float]:
    """A worker's turn: so many training steps of a random model on one random batch."""
    import numpy as np  # noqa: PLC0415  not where only processes are started

    options, rows, sources, targets, sizes = SHAPES[shape]
    settings = _module("settings")
    config = settings.ModelConfig(settings.VocabSize(*sizes), **options)
    training = settings.TrainingConfig(schedule="constant")
    chosen = _module("registry").choose_backend(backend, precision=precision)
    parameters = _module("initialization").initial_parameters(config, seed=0)
    trainer = _module("trainer").Trainer(chosen, config, training, parameters)
    generator = np.random.default_rng(0)
    source = generator.integers(3, sizes[0], (rows, sources)).astype(np.int32)
    target = generator.integers(3, sizes[1], (rows, targets)).astype(np.int32)
    batch = _module("batching").Batch(source, target, np.roll(target, -1, axis=1), target.size)

    def turn() -> float:
        loss = None
        for _ in range(times):
            loss = trainer.update(batch)
        return round(float(trainer.ops.to_host(loss)), 3)

    return turn


def _module(name: str) -> Any:
    """One of the package's modules, under today's name or the old one."""
    for candidate in _NAMES[name]:
        try:
            return import_module(f"jsl_seq2seq.{candidate}")
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("jsl_seq2seq"):
                raise
    raise ModuleNotFoundError(name)


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"{time.perf_counter() - began:.0f} s")
