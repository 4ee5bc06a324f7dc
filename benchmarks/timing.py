"""Side-by-side timing: the two contenders take turns, so that a machine's moods hit both alike."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock

Rounds = dict[str, list[float]]


def race(contenders: Mapping[str, Callable[[], object]], rounds: int) -> Rounds:
    """Run every contender once a round, after one round that is not counted; seconds per run by name."""
    seconds: Rounds = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            elapsed = time.perf_counter() - started
            if number:
                seconds[name].append(elapsed)
    return seconds


def stand_in(*modules: str) -> None:
    """Let modules be imported that are missing here and will not be used."""
    for name in modules:
        try:
            import_module(name)
        except ImportError:
            sys.modules[name] = MagicMock(__spec__=None)


def ratio(seconds: Rounds, ours: str, theirs: str) -> float:
    """Median over the rounds of ours / theirs."""
    return statistics.median(a / b for a, b in zip(seconds[ours], seconds[theirs], strict=True))


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
