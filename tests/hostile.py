"""Run as a program: what a stranger may hand over, tried on the commands one after another.

    python -m tests.hostile KIND FOLDER FIRST LAST [BACKEND]

``KIND`` is ``directories`` (forged, each file vouched for by its checksum), ``texts``, ``honest`` (no lie, and every
command succeeds: it guards the other two) or ``all`` of them in turn. ``FOLDER/base`` holds the honest models
(:func:`write_models`), and ``FOLDER/cases-*`` receive everything else. Cases ``FIRST`` to ``LAST`` (not included) are a
function of their number and of the backends that are tried: those of this machine, or ``BACKEND`` alone. For each,
one line of JSON goes to standard output: ``number``, ``case``, ``seconds`` of the processor, ``bytes`` that memory grew
by, and ``wrong``, which is empty if the case ended in a result or in words.

Three guards turn what must not happen into the end of this process, which whoever started it notices:

- Memory: ``RLIMIT_DATA`` is what the process has and 500 MB more.
- Computing without end: after :data:`MOST_SECONDS` of processor time SIGPROF ends the process, whose stack
  ``faulthandler`` prints. Processor time and not a clock's, as other programs run on the same machine.
- Waiting without end, which costs no processor time: a clock's :data:`MOST_WAITING` seconds, likewise.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import random
import resource
import shutil
import signal
import stat
import struct
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from jsl_seq2seq.cli.console import main
from jsl_seq2seq.store import save_model

from .backend_cases import missing
from .interop.burn.synthetic import Original
from .interop.burn.test_forged_shapes import PATHS, small
from .small_models import trained_open, trained_small
from .store.forge import change_config, change_json, replace_file
from .store.fuzz import ODD, mutate, mutate_json

KINDS = ("honest", "directories", "texts")
MOST_MEMORY = 500_000_000
MOST_SECONDS = 10.0
"""Of the processor. The bar is two seconds on an idle machine of today; slower ones, a shared core, and the software
that stands in for a GPU (which counts the time of all its threads) have five times that."""
MOST_WAITING = 300

BACKENDS = ["ndarray"] + [
    name
    for name, here in (
        ("torch", find_spec("torch") is not None),
        ("int8", find_spec("numba") is not None),
        ("wgpu", not missing("wgpu")),
    )
    if here
]
SERVE = all(find_spec(name) for name in ("fastapi", "uvicorn", "httptools", "python_multipart", "httpx2"))
FORMATS = [
    *("huggingface", "web"),
    *(["onnx"] if find_spec("onnx") else []),
    *(["ctranslate2"] if find_spec("ctranslate2") else []),
]

SIZES = (0, 1, 2, 3, 63, 64, 1_000, 9_999, 100_000, 10**9, 10**400, -1, 0.5, float("nan"), None, "64", True)
SECTIONS = {
    "model": (
        "d_model", "n_heads", "n_layers", "d_ff", "max_seq_len", "source_length", "source_cut", "temperature",
        "attention_masks", "final_norm", "embedding_scale", "tied_embeddings", "specials_masked", "uncertain_below",
    ),
    "training": ("epochs", "batch_size", "learning_rate", "warmup_steps", "dropout", "average", "keep", "schedule"),
    "progress": ("step", "epoch", "batch", "loss_sum", "tokens", "seconds", "start", "until"),
    "metadata": ("evaluation", "device", "trained_at", "git_commit", "stages", "made_by", "backend"),
}  # fmt: skip
ACTING = "\x1b[2J\x07\x85\u2028\u202e\ud800\ufeff<script>|`\n\t"
PLANTED = (
    *(
        "config.json",
        "model.safetensors",
        "metrics.json",
        "README.md",
        "training_state.safetensors",
        "burn.json",
    ),
    *("config.json.new", "model.safetensors.new", ".lock", ".jsl-seq2seq-export", "dictionary.tsv"),
    *("exports", "01", "attention.html", "weights_decoder.final_norm.weight.csv", ".weights-new-x"),
)
"""Names that a program looks for in a folder, or writes to."""

NUMBERS = (float("nan"), float("inf"), float("-inf"), 3.4e38, -3.4e38, 1e30, 1e18, -1e6, 300.0, 0.0, 1e-45)

PAIR = "わたしはたべます\t<私> <食べる>\n"


def write_models(folder: Path) -> None:
    """The honest models that are forged, and a file of an honest person."""
    base = folder / "base"
    save_model(trained_small(), base / "small")
    save_model(trained_open(), base / "open")
    (base / "open" / "dictionary.tsv").write_text("お茶\t<緑> <飲み物>\n", encoding="utf-8")
    original = small().write(base / "original")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main(["import-burn", str(original), str(base / "burn"), "--quiet"])
    (base / "burn" / "config.json").stat()
    (folder / "outside").mkdir()
    (folder / "outside" / "mine.txt").write_text("mine", encoding="utf-8")


class Outcome(NamedTuple):
    code: object
    out: str
    err: str


def run(arguments: list[str], stdin: bytes = b"") -> Outcome:
    """The program in this process, with three streams as a shell gives them."""
    buffers = [io.BytesIO(content) for content in (stdin, b"", b"")]
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = (io.TextIOWrapper(one, encoding="utf-8") for one in buffers)
    try:
        main(arguments)
        code: object = None
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = (one.getvalue().decode("utf-8") for one in buffers[1:])
        sys.stdin, sys.stdout, sys.stderr = before
    return Outcome(code, out, err)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _acts(character: str) -> bool:
    """Whether a terminal, or who reads what it shows, would take the character for something else than a mark."""
    bidirectional = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    kind = unicodedata.category(character)
    return (
        (kind == "Cc" and character not in "\n\t") or kind in ("Cs", "Zl", "Zp") or character in bidirectional
    )


def complaints(kind: str, arguments: list[str], outcome: Outcome) -> list[str]:
    """What is wrong with how a command ended."""
    found = []
    if kind == "honest" and outcome.code:
        found.append("an honest directory is refused")
    if outcome.code not in (0, 1, 2, 3):
        found.append(f"exit code {outcome.code!r}")
    if "Traceback" in outcome.err or "Error:" in outcome.err:
        found.append("a traceback")
    # training takes sentences of any length, and the memory that they need: there it is enough that it says so
    if "メモリーが足りません" in outcome.err and (kind, arguments[0]) != ("texts", "train"):
        found.append("out of memory")
    if outcome.code and not (outcome.err + outcome.out).strip():
        found.append("no words")
    for line in outcome.out.splitlines() if "--json" in arguments else ():
        try:
            json.loads(line, parse_constant=_refuse_constant)
        except ValueError as error:
            found.append(f"JSON: {error}")
    acting = sorted({ascii(one) for one in outcome.out + outcome.err if _acts(one)})
    if acting:
        found.append(f"characters that act: {acting}")
    return found


class Watch:
    """Notes every file that is written, renamed or removed outside of ``allowed``, links followed."""

    _ONE = frozenset({"os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.utime"})
    _TWO = frozenset({"os.rename", "os.link", "os.symlink"})

    def __init__(self, *allowed: Path) -> None:
        self._allowed = [os.path.realpath(path) for path in allowed]
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) or set(mode or "") & set(
                "wax+"
            )
            if writes and not isinstance(path, int):
                self._look(event, path, follow=not flags & os.O_NOFOLLOW)
        elif event in self._ONE:
            if not isinstance(arguments[0], int):
                self._look(
                    event, arguments[0], follow=event in ("os.truncate", "os.chmod", "os.chown", "os.utime")
                )
        elif event in self._TWO:
            for path in arguments[1:2] if event == "os.symlink" else arguments[:2]:
                self._look(event, path, follow=False)

    def _look(self, event: str, path: Any, follow: bool) -> None:
        name = os.fsdecode(path)
        folder, last = os.path.split(name)
        real = os.path.realpath(name) if follow else str(Path(os.path.realpath(folder), last))
        if real != os.devnull and not any(
            real.startswith(one + os.sep) or real == one for one in self._allowed
        ):
            self.seen.append(f"{event} {real}")


def forge(chance: random.Random, directory: Path, outside: Path) -> None:
    """One to three lies, each of which config.json vouches for; sometimes a link or a pipe in the place of a file."""
    for _ in range(chance.choice([1, 1, 2, 3])):
        kind = chance.randrange(6)
        if kind == 5:
            forge_numbers(chance, directory)
            continue
        if kind == 3:
            name = chance.choice(
                ["metrics.json", "vocabulary.json", *(["burn.json"] * _holds_burn(directory))]
            )
            change_json(
                directory, name, lambda values: json.loads(mutate_json(chance, json.dumps(values).encode()))
            )
            continue
        if kind == 4:
            plant(chance, directory, outside)
            return  # config.json may be a link now

        def lie(config: Any) -> None:
            section = chance.choice(list(SECTIONS))
            key = chance.choice(SECTIONS[section])
            value = chance.choice([*SIZES, *ODD, ACTING, {"x": ACTING}])
            if isinstance(config, dict) and isinstance(config.get(section), dict):
                config[section][key] = value

        change_config(directory, lie)


def forge_numbers(chance: random.Random, directory: Path) -> None:
    """Some of the weights, or of Adam's moments, are other numbers, or none."""
    name = chance.choice(["model.safetensors", "model.safetensors", "training_state.safetensors"])
    if not (directory / name).exists():
        name = "model.safetensors"
    content = bytearray((directory / name).read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    count = (len(content) - begin) // 4
    value = struct.pack("<f", chance.choice(NUMBERS))
    first = chance.randrange(count)
    for place in range(first, min(count, first + chance.choice([1, 30, count]))):
        content[begin + 4 * place : begin + 4 * place + 4] = value
    replace_file(directory, name, bytes(content))


def _holds_burn(directory: Path) -> bool:
    return (directory / "burn.json").exists()


def plant(chance: random.Random, directory: Path, outside: Path) -> None:
    """Something else than a file of ours under a name of ours."""
    path = directory / chance.choice(PLANTED)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    goals = [outside, outside / "mine.txt", outside / "nothing", Path("/dev/zero"), directory]
    kind = chance.randrange(4)
    if kind == 0:
        path.symlink_to(chance.choice(goals))
    elif kind == 1:
        path.hardlink_to(outside / "mine.txt")
    elif kind == 2:
        os.mkfifo(path)
    else:
        path.mkdir()


def forge_original(chance: random.Random, directory: Path) -> None:
    """A model of the original project whose parts do not fit each other."""
    original = small()
    kind = chance.randrange(4)
    if kind == 0:
        owner, path = original.tree, chance.choice(PATHS)
        for key in path[:-1]:
            owner = owner[key]
        values = owner[path[-1]]
        axis = chance.randrange(values.ndim)
        owner[path[-1]] = (
            np.concatenate([values, values], axis=axis)
            if chance.random() < 0.5
            else np.delete(values, 0, axis=axis)
        )
    elif kind == 1:
        original = Original(d_model=4, n_layers=chance.randrange(3), d_ff=3, n_heads=chance.choice([1, 2, 4]))
    original.write(directory)
    if kind == 2:
        content = (directory / "model.bin").read_bytes()
        (directory / "model.bin").write_bytes(mutate(chance, content))
    if kind == 3 or chance.random() < 0.3:
        number = chance.choice(
            ["9" * 400, "9" * 5_000, "NaN", "Infinity", "-1", "100000", "[" * 900 + "]" * 900]
        )
        path = directory / "config.json"
        if chance.random() < 0.5:
            path.write_bytes(mutate_json(chance, path.read_bytes()))
        else:
            key = chance.choice(
                ["d_model", "max_seq_len", "n_heads", "n_layers", "d_ff", "vocab_size", "epochs"]
            )
            path.write_text(f'{{"model": {{"{key}": {number}}}}}', encoding="utf-8")


def _compute(backend: str) -> list[str]:
    return ["--precision", "int8"] if backend == "int8" else ["--backend", backend]


def _train(chance: random.Random) -> list[str]:
    return ["train", "--backend", chance.choice([name for name in BACKENDS if name != "int8"] or ["ndarray"])]


def commands(chance: random.Random) -> list[list[str]]:
    """What reads a model directory ``m``, each with JSON for programs where it has that. Every one succeeds if the
    directory is honest."""
    compute, train = _compute(chance.choice(BACKENDS)), _train(chance)
    return [
        ["predict", "--load", "m", "--json", *compute, "わたしはたべます"],
        ["predict", "--load", "m", "--quiet", "--beam", "3", "--n-best", "2", *compute, "ありがとう"],
        ["predict", "--load", "m", "--export-attn", *compute, "ありがとう", "わたしはたべます"],
        ["diagnose", "--load", "m", "--json", *compute, "わたしはたべます"],
        ["diagnose", "--load", "m", "--html", "page.html", "--quiet", "わたしはたべます"],
        ["evaluate", "--load", "m", "--json", "--data", "data.tsv", *compute],
        ["evaluate", "--load", "m", "--data", "data.tsv", "--report", "report"],
        ["tags", "--load", "m", "--json"],
        ["dictionary", "list", "m", "--json"],
        ["verify", "m", "--json"],
        ["verify", "m"],
        ["compare", "m", "m", "--json"],
        ["compare", "m", "base", "--json"],
        ["export", "--load", "m", "--export-weights", "decoder.final_norm", "--export-weights", "decoder.layers.0"],
        [*train, "--load", "m", "--epochs", "1", "--data", "data.tsv", "--save", "again", "--quiet"],
        [*train, "--save", "m", "--resume", "--epochs", "3", "--data", "eight.tsv", "--json"],
        [*train, "--save", "m", "--epochs", "1", "--data", "data.tsv", "--d-model", "8", "--d-ff", "8"],
        *([["serve", "--load", "m", "--quiet", *compute]] * 2 if SERVE else []),
    ]  # fmt: skip


Steps = list[tuple[list[str], bytes]]
"""Command lines and their standard input; the second is for a first that succeeds."""


def one_directory(chance: random.Random, folder: Path, outside: Path) -> Steps:
    """Forge a directory in the empty ``folder``, and what to run in there."""
    base = folder.parent.parent / "base"
    _write_data(folder)
    kind = chance.choices(["small", "open", "burn", "original"], [5, 3, 1, 1])[0]
    if kind == "original":
        forge_original(chance, folder / "original")
        last = chance.choice(
            [["export-burn", "m", "back"], ["predict", "--load", "m", "--json", "ありがとう"]]
        )
        return [(["import-burn", "original", "m"], b""), (last, b"")]
    shutil.copytree(base / kind, folder / "m")
    shutil.copytree(base / "small", folder / "base")
    with contextlib.suppress(KeyError, TypeError, AttributeError):  # nothing vouches for a second lie
        forge(chance, folder / "m", outside)
    possible = commands(chance)
    wanted = chance.choice(possible)
    if kind == "burn" and chance.random() < 0.4:
        wanted = ["export-burn", "m", "back"]
    elif chance.random() < 0.03:
        wanted = ["export", "--format", chance.choice(FORMATS), "m", "out"]
    elif chance.random() < 0.05:
        wanted = ["dictionary", "add", "m", "緑茶", "<緑> <茶>"]
    return [(wanted, b"")]


CHARACTERS = (
    st.characters() | st.sampled_from(ACTING) | st.sampled_from("㌖ﷺ\u0301\u0323\u3099か゛ｶﾞ①私。お茶飲む")
)
TEXTS = st.text(CHARACTERS, max_size=40) | st.builds(
    lambda text, times: text * times,
    st.text(CHARACTERS, min_size=1, max_size=4),
    st.sampled_from([50, 700, 3_000]),
)


def texts(first: int, count: int) -> list[str]:
    """``count`` of Hypothesis's texts."""
    found: list[str] = []

    @seed(first)
    @settings(
        max_examples=count, deadline=None, database=None, derandomize=False, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )  # fmt: skip
    @given(TEXTS)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return (found * count)[:count]


def one_text(text: str, chance: random.Random, folder: Path) -> Steps:
    """Files with a text in the empty ``folder``, and what to run in there: one of all the ways in."""
    base = folder.parent.parent / "base"
    model = ["--load", str(base / chance.choice(["small", "open"]))]
    compute, train = _compute(chance.choice(BACKENDS)), _train(chance)
    content = text.encode("utf-8", "surrogatepass")
    single = text.replace("\n", " ")
    tagged = f"{single}\t<{single}> <私>\n{PAIR}".encode("utf-8", "surrogatepass")
    (folder / "text.txt").write_bytes(content)
    (folder / "data.tsv").write_bytes(tagged)
    (folder / "data.jsonl").write_text(json.dumps({"source": text, "tags": [text]}) + "\n", encoding="utf-8")
    shutil.copytree(base / "open", folder / "m")
    whole = [
        "--d-model",
        "8",
        "--n-heads",
        "2",
        "--n-layers",
        "1",
        "--d-ff",
        "8",
        "--epochs",
        "1",
        "--save",
        "new",
    ]
    possible: list[tuple[list[str], bytes]] = [
        (["predict", *model, "--json", *compute, "-"], content),
        (["predict", *model, "--json", *compute, "-"], content),
        (["predict", *model, "--quiet", *compute, "--beam", "2", "-"], content),
        (["predict", *model, "--json", *compute, "--", f" {text}"], b""),
        (["predict", *model, "--export-attn", "--export-dir", "out", "--", f" {text}"], b""),
        (["predict", *model, "--input", "text.txt", "--output", "out.txt", *compute], b""),
        (["predict", *model, "--json", "--dictionary", "data.tsv", "--", f" {text}"], b""),
        (["diagnose", *model, "--json", "--", f" {text}"], b""),
        (["diagnose", *model, "--html", "page.html", "--", f" {text}"], b""),
        (
            ["evaluate", *model, "--json", "--data", chance.choice(["data.tsv", "data.jsonl", "text.txt"])],
            b"",
        ),
        (["evaluate", *model, "--data", "data.tsv", "--report", "report"], b""),
        ([*train, "--data", chance.choice(["data.tsv", "data.jsonl", "text.txt"]), *whole, "--json"], b""),
        ([*train, "--data", "data.tsv", "--target-units", "open-tags", *whole], b""),
        (["tags", *model, "--json", "--", text], b""),
        (["dictionary", "add", "m", "--json", "--", f"あ{text}", f"<{text}>"], b""),
        (["corpus", "--label", "text.txt"], b""),
        (["verify", "--", f"m{text}"], b""),
        (["export", *model, "--export-weights", f"x{text}", "--export-dir", "out"], b""),
        *([(["serve", *model, "--quiet", *compute], content)] * 2 if SERVE else []),
    ]
    wanted, stdin = chance.choice(possible)
    if any("\0" in part for part in wanted):  # no system passes one to a program
        wanted = [part.replace("\0", "") for part in wanted]
    return [(wanted, stdin)]


def serve_in_this_process(text: Callable[[], str]) -> None:
    """Let ``serve`` answer a few requests instead of waiting for them on a port."""
    from starlette.testclient import TestClient  # noqa: PLC0415

    from jsl_seq2seq.serve import server  # noqa: PLC0415

    def answer(app: Any, models: Any, listening: Any, started: Any) -> None:
        with TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False) as client:
            said = text()
            for route, body in (
                ("translate", {"text": said, "attention": True}),
                ("translate", {"text": [said, "ありがとう"], "n_best": 2}),
                ("score", {"text": said, "tags": ["私", said]}),
                ("diagnose", {"text": said}),
            ):
                sent = json.dumps(body).encode("ascii")
                found = client.post(
                    f"/v1/{route}", content=sent, headers={"content-type": "application/json"}
                )
                _check_answer(route, found)
            for route in ("model", "tags", "../health", "../metrics"):
                _check_answer(route, client.get(f"/v1/{route}"))

    server.run = answer


