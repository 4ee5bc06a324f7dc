"""Libraries, optional and required, that are missing, broken, or only an empty folder, and environment variables that
are nonsense."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import jsl_seq2seq
from jsl_seq2seq.backends import registry
from jsl_seq2seq.corpus import analyser
from jsl_seq2seq.errors import JslError, UserError
from jsl_seq2seq.evaluation import metrics
from jsl_seq2seq.extras import REQUIRED, LibraryError, broken_requirement
from jsl_seq2seq.interop.onnx import check
from jsl_seq2seq.settings.environment import local_rank, resampling_seed, started_processes
from jsl_seq2seq.tokenize import subword

from .processes import environment, run_program
from .small_models import EIGHT_LINES

ROOT = Path(__file__).parents[1]

BROKEN = {
    "missing": None,
    "an empty folder": "",
    "OSError": "raise OSError('libX.so: cannot open shared object file')",
    "no words": "raise ImportError",
    "RuntimeError": "raise RuntimeError('NumPy 1.x\\nis too old')",
    "another library": "import a_library_that_nobody_has",
    "not Python": "def (",
    "SystemError": "raise SystemError('initialization failed')",
}
"""What an import meets; ``None`` for nothing, an empty text for a folder without files."""


@pytest.fixture(params=BROKEN)
def broken(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[str], str]]:
    """Call it with a library's name: it is imported anew from then on, in a state that the call returns."""
    ours = {"torch": "backends.torch", "numba": "backends.int8", "wgpu": "backends.wgpu"}
    spoilt: list[str] = []

    def imported() -> list[str]:
        return [
            name
            for name in sys.modules
            for library in spoilt
            if name.split(".")[0] == library
            or (library in ours and name.startswith(f"jsl_seq2seq.{ours[library]}"))
        ]

    def spoil(library: str) -> str:
        with contextlib.suppress(ImportError, JslError):  # whole, so that it comes back whole afterwards
            importlib.import_module(library)
            importlib.import_module(f"jsl_seq2seq.{ours.get(library, 'errors')}")
        spoilt.append(library)
        for name in imported():
            monkeypatch.delitem(sys.modules, name)
        content = BROKEN[request.param]
        if content is None:
            monkeypatch.setitem(sys.modules, library, None)
            return request.param
        folder = tmp_path / library
        folder.mkdir()
        if content:
            (folder / "__init__.py").write_text(content, encoding="utf-8")
            monkeypatch.syspath_prepend(tmp_path)
        else:  # a folder counts only where nothing else has the name
            monkeypatch.setattr(sys, "path", [str(tmp_path)])
        importlib.invalidate_caches()
        return request.param

    yield spoil
    for name in imported():
        del sys.modules[name]


def use(library: str) -> Any:
    """Call what needs the library."""
    if library == "torch":
        return registry.choose_backend("torch")
    if library == "wgpu":
        return registry.choose_backend("wgpu")
    if library == "numba":
        return registry.choose_backend("ndarray", translating=1, precision="int8")
    if library == "tokenizers":
        return subword.learn_subwords(["a"], "a", 10)
    if library == "sudachipy":
        return analyser.Analyser()
    raise AssertionError(library)


@pytest.mark.parametrize("library", ["torch", "wgpu", "numba", "tokenizers", "sudachipy"])
def test_who_needs_a_library_is_told(broken: Callable[[str], str], library: str) -> None:
    state = broken(library)
    with pytest.raises(JslError) as refused:
        use(library)
    if library not in ("torch", "wgpu"):
        assert refused.value.code.endswith("missing" if state in ("missing", "an empty folder") else "broken")
    assert "pip" in refused.value.hint


@pytest.mark.parametrize("library", ["torch", "wgpu"])
def test_auto_goes_on_without(
    broken: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """Also where an NVIDIA driver promises a GPU."""
    monkeypatch.setattr(registry.ctypes, "CDLL", lambda _: None)
    monkeypatch.setattr(registry.sys, "platform", "linux")
    if library == "wgpu":
        monkeypatch.setattr(registry, "_torch_has_gpu", lambda: False)
    else:
        monkeypatch.setitem(sys.modules, "wgpu", None)
        for name in [each for each in sys.modules if each.startswith("jsl_seq2seq.backends.wgpu")]:
            monkeypatch.delitem(sys.modules, name)
    broken(library)
    assert registry.choose_backend().name == "ndarray"
    assert registry.all_backends()


def test_scores_are_given_without_sacrebleu(broken: Callable[[str], str]) -> None:
    broken("sacrebleu")
    found = metrics.scores([metrics.Result("文", ("a",) * 4, ("a",) * 4, -1.0)])
    assert (found.sentences, found.bleu, found.chrf) == (1, None, None)


def test_an_export_is_written_without_a_runtime_to_compare(broken: Callable[[str], str]) -> None:
    broken("onnxruntime")
    assert "比べていません" in check.check(None, {})  # type: ignore[arg-type]


def test_required_libraries_are_those_of_the_installation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^\w-]", one)[0].replace("-", "_") for one in project["dependencies"]}
    assert set(REQUIRED) == names - {"wgpu"}  # without it, `auto` goes on


