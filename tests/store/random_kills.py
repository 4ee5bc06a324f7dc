"""Run as a program: kill a saving process at random moments, look at the directory, and let the next one save.

    python random_kills.py FOLDER COUNT SEED

``FOLDER/old`` and ``FOLDER/new`` hold models. One directory, ``FOLDER/target``, takes all kills one after
another, so that what one leaves lying around is there for the next. ``COUNT`` kills, and more until both models and a
save that was under way have been met. Prints how often each was.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

from jsl_seq2seq.store import SavedModel, load_model, save_model
from jsl_seq2seq.store.verification import verify

KINDS = ("old", "new", "with pending files")


def fingerprint(model: SavedModel) -> list[bytes]:
    """Every bit of weights and training state, and the history."""
    assert model.moments is not None
    arrays = [*model.parameters.values(), *model.moments.m.values(), *model.moments.v.values()]
    return [str(model.progress).encode(), str(model.history).encode(), *(array.tobytes() for array in arrays)]


def save_forever(models: list[SavedModel], directory: Path) -> None:
    """The body of a child process."""
    while True:
        for model in models:
            save_model(model, directory)


def main(folder: Path, count: int, seed: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on fork with threads: ours only save
    models = {name: load_model(folder / name, training_state=True) for name in ("old", "new")}
    known = {name: fingerprint(model) for name, model in models.items()}
    target = folder / "target"
    save_model(models["old"], target)
    started = time.perf_counter()
    for _ in range(5):
        save_model(models["new"], target)
    one_save = (time.perf_counter() - started) / 5
    chance, found = random.Random(seed), Counter()
    number = 0
    while number < count or (number < 40 * count and not all(found[kind] for kind in KINDS)):
        number += 1
        child = os.fork()
        if not child:
            try:
                save_forever([models["old"], models["new"]], target)
            finally:
                os._exit(1)
        time.sleep(chance.uniform(0, 3 * one_save))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"save {number} ended by itself"
        result = verify(target)
        assert result.model is not None, f"kill {number}: {result.problems}"
        marks = fingerprint(result.model)
        found[next((name for name, mark in known.items() if mark == marks), "neither")] += 1
        pending = any(target.glob("*.new"))
        found["with pending files"] += pending
    save_model(models["new"], target)
    assert not list(target.glob("*.new"))
    print(dict(found))
    assert not found["neither"]
    assert found["old"] + found["new"] == number


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