def _check_answer(route: str, found: Any) -> None:
    if "json" in found.headers.get("content-type", ""):
        values = json.loads(found.content, parse_constant=_refuse_constant)
        if found.status_code >= 500 and values.get("code") in (None, "error", "internal-error"):
            raise AssertionError(f"{route}: {found.status_code} {values}")
    elif found.status_code >= 500:
        raise AssertionError(f"{route}: {found.status_code} {found.text}")


def _used() -> int:
    """Bytes of this process that RLIMIT_DATA counts; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData")) << 10


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """The three guards around the body."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if used := _used():
        resource.setrlimit(resource.RLIMIT_DATA, (used + MOST_MEMORY, hard))
    faulthandler.dump_traceback_later(MOST_WAITING, exit=True)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def steps_of(kind: str, number: int, text: str, folder: Path, outside: Path) -> Steps:
    """The case of that number, its files in the empty ``folder``."""
    chance = random.Random(f"{kind} {number}")
    if kind == "texts":
        return one_text(text, chance, folder)
    if kind == "directories":
        return one_directory(chance, folder, outside)
    base = folder.parent.parent / "base"
    _write_data(folder)
    for name, origin in (("m", "small"), ("base", "small"), ("original", "original"), ("burn", "burn")):
        shutil.copytree(base / origin, folder / name)
    possible = [
        *commands(chance),
        ["import-burn", "original", "new"],
        ["export-burn", "burn", "back"],
        *(["export", "--format", name, "m", "out"] for name in FORMATS),
    ]
    return [(possible[number % len(possible)], b"")]