@pytest.mark.parametrize(
    ("library", "state"),
    [
        *zip(REQUIRED, BROKEN, strict=True),
        *(pytest.param(library, state, marks=pytest.mark.slow) for library in REQUIRED for state in BROKEN),
    ],
)
def test_every_command_names_the_required_library_that_is_broken(
    library: str, state: str, saved: Path, tmp_path: Path
) -> None:
    content, folder, data = BROKEN[state], tmp_path / "libraries", tmp_path / "data.tsv"
    model = shutil.copytree(saved, tmp_path / "model")
    data.write_text(EIGHT_LINES, encoding="utf-8")
    if content is not None:
        (folder / library).mkdir(parents=True)
    if content:
        (folder / library / "__init__.py").write_text(content, encoding="utf-8")
    place = "-" if content is None else str(folder)
    done = subprocess.run(
        [sys.executable, "-m", "tests.broken_library", library, place, model, data],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": os.pathsep.join([environment()["PYTHONPATH"], str(ROOT)])},
        capture_output=True,
        check=False,
    )
    assert not done.returncode, done.stderr.decode("utf-8", "replace")
    found = {one.pop("name"): one for one in map(json.loads, done.stdout.splitlines())}
    told = f"必要なライブラリー {library} ", f"pip install --force-reinstall {library.replace('_', '-')} を"
    for one in found.values():
        assert one["code"] in (0, 2) and "Traceback" not in one["err"], one
    refused = {name for name, one in found.items() if one["code"] == 2 and told[0] in one["err"]}
    assert refused and all(told[1] in found[name]["err"] for name in refused), found
    failed = {name: one for name, one in found.items() if one["code"] and name not in refused}
    assert set(failed) <= {"typo"}, failed  # its own mistake
    for name in refused & {"predict", "diagnose"}:
        error = json.loads(found[name]["out"].splitlines()[-1])
        assert error["code"] in ("library-missing", "library-broken") and error["facts"]["library"] == library
    if library in ("numpy", "safetensors"):
        caught = json.loads(found["api"]["out"])
        assert caught["name"] == library and told[0] in caught["said"] and caught["cause"].endswith("Error")


def test_an_error_of_ours_is_no_broken_library() -> None:
    """Nor is one that a whole library raises."""
    for mistake in (lambda: [][0], lambda: importlib.import_module("numpy").zeros(-1)):
        with pytest.raises((IndexError, ValueError)) as raised:
            mistake()
        assert broken_requirement(raised.value) is None


def test_another_error_of_an_import_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jsl_seq2seq._ROOMS, "Translator", "nothing")
    with pytest.raises(ModuleNotFoundError) as raised:
        _ = jsl_seq2seq.Translator
    assert raised.value.name == "jsl_seq2seq.nothing" and raised.value.__cause__ is None


def test_a_part_of_a_library_that_is_missing() -> None:
    for line in ("import rich.nothing", "from filelock import nothing"):
        with pytest.raises(ImportError) as raised:
            exec(line)
        error = broken_requirement(raised.value)
        assert isinstance(error, LibraryError) and error.library == line.split()[1].partition(".")[0]
        assert (error.code, error.reason) == ("library-broken", str(raised.value).splitlines()[0])


@pytest.mark.parametrize("value", ["", " ", "abc", "-1", "1.5", "２", "9" * 400, "0"])
def test_nonsense_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, read in (("WORLD_SIZE", started_processes), ("LOCAL_RANK", local_rank)):
        monkeypatch.setenv(variable, value)
        if value.strip() in ("", "0"):
            assert read() in (0, 1)
        else:
            with pytest.raises(UserError) as refused:
                read()
            assert (refused.value.code, refused.value.variable) == ("environment-not-a-number", variable)


@pytest.mark.parametrize("variable", ["NUMBA_NUM_THREADS", "NUMBA_OPT", "NUMBA_DEBUG_CACHE"])
def test_nonsense_that_numba_reads(saved: Path, tmp_path: Path, variable: str) -> None:
    """It goes on without the variable, and warns with a traceback that nobody needs."""
    pytest.importorskip("numba")
    arguments = ["predict", "--load", str(saved), "--backend", "numba", "--quiet", "ありがとう"]
    done = run_program(arguments, tmp_path, b"", **{variable: "abc"})
    assert done.returncode == 0 and done.stdout
    assert b"Traceback" not in done.stderr and variable.encode() not in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"WORLD_SIZE": "abc", "RANK": "x", "LOCAL_RANK": "", "MASTER_PORT": "port"},
        {"PYTHONWARNINGS": "error", "WORLD_SIZE": ""},
        {"NUMBA_DISABLE_JIT": "1", "NUMBA_CACHE_DIR": "/dev/null/x", "HOME": "", "TMPDIR": "/dev/null"},
    ],
    ids=lambda values: " ".join(values),
)
def test_commands_that_need_no_variable_do_not_read_it(environment: dict[str, str], tmp_path: Path) -> None:
    for arguments, out in ((["--version"], b"jsl-seq2seq "), (["--predict", "ありがとう", "--quiet"], b"<")):
        done = run_program(arguments, tmp_path, stdin=b"", **environment)
        assert done.returncode == 0 and done.stdout.startswith(out), done.stderr.decode()


def test_a_training_names_the_variable_that_it_cannot_read(tmp_path: Path) -> None:
    done = run_program(["train", "--save", "m"], tmp_path, WORLD_SIZE="abc")
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
    assert "WORLD_SIZE" in done.stderr.decode()


@pytest.mark.parametrize(("value", "wanted"), [(None, 5), ("", 5), ("7", 7), ("none", None), ("None", None)])
def test_the_seed_of_resampling(
    monkeypatch: pytest.MonkeyPatch, value: str | None, wanted: int | None
) -> None:
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)
    if value is not None:
        monkeypatch.setenv("SACREBLEU_SEED", value)
    assert resampling_seed(5) == wanted
    monkeypatch.setenv("SACREBLEU_SEED", "many")
    with pytest.raises(UserError) as refused:
        resampling_seed(5)
    assert refused.value.variable == "SACREBLEU_SEED"
