"""Run as a program: every command, one after another in this process, in whatever environment it was started.

    python -m tests.environments FOLDER BACKENDS STATE

Environment variables and the interpreter's options are given by whoever starts it. ``STATE`` is what else differs:
``plain``; a date, at which the clocks stand still; clocks that run ``backwards``; or ``seterr``, a caller for whom
NumPy raises whatever it may. For each command, one line of JSON goes to standard output: its name, its exit code
(or the traceback) and what it printed.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np

from jsl_seq2seq.cli import console, train
from jsl_seq2seq.store import metadata

from .captured import captured
from .cli.options import training

STDIN = "ありがとう\nだいじょうぶです\n"


def command_lines(backends: Sequence[str]) -> dict[str, list[str]]:
    """What is run, in an empty folder beside ``small``, ``open``, ``original``, ``burn`` and ``data.tsv``."""
    data, model = ["--data", "../data.tsv"], ["--load", "../small"]
    lines = {
        "version": ["--version"],
        "help": ["predict", "--help"],
        "start": [],
        "typo": ["--trian"],
        "train": ["train", *training(Path("../data.tsv"), Path("m"))],
        "resume": ["train", "--resume", "--save", "m", "--epochs", "3", *data, "--valid", "../data.tsv"],
        "train on": ["train", "--load", "m", "--save", "m2", "--epochs", "1", *data],
        "predict": ["predict", "ありがとう"],
        "json": ["predict", *model, "--json", "--beam", "3", "ありがとう", "無い言葉"],
        "stdin": ["predict", *model, "-"],
        "attention": ["predict", *model, "--export-attn", "--export-dir", "a", "ありがとう"],
        "evaluate": ["evaluate", *model, *data, "--report", "report"],
        "diagnose": ["diagnose", *model, "--html", "page.html", "ありがとう"],
        "export": ["export", *model, "--export-weights", "encoder.final_norm", "--export-dir", "e"],
        "huggingface": ["export", "--format", "huggingface", "../small", "hf"],
        "tags": ["tags", "食べ"],
        "dictionary": ["dictionary", "add", "../open", "緑茶", "<緑> <茶>"],
        "list": ["dictionary", "list", "../open"],
        "corpus": ["corpus", "c", "--count", "300"],
        "backends": ["backends", "--help"],
        "serve": ["serve", "--help"],
        "verify": ["verify", "m"],
        "compare": ["compare", "m", "../small", *data],
        "runs": ["runs", "m", "m2", "--curve", "curve.svg"],
        "import-burn": ["import-burn", "../original", "b"],
        "export-burn": ["export-burn", "../burn", "back"],
    }
    for backend in backends:
        compute = ["--precision", "int8"] if backend == "int8" else ["--backend", backend]
        lines[f"predict on {backend}"] = ["predict", *model, *compute, "ありがとう", "はい、わかります"]
    if len(backends) > 1:
        lines["backends"] = ["backends"]
    if "torch" in backends:
        lines["train on torch"] = [*lines["train"], "--backend", "torch"]
    return lines


def set_state(state: str) -> None:
    """Make the process differ in that way."""
    if state == "seterr":
        np.seterr(all="raise")
    elif state != "plain":
        set_clocks(state)


def set_clocks(clock: str) -> None:
    """Let what Python's clocks show stand still at a date, or run backwards from today."""
    start = datetime.now(UTC) if clock == "backwards" else datetime.fromisoformat(clock).replace(tzinfo=UTC)
    steps = itertools.count()

    def shown() -> float:
        return start.timestamp() - (next(steps) if clock == "backwards" else 0)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.fromtimestamp(shown(), tz)

    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, shown)
    metadata.datetime = train.datetime = Clock  # type: ignore[misc]


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """The program in this process, with streams in the encoding that Python found for it: its exit code and what it
    printed."""
    return captured(lambda: console.main(arguments), STDIN.encode("utf-8"))


def work(folder: Path, backends: Sequence[str], state: str) -> None:
    """Every command, in a new folder in ``folder``."""
    set_state(state)
    place = folder / f"in-{os.getpid()}"
    place.mkdir()
    os.chdir(place)
    for name, arguments in command_lines(backends).items():
        sys.__stdout__.write(json.dumps({"name": name, **run(arguments)}) + "\n")  # type: ignore[union-attr]
    os.chdir(folder)
    shutil.rmtree(place)


if __name__ == "__main__":
    work(Path(sys.argv[1]).resolve(), sys.argv[2].split(","), sys.argv[3])
