"""Bar 2 of issue 13: forged but consistent model directories and hostile texts, over commands and backends.

Each ends in a result or in words: an exit code that is documented, no traceback, JSON that is strict, no allocation of
500 MB, and nothing outside of the folder touched. `pytest -m slow` tries 20 000 of each, the suite a few.
"""

from __future__ import annotations

import json
import random
import shutil
import tracemalloc
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .cli.conftest import Program, _model_once, model, program  # noqa: F401  fixtures
from .store.forge import change_config, change_json
from .store.fuzz import ODD, mutate_json

FEW, ALL = 18, 20_000
COUNTS = [FEW, pytest.param(ALL, marks=[pytest.mark.slow, pytest.mark.timeout(0)])]
MOST_MEMORY = 500_000_000
BACKENDS = ["ndarray", *(["torch"] if find_spec("torch") else []), *(["int8"] if find_spec("numba") else [])]

SIZES = (0, 1, 2, 3, 63, 64, 1_000, 9_999, 100_000, 10**9, 10**400, -1, 0.5, float("nan"), None, "64", True)
SECTIONS = {
    "model": (
        "d_model", "n_heads", "n_layers", "d_ff", "max_seq_len", "source_length", "source_cut", "temperature",
        "attention_masks", "final_norm", "embedding_scale", "tied_embeddings", "specials_masked", "uncertain_below",
    ),
    "training": ("epochs", "batch_size", "learning_rate", "warmup_steps", "dropout", "average", "keep", "schedule"),
    "progress": ("step", "epoch", "batch", "loss_sum", "tokens"),
    "metadata": ("evaluation", "device", "trained_at", "git_commit", "stages", "made_by", "backend"),
}  # fmt: skip
ACTING = "\x1b[2J\x07\x85\u2028\u202e\ud800\ufeff<script>|`\n\t"


def forge(chance: random.Random, directory: Path) -> None:
    """One to three lies, each of which config.json vouches for."""
    for _ in range(chance.choice([1, 1, 2, 3])):
        kind = chance.randrange(4)
        if kind == 3:
            name = chance.choice(["metrics.json", "vocabulary.json"])
            change_json(
                directory, name, lambda values: json.loads(mutate_json(chance, json.dumps(values).encode()))
            )
            continue

        def lie(config: Any) -> None:
            section = chance.choice(list(SECTIONS))
            key = chance.choice(SECTIONS[section])
            value = chance.choice([*SIZES, *ODD, ACTING, {"x": ACTING}])
            if isinstance(config, dict) and isinstance(config.get(section), dict):
                config[section][key] = value

        change_config(directory, lie)


def commands(backend: str) -> list[list[str]]:
    """What reads a model directory ``m``; every one but the last two with JSON for programs where it has that."""
    compute = ["--precision", "int8"] if backend == "int8" else ["--backend", backend]
    return [
        ["predict", "--load", "m", "--json", *compute, "わたしはたべます"],
        ["predict", "--load", "m", "--quiet", "--beam", "3", *compute, "ありがとう"],
        ["diagnose", "--load", "m", "--json", "わたしはたべます"],
        ["evaluate", "--load", "m", "--json", "--data", "data.tsv", *compute],
        ["tags", "--load", "m", "--json"],
        ["verify", "m", "--json"],
        ["compare", "m", "m", "--json"],
        ["export", "--load", "m", "--export-weights", "decoder.final_norm", "--export-dir", "out"],
        ["train", "--load", "m", "--epochs", "1", "--data", "data.tsv", "--save", "again", "--quiet"],
    ]


def check(run: Program, arguments: list[str], stdin: bytes = b"") -> None:
    tracemalloc.start()
    try:
        done = run(*arguments, stdin=stdin)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.code in (0, 1, 2, 3), (arguments, done)
    assert "Traceback" not in done.err and "Error:" not in done.err, (arguments, done)
    assert peak < MOST_MEMORY, (arguments, peak)
    for line in done.out.splitlines() if "--json" in arguments else ():

        def refuse(name: str) -> None:
            raise AssertionError(name)

        json.loads(line, parse_constant=refuse)
    shown = done.out + done.err
    assert not set(shown) & set("\x1b\x07\x85\u2028\u202e\ufeff"), (arguments, shown)


def test_an_honest_directory(program: Program, model: Path, tmp_path: Path) -> None:  # noqa: F811
    """Guards the test below: its commands are ones that succeed."""
    shutil.copytree(model, tmp_path / "m")
    (tmp_path / "data.tsv").write_text("わたしはたべます\t<私> <食べる>\n", encoding="utf-8")
    for arguments in commands("ndarray"):
        assert program(*arguments).code == 0, arguments


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.filterwarnings("error")
def test_forged_directories(program: Program, model: Path, tmp_path: Path, count: int) -> None:  # noqa: F811
    chance = random.Random(count)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "data.tsv").write_text("わたしはたべます\t<私> <食べる>\n", encoding="utf-8")
    for number in range(count):
        for name in ("m", "again", "out"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        shutil.copytree(model, tmp_path / "m")
        try:
            forge(chance, tmp_path / "m")
        except (KeyError, TypeError, AttributeError):
            continue  # config.json has lost what would vouch for a second lie
        possible = commands(chance.choice(BACKENDS))
        check(program, possible[number % len(possible)])
        assert {path.name: path.read_text(encoding="utf-8") for path in outside.iterdir()} == {
            "mine.txt": "mine"
        }


SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
CHARACTERS = st.characters() | st.sampled_from(ACTING) | st.sampled_from("㌖ﷺ\u0301\u0323\u3099か゛ｶﾞ①私。")
TEXTS = st.text(CHARACTERS, max_size=40) | st.builds(
    lambda text, times: text * times,
    st.text(CHARACTERS, min_size=1, max_size=4),
    st.sampled_from([50, 700, 3_000]),
)


@pytest.mark.parametrize("count", COUNTS)
def test_texts(program: Program, model: Path, count: int) -> None:  # noqa: F811
    numbers = iter(range(10**9))

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=SLOW)
    @given(TEXTS)
    def every(text: str) -> None:
        backend = BACKENDS[next(numbers) % len(BACKENDS)]
        compute = ["--precision", "int8"] if backend == "int8" else ["--backend", backend]
        line = text.encode("utf-8", "surrogatepass")
        check(program, ["predict", "--load", str(model), "--json", *compute, "-"], stdin=line)
        check(program, ["predict", "--load", str(model), "--json", *compute, "--", f" {text}"])

    every()
