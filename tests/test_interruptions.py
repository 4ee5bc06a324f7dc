"""Bar 3 of issue 13: real commands in processes of their own, killed or asked to end at random moments.

Half of the moments are drawn over the whole time that the command takes, the others lie where it writes. Whatever
comes, a training goes on and ends bit for bit where it would have ended, and every other command leaves what it wrote
before or what it writes now, never files of both. ``pytest -m slow`` sends 200 signals, the suite a few.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jsl_seq2seq.interop.burn import import_burn
from jsl_seq2seq.store import SavedModel, load_model, save_model

from .interop.burn.test_forged_shapes import small
from .processes import POSIX, environment, program, run_program
from .small_models import EIGHT_LINES, same_arrays, same_training_state, trained_small
from .training.test_resume import VALID_LINES

pytestmark = POSIX
SLOW = [pytest.mark.slow, pytest.mark.timeout(0)]
SIGNALS = ("SIGKILL", "SIGKILL", "SIGINT", "SIGTERM", "SIGHUP")


@dataclass(frozen=True)
class End:
    """How a process ended: ``sent`` is the signal it got, 0 if it had ended before."""

    sent: int
    code: int
    err: str


def strike(
    command: list[str], folder: Path, seconds: float, writes: Callable[[], bool], chance: random.Random
) -> End:
    """Start the program and send it a signal at some moment.

    Args:
        seconds: the time that it takes.
        writes: whether it writes now; asked again and again.
    """
    number = getattr(signal, chance.choice(SIGNALS))

    def as_in_a_shell() -> None:  # nohup ignores it
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    with subprocess.Popen(
        program(*command), cwd=folder, env=environment(), preexec_fn=as_in_a_shell,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        if chance.random() < 0.5:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, seconds))
        else:
            while process.poll() is None and not writes():
                time.sleep(0.0002)
            time.sleep(chance.uniform(0, 0.02))
        ended = process.poll() is not None
        if not ended:
            process.send_signal(number)
        _, err = process.communicate(timeout=120)
    end = End(0 if ended else number, process.returncode, err.decode())
    # Ctrl-C before the interpreter has come to our first line is the interpreter's
    assert "Traceback" not in end.err or (number == signal.SIGINT and "console.py" not in end.err), end
    return end


def timed(command: list[str], folder: Path) -> float:
    """Run it to its end; the seconds that it took."""
    started = time.perf_counter()
    done = run_program(command, folder)
    assert done.returncode == 0, done.stderr.decode()
    return time.perf_counter() - started


TRAININGS = {
    "last": ["--dropout", "0.1"],
    "average": ["--keep", "average", "--average", "3"],
    "best and patience": [
        "--valid",
        "valid.tsv",
        "--keep",
        "best",
        "--patience",
        "4",
        "--batch-tokens",
        "40",
    ],
}
EPOCHS = 30


def same(one: SavedModel, other: SavedModel) -> bool:
    """Whether every bit agrees, also of what ``--keep`` needs, and the training curves and the examples."""
    curves = [[(point.epoch, point.loss, point.valid_loss, point.valid_exact) for point in model.history]
              for model in (one, other)]  # fmt: skip
    others = one.resume_parameters, other.resume_parameters
    return (
        same_training_state(one, other)
        and curves[0] == curves[1]
        and one.examples == other.examples
        and others[0].keys() == others[1].keys()
        and all(same_arrays(others[0][name], others[1][name]) for name in others[0])
    )


def loaded(directory: Path) -> SavedModel | None:
    """The model that is there; ``None`` before the first was saved."""
    return load_model(directory, training_state=True) if (directory / "config.json").exists() else None


def epoch_of(directory: Path) -> int:
    """Finished epochs of the model that is there."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((directory / "config.json").read_bytes())["progress"]["epoch"]
    return 0


