"""Side-by-side timing: contenders take turns, so that whatever else the machine does falls on all of them alike.

Contenders that share a process share its thread pools, whose idle threads spin and take the cores from whoever
runs next; so contenders with different libraries run in :class:`Worker` processes and are told when it is their turn.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

Rounds = dict[str, list[float]]
"""Seconds of every round, by contender."""

PAUSE = 0.02
"""Seconds between two turns, in which the threads of the last one fall asleep."""


def race(contenders: Mapping[str, Callable[[], object]], rounds: int) -> Rounds:
    """Run every contender once a round in this process, after one round that is not counted."""
    seconds: Rounds = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            elapsed = time.perf_counter() - started
            if number:
                seconds[name].append(elapsed)
    return seconds


@dataclass(frozen=True)
class Contender:
    """What a worker process measures.

    Attributes:
        function: ``module:name`` in this folder; called once with ``arguments``, it prepares everything and returns
            a function without arguments that is one turn and returns plain values. If it raises ImportError or one
            of this package's errors, the contender is left out.
        environment: of the process, on top of this one's; the place for numbers of threads and ``PYTHONPATH``.
        cores: the processors that the process is bound to, where the system can do that; by default it is not.
    """

    function: str
    arguments: tuple[Any, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cores: Sequence[int] = ()


class Worker:
    """A contender in a process of its own, which runs one turn at a time and measures it itself.

    Attributes:
        missing: why there is no such contender here; empty if there is.
    """

    def __init__(self, contender: Contender) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, __file__, contender.function),
                *(json.dumps(each) for each in (contender.arguments, contender.cores)),
            ],
            env={**os.environ, **contender.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.missing: str = self._answer()["missing"]

    def turn(self) -> tuple[float, Any]:
        """Seconds of one turn, and what it returned."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        answer = self._answer()
        return answer["seconds"], answer["result"]

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=60)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended with {self._process.wait()}; its standard error says why")
        return json.loads(line)


def race_workers(
    contenders: Mapping[str, Contender], rounds: int, warm_up: int = 1
) -> tuple[Rounds, dict[str, Any]]:
    """Run every contender once a round, each in its own process, after ``warm_up`` rounds that are not counted.

    The order turns round from one round to the next, so that nobody is always first.

    Returns:
        The seconds, and what each contender's last turn returned; contenders that are missing are in neither.
    """
    with contextlib.ExitStack() as opened:
        workers: dict[str, Worker] = {}
        for name, contender in contenders.items():
            worker = Worker(contender)
            opened.callback(worker.close)
            if worker.missing:
                print(f"  {name}: left out ({worker.missing})")
            else:
                workers[name] = worker
        seconds: Rounds = {name: [] for name in workers}
        results: dict[str, Any] = {}
        for number in range(warm_up + rounds):
            for name in list(workers)[:: 1 if number % 2 else -1]:
                time.sleep(PAUSE)
                elapsed, results[name] = workers[name].turn()
                if number >= warm_up:
                    seconds[name].append(elapsed)
    return seconds, results


def physical_cores() -> list[int]:
    """One processor of each core that this process may use; empty where the system cannot bind processes to some."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    found: dict[tuple[str, ...], int] = {}
    for processor in sorted(os.sched_getaffinity(0)):
        folder = Path(f"/sys/devices/system/cpu/cpu{processor}/topology")
        files = [folder / name for name in ("physical_package_id", "core_id")]
        known = all(file.exists() for file in files)
        key = (
            tuple(file.read_text(encoding="utf-8").strip() for file in files) if known else (str(processor),)
        )
        found.setdefault(key, processor)
    return list(found.values())


def threads(count: int) -> dict[str, str]:
    """The environment in which BLAS, OpenMP and Numba compute with so many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return dict.fromkeys(names, str(count))


def stand_in(*modules: str) -> None:
    """Let modules be imported that are missing here and will not be used."""
    for name in modules:
        try:
            import_module(name)
        except ImportError:
            sys.modules[name] = MagicMock(__spec__=None)


def ratio(seconds: Rounds, ours: str, theirs: str) -> float:
    """Median over the rounds of ours / theirs."""
    return statistics.median(_ratios(seconds, ours, theirs))


def ratio_interval(seconds: Rounds, ours: str, theirs: str) -> tuple[float, float]:
    """Between which values the median ratio lies with 95 % probability (order statistics, normal approximation)."""
    ratios = sorted(_ratios(seconds, ours, theirs))
    reach = 0.98 * len(ratios) ** 0.5
    low, high = (len(ratios) - 1) / 2 - reach, (len(ratios) - 1) / 2 + reach
    return ratios[max(0, int(low))], ratios[min(len(ratios) - 1, int(high) + 1)]


def _ratios(seconds: Rounds, ours: str, theirs: str) -> Iterator[float]:
    return (a / b for a, b in zip(seconds[ours], seconds[theirs], strict=True))


def show(title: str, seconds: Rounds, unit: float = 1.0, unit_name: str = "s") -> None:
    """Print minimum, median and maximum of each contender, in ``unit`` seconds."""
    print(title)
    for name, values in seconds.items():
        low, middle, high = min(values) / unit, statistics.median(values) / unit, max(values) / unit
        print(f"  {name:<28} {low:9.3f} {middle:9.3f} {high:9.3f} {unit_name} (min, median, max)")


def write_json(path: Path | None, figures: Mapping[str, object]) -> None:
    """Keep the figures for a program to read."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _work(function: str, arguments: Sequence[Any]) -> None:
    """The body of a worker process: a line of JSON when it is ready, and one for every line that it reads."""
    # whatever a library prints must not end up among the answers
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def answer(**values: Any) -> None:
            answers.write(json.dumps(values) + "\n")
            answers.flush()

        module, _, name = function.partition(":")
        try:
            turn = getattr(import_module(module), name)(*arguments)
        except Exception as error:
            if not isinstance(error, ImportError) and not hasattr(error, "exit_code"):
                raise
            return answer(missing=str(error).replace("\n", " ") or type(error).__name__)
        answer(missing="")
        for _ in sys.stdin:
            started = time.perf_counter()
            result = turn()
            answer(seconds=time.perf_counter() - started, result=result)


if __name__ == "__main__":
    if processors := json.loads(sys.argv[3]):
        os.sched_setaffinity(0, processors)
    _work(sys.argv[1], json.loads(sys.argv[2]))
