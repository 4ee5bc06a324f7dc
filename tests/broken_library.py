"""Run as a program: commands of a program whose library is missing or broken, one after another in this process.

    python -m tests.broken_library LIBRARY FOLDER MODEL DATA

``FOLDER`` is what is there of the library, a folder that may be empty; ``-`` stands for nothing at all. For each
command, one line of JSON goes to standard output: its name, its exit code (or the traceback) and what it printed; and
for ``api`` what a Python program gets that imports the package.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from typing import Any

from .captured import captured

COMMANDS = {
    "version": "--version",
    "help": "--help",
    "typo": "predict --laod",
    "predict": "predict --load MODEL --json ありがとう",
    "train": "train --backend ndarray --data DATA --save m --epochs 1 --d-model 8 --n-layers 1 --d-ff 16 --quiet",
    "config": "train --resume --save m --save-config c.toml --quiet",
    "verify": "verify MODEL",
    "diagnose": "diagnose --load MODEL --html page.html --json ありがとう",
    "tags": "tags --load MODEL 食べ",
    "export": "export --format huggingface MODEL hf",
    "serve": "serve --help",
}


class Instead(MetaPathFinder):
    """Finds a library in one folder and nowhere else."""

    def __init__(self, library: str, folder: str) -> None:
        self._library, self._folder = library, folder

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname.split(".")[0] != self._library:
            return None
        found = None if self._folder == "-" else PathFinder.find_spec(fullname, path or [self._folder])
        if found is None:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return found


def api() -> None:
    """What a program's ``except ImportError`` catches, as JSON; nothing if all is well."""
    import jsl_seq2seq  # noqa: PLC0415

    try:
        _ = jsl_seq2seq.Translator
    except ImportError as error:
        cause = type(error.__cause__).__name__
        print(json.dumps({"name": error.name, "said": str(error), "cause": cause}))


if __name__ == "__main__":
    library, folder, model, data = sys.argv[1:]
    sys.meta_path.insert(0, Instead(library, folder))

    from jsl_seq2seq.cli import main

    calls: dict[str, Callable[[], None]] = {"api": api}
    for name, line in COMMANDS.items():
        words = [word.replace("MODEL", model).replace("DATA", data) for word in line.split()]
        calls[name] = lambda words=words: main(words)
    for name, call in calls.items():
        print(json.dumps({"name": name} | captured(call, encoding="utf-8")), flush=True)
