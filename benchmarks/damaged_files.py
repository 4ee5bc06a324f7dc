"""How long a damaged model directory takes to be refused: the slowest and the median of many.

    python benchmarks/damaged_files.py [--count 200]

The damage is that of tests/store/fuzz.py; the bar of issue 6 is one second for each.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.small_models import trained_small
from tests.store.forge import replace_file
from tests.store.fuzz import mutate, mutate_json

from jsl_seq2seq.errors import JslError
from jsl_seq2seq.store import save_model
from jsl_seq2seq.store.verification import verify

FILES = ("model.safetensors", "training_state.safetensors", "vocabulary.json", "metrics.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="damaged copies of each file")
    count = parser.parse_args().count
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "model"
        save_model(trained_small(), directory)
        for name in FILES:
            content, config = (directory / name).read_bytes(), (directory / "config.json").read_bytes()
            change = mutate_json if name.endswith(".json") else mutate
            seconds = []
            for _ in range(count):
                replace_file(directory, name, change(chance, content))
                started = time.process_time()
                with contextlib.suppress(JslError):
                    verify(directory)
                seconds.append(time.process_time() - started)
                (directory / name).write_bytes(content)
                (directory / "config.json").write_bytes(config)
            print(f"{name}: median {statistics.median(seconds):.4f} s, slowest {max(seconds):.4f} s")


if __name__ == "__main__":
    main()