def _write_data(folder: Path) -> None:
    (folder / "data.tsv").write_text(PAIR, encoding="utf-8")
    (folder / "eight.tsv").write_text(PAIR * 2 + "ありがとう\t<ありがとう>\n", encoding="utf-8")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise RuntimeError(f"{folder} cannot be removed")


def work(kind: str, folder: Path, first: int, last: int) -> None:
    """The cases, one after another."""
    cases = folder / f"cases-{kind}-{first}"
    place, temporary, outside = cases / "now", cases / "temporary", folder / "outside"
    for path in (place, temporary):
        path.mkdir(parents=True)
    tempfile.tempdir = str(temporary)
    os.environ |= {"TMPDIR": str(temporary), "HOME": str(cases), "COLUMNS": "80"}
    said = ["わたしはたべます"]
    if SERVE:
        serve_in_this_process(lambda: said[0])
    for backend in BACKENDS:  # libraries are imported and kernels compiled before anything is measured
        run(["predict", "--load", str(folder / "base" / "small"), *_compute(backend), "はい"])
    watch = Watch(cases, Path(os.environ["JSL_SEQ2SEQ_CACHE"]))
    faulthandler.register(signal.SIGPROF, chain=True)
    block = 250
    given_texts: dict[int, list[str]] = {}
    wanted = kind
    for number in range(first, last):
        kind = KINDS[number % len(KINDS)] if wanted == "all" else wanted
        _remove(place)
        place.mkdir()
        os.chdir(place)
        if kind == "texts":
            start = number // block * block
            if start not in given_texts:
                given_texts = {start: texts(start, block)}
            said[0] = given_texts[start][number - start]
        steps = steps_of(kind, number, said[0], place, outside)
        watch.seen.clear()
        print(json.dumps({"begun": number}), flush=True)
        used, started = _used(), time.process_time()
        wrong: list[str] = []
        done: list[tuple[list[str], Outcome]] = []
        try:
            with guarded(), warnings.catch_warnings():
                warnings.simplefilter("error")
                for arguments, stdin in steps:
                    done.append((arguments, run(arguments, stdin)))
                    if done[-1][1].code:
                        break
        except Exception as error:
            wrong.append("".join(traceback.format_exception(error))[-3_000:])
        seconds = time.process_time() - started
        for arguments, outcome in done:
            wrong += [f"{one}\n{outcome}"[:3_000] for one in complaints(kind, arguments, outcome)]
        wrong += watch.seen
        content = {path.name: path.read_bytes() for path in outside.iterdir()}
        if content != {"mine.txt": b"mine"} or stat.S_IMODE((outside / "mine.txt").stat().st_mode) & 0o111:
            wrong.append(f"outside the folder: {content}")
        # onnxruntime's, and the place to which a model goes where it cannot be saved, which the user is told
        told = {".ses"} | {
            path.name
            for path in temporary.iterdir()
            if path.match("mat-debug-*.log") or any(path.name in one.err for _, one in done)
        }
        if left := [path for path in temporary.iterdir() if path.name not in told]:
            wrong += [f"left behind: {path.name}" for path in left]
        _remove(temporary)
        temporary.mkdir()
        case = [arguments for arguments, _ in done]
        codes = [outcome.code for _, outcome in done]
        print(
            json.dumps(
                {"number": number, "case": case, "codes": codes, "seconds": round(seconds, 2), "bytes": _used() - used,
                 "wrong": wrong}
            ),
            flush=True,
        )  # fmt: skip
    os.chdir(folder)
    shutil.rmtree(cases, ignore_errors=True)


if __name__ == "__main__":
    BACKENDS[:] = sys.argv[5:] or BACKENDS
    work(sys.argv[1], Path(sys.argv[2]).resolve(), int(sys.argv[3]), int(sys.argv[4]))
