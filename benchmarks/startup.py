"""``jsl-seq2seq --load DIR --predict "ありがとう"`` from process start to exit.

python benchmarks/startup.py             # trains a model first; median of 20 runs
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import race, show, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    program = [sys.executable, "-m", "jsl_seq2seq"]
    with tempfile.TemporaryDirectory() as folder:
        _run([*program, "--train", "--epochs", "20", "--save", folder])
        seconds = race(
            {
                "predict": lambda: _run([*program, "--load", folder, "--predict", "ありがとう"]),
                "python -c 'import numpy'": lambda: _run([sys.executable, "-c", "import numpy"]),
            },
            arguments.rounds,
        )
    show("From process start to exit", seconds)
    write_json(arguments.json, seconds)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