@pytest.mark.parametrize(
    ("name", "count"),
    [("best and patience", 2), *(pytest.param(name, 30, marks=SLOW) for name in TRAININGS)],
)
def test_a_training_ends_where_it_would_have_ended(tmp_path: Path, name: str, count: int) -> None:
    (tmp_path / "eight.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    (tmp_path / "valid.tsv").write_text(VALID_LINES, encoding="utf-8")
    shape = ["--d-model", "8", "--n-heads", "2", "--n-layers", "1", "--d-ff", "16", "--warmup-steps", "10"]
    common = ["train", "--backend", "ndarray", "--data", "eight.tsv", "--epochs", str(EPOCHS), *shape]
    common += ["--batch-size", "3"] * (name != "best and patience") + [
        "--learning-rate",
        "0.03",
        *TRAININGS[name],
    ]
    seconds = timed([*common, "--checkpoint-every", "1", "--save", "whole"], tmp_path)
    whole = loaded(tmp_path / "whole")
    assert whole is not None and (name != "best and patience" or whole.progress.epoch < EPOCHS)

    chance, directory = random.Random(count), tmp_path / "m"
    sent = ended = saved = 0
    reached = (0, 0)
    while sent < count:
        goal = chance.randint(max(0, whole.progress.epoch - 3), whole.progress.epoch - 1)
        end = strike(
            [*common, "--checkpoint-every", "1", "--save", "m", "--resume"], tmp_path, seconds,
            lambda goal=goal: epoch_of(directory) >= goal, chance,
        )  # fmt: skip
        sent += end.sent != 0
        model = loaded(directory)
        now = (0, 0) if model is None else (model.progress.epoch, model.progress.batch)
        assert now >= reached, end
        reached = now
        if end.code == 0:
            assert model is not None and same(model, whole), end
            ended, reached = ended + 1, (0, 0)
            shutil.rmtree(directory)
        else:
            assert end.code in (130, -end.sent) or "Traceback" in end.err, end
            saved += "止めています" in end.err and now > (0, 0)
    timed([*common, "--checkpoint-every", "1", "--save", "m", "--resume"], tmp_path)
    model = loaded(directory)
    assert model is not None and same(model, whole)
    print(
        f"\n{name}: {sent} signals, {saved} of them answered by saving,"
        f" {ended + 1} trainings ended as the one that was left alone"
    )


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("count", [15])
def test_an_older_model_is_replaced_as_a_whole(tmp_path: Path, count: int) -> None:
    """``--save`` over another model, without ``--resume``."""
    (tmp_path / "eight.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    command = [
        "train",
        "--backend",
        "ndarray",
        "--data",
        "eight.tsv",
        "--epochs",
        "3",
        "--d-model",
        "8",
        "--d-ff",
        "8",
    ]
    seconds = timed([*command, "--save", "new"], tmp_path)
    old, new = trained_small(), loaded(tmp_path / "new")
    assert new is not None
    chance, sent, found = random.Random(count), 0, set()
    while sent < count:
        save_model(old, tmp_path / "m")
        before = (tmp_path / "m" / "config.json").read_bytes()
        end = strike(
            [*command, "--save", "m"], tmp_path, seconds,
            lambda before=before: any((tmp_path / "m").glob("*.new")), chance,
        )  # fmt: skip
        sent += end.sent != 0
        model = loaded(tmp_path / "m")
        assert model is not None
        if same_training_state(model, old):
            found.add("old")
            assert end.code, end
        elif model.history and model.progress.until == 3:  # stopped early, or without its examples yet
            found.add("new")
            assert end.code or same(model, new), end
        else:
            pytest.fail(f"neither the old model nor the new: {end}")
    print(f"\n--save: {sent} signals, {found}")


def visible(directory: Path) -> dict[str, bytes]:
    """What other programs find there."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(directory).parts)
        and path.suffix != ".new"
    }  # fmt: skip


def undated(files: dict[str, bytes]) -> dict[str, bytes]:
    """Of a report, whose files have the time in them: which data it is about."""
    return {
        name: b"a" * (b"a.tsv" in content) + b"b" * (b"b.tsv" in content) for name, content in files.items()
    }


EXPORTS = {
    "weights": ["export", "--load", "{}", "--export-weights", "decoder", "--export-dir", "out", "--quiet"],
    "attention": [
        "predict",
        "--load",
        "{}",
        "--export-attn",
        "--export-dir",
        "out",
        "はい、わかります",
        "ありがとう",
    ],
    "onnx": ["export", "--format", "onnx", "{}", "out"],
    "huggingface": ["export", "--format", "huggingface", "{}", "out"],
    "ctranslate2": ["export", "--format", "ctranslate2", "{}", "out"],
    "web": ["export", "--format", "web", "{}", "out"],
    "burn": ["export-burn", "burn-{}", "out"],
    "corpus": ["corpus", "out", "--count", "100", "--seed", "{}"],
    "report": ["evaluate", "--load", "a", "--data", "{}.tsv", "--report", "out"],
}
"""Commands that write several files; ``{}`` is what they write about, a or b."""
COUNTS = {
    "weights": 10,
    "attention": 10,
    "onnx": 10,
    "huggingface": 10,
    "ctranslate2": 10,
    "web": 10,
    "burn": 10,
    "corpus": 25,
    "report": 20,
}
LIBRARIES = {"onnx": "onnx", "ctranslate2": "ctranslate2"}


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("weights", 1),
        *(pytest.param(name, count, marks=SLOW) for name, count in COUNTS.items()),
    ],
)
def test_files_of_one_command_never_stand_beside_older_ones(tmp_path: Path, name: str, count: int) -> None:
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name])
    models = {"a": trained_small()}
    models["b"] = replace(
        models["a"], parameters={key: array * 1.5 for key, array in models["a"].parameters.items()}
    )
    for side, model in models.items():
        save_model(model, tmp_path / side)
        (tmp_path / f"{side}.tsv").write_text(EIGHT_LINES, encoding="utf-8")
        if name == "burn":
            original = small()
            original.tree["decoder"]["embedding"] += side == "b"
            import_burn(original.write(tmp_path / f"original-{side}"), tmp_path / f"burn-{side}")

    def command(side: str) -> list[str]:
        return [
            part.replace("{}", side if name != "corpus" else str(int(side == "b"))) for part in EXPORTS[name]
        ]

    out = tmp_path / "out"
    whole, seconds = {}, 0.0
    for side in ("b", "a"):
        seconds = timed(command(side), tmp_path)
        whole[side] = visible(out)
    known = {side: undated(files) if name == "report" else files for side, files in whole.items()}
    assert known["a"] != known["b"] and known["a"].keys() == known["b"].keys()
    chance, old, sent = random.Random(count), "a", 0
    seen: dict[str, int] = {}
    while sent < count:
        new = "b" if old == "a" else "a"
        before = {path.name for path in out.iterdir()}
        end = strike(
            command(new), tmp_path, seconds,
            lambda before=before: bool({path.name for path in out.iterdir()} - before), chance,
        )  # fmt: skip
        sent += end.sent != 0
        found = undated(visible(out)) if name == "report" else visible(out)
        state = next((side for side in (old, new) if found == known[side]), "between")
        if state == "between":  # a kill between two renames: some are missing
            assert end.sent == signal.SIGKILL, end
            assert found.items() <= known[old].items() or found.items() <= known[new].items(), end
        if end.code == 0:
            assert state == new, end
        timed(command(new), tmp_path)
        found = undated(visible(out)) if name == "report" else visible(out)
        assert found == known[new]
        assert not [path for path in out.rglob("*") if path.suffix == ".new" or "-new-" in path.name]
        what = state if state == "between" else "old" if state == old else "new"
        seen[what] = seen.get(what, 0) + 1
        old = new
    print(f"\n{name}: {sent} signals, found {seen}")
