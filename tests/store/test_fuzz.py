"""Bar 3 of issue 6: 20 000 damaged files. No traceback, no wrong model accepted.

The normal suite tries a few of each; `pytest -m slow` tries them all, and benchmarks/damaged_files.py says how long
the slowest takes.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.errors import JslError
from jsl_seq2seq.interop.burn import export_burn, import_burn
from jsl_seq2seq.store import SavedModel, load_model
from jsl_seq2seq.store.verification import verify

from ..interop.burn.synthetic import Original
from ..refusals import is_japanese
from ..small_models import same_arrays
from .forge import change_config, replace_file
from .fuzz import mutate, mutate_json

OURS = (
    "config.json",
    "model.safetensors",
    "training_state.safetensors",
    "vocabulary.json",
    "metrics.json",
    "README.md",
)
FEW = 12
FULL = {"disk": 2_000, "forged": 600, "imported": 1_000, "original": 2_000}
"""Files of each kind: 6 · 2 000 + 5 · 600 + 1 · 1 000 + 2 · 2 000 = 20 000."""


def counted(kind: str) -> pytest.MarkDecorator:
    slow = pytest.param(FULL[kind], marks=pytest.mark.slow)
    return pytest.mark.parametrize("count", [FEW, slow])


def tried(attempt: Callable[[], object], what: str) -> None:
    """Refused in words or accepted."""
    try:
        attempt()
    except JslError as error:
        assert is_japanese(str(error)), what


def check(directory: Path, good: SavedModel, what: str, honest: bool) -> None:
    """Loading and verifying agree; what is accepted is the model that was saved (unless it was forged)."""
    accepted: list[SavedModel] = []
    tried(lambda: accepted.append(load_model(directory, training_state=True)), what)

    def verified() -> None:
        found = verify(directory)
        assert all(is_japanese(problem) for problem in found.problems), what
        assert not found.sound or accepted, what
        found.to_json()

    tried(verified, what)
    for model in accepted:
        if honest:
            assert model.config == good.config and model.progress == good.progress, what
            assert same_arrays(model.parameters, good.parameters), what
            assert model.tokenizers.to_json() == good.tokenizers.to_json(), what
        assert all(np.isfinite(array).all() for array in model.parameters.values()), what
        assert model.tokenizers.size == model.config.vocab_size, what


@counted("disk")
@pytest.mark.parametrize("name", OURS)
def test_damage_on_the_disk(saved: Path, name: str, count: int) -> None:
    chance = random.Random(f"disk {name}")
    good, content = load_model(saved, training_state=True), (saved / name).read_bytes()
    for number in range(count):
        (saved / name).write_bytes(mutate(chance, content))
        check(saved, good, f"{name} {number}", honest=True)


@counted("forged")
@pytest.mark.parametrize("name", OURS[:-1])
def test_damage_with_checksums_that_agree(saved: Path, name: str, count: int) -> None:
    """A file that somebody made on purpose: config.json vouches for it."""
    chance = random.Random(f"forged {name}")
    good, content = load_model(saved, training_state=True), (saved / name).read_bytes()
    config = (saved / "config.json").read_bytes()
    for number in range(count):
        (saved / "config.json").write_bytes(config)
        change = mutate_json if name.endswith(".json") else mutate
        if name == "config.json":
            sign(saved, change(chance, content))
        else:
            replace_file(saved, name, change(chance, content))
        check(saved, good, f"{name} {number}", honest=False)


def sign(directory: Path, content: bytes) -> None:
    """config.json itself, with a checksum that is right again."""
    (directory / "config.json").write_bytes(content)
    if isinstance(json.loads(content), dict):
        change_config(directory, lambda _: None)


@counted("imported")
def test_damage_to_what_export_burn_needs(tmp_path: Path, count: int) -> None:
    original = Original(d_model=4, n_layers=1, d_ff=3).write(tmp_path / "o")
    import_burn(original, tmp_path / "m")
    chance = random.Random("imported")
    content, config = ((tmp_path / "m" / name).read_bytes() for name in ("burn.json", "config.json"))
    for number in range(count):
        (tmp_path / "m" / "config.json").write_bytes(config)
        replace_file(tmp_path / "m", "burn.json", mutate_json(chance, content))
        tried(lambda: export_burn(tmp_path / "m", tmp_path / "back"), f"export {number}")
        tried(lambda: verify(tmp_path / "m"), f"verify {number}")


@counted("original")
@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_damage_to_the_originals_files(tmp_path: Path, name: str, count: int) -> None:
    """The format has no checksums: what is accepted must come back byte for byte, so nothing was misread."""
    original = Original(d_model=4, n_layers=1, d_ff=3).write(tmp_path / "o")
    chance = random.Random(f"original {name}")
    content = (original / name).read_bytes()
    for number in range(count):
        change = mutate_json if name == "config.json" and number % 2 else mutate
        (original / name).write_bytes(change(chance, content))
        what = f"{name} {number}"
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        tried(lambda: import_burn(original, tmp_path / "m"), what)
        if (tmp_path / "m").exists():
            tried(lambda: export_burn(tmp_path / "m", tmp_path / "back"), what)
            for file in ("model.bin", "config.json"):
                assert (tmp_path / "back" / file).read_bytes() == (original / file).read_bytes(), what
