"""The arrows of the design go one way: who may import whom, read from the source itself.

    cli -> translator -> train, decode, evaluate, store, analysis -> model -> ops.base

A colleague who needs a new arrow changes a table here, and so sees that it is a decision.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = "jsl_seq2seq"
SRC = Path(__file__).parents[1] / "src"
STDLIB = sys.stdlib_module_names

LOWER_ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "version": set(),
    "config": {"errors"},
    "text": {"text", "config", "errors", "numpy", "tokenizers"},
    "ops.base": set(),
    "ops.numpy": {"ops.base", "numpy"},
    "ops.wgpu": {"ops.base", "ops.wgpu", "errors", "numpy", "wgpu"},
    "ops.int8": {"ops.base", "ops.numpy", "ops.int8", "numpy", "numba", "llvmlite"},
    "ops.torch": {"ops.base", "ops.torch", "errors", "numpy", "torch", "triton"},
    "ops.choose": {"ops", "errors"},
    "autodiff": {"ops.base"},
    "model": {"model", "config", "ops.base"},
}
"""All that these modules import: rooms of ours, or other people's libraries. The standard library is free."""

NOT_FOR: dict[str, set[str]] = {
    "cli": {"cli", "__main__"},
    "typer": {"cli", "__main__"},
    "rich": {"cli", "__main__"},
    "wgpu": {"ops.wgpu"},
    "torch": {"ops.torch"},
    "tokenizers": {"text.subword"},
    "triton": {"ops.torch"},
    "numba": {"ops.int8"},
    "llvmlite": {"ops.int8"},
    "ops.numpy": {"ops.choose", "ops.int8"},
    "ops.int8": {"ops.choose", "ops.int8"},
    "ops.wgpu": {"ops.choose", "ops.wgpu"},
    "ops.torch": {"ops.choose", "ops.torch"},
}
"""What is imported by nobody but these."""

EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u231a\u231b\u26a0\u26a1\u2705\u2728\u274c\u2b50\ufe0f]"
)


def module_name(path: Path) -> str:
    """``model.attention`` for its file; empty for the package's own ``__init__``."""
    parts = path.relative_to(SRC / PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Every module that ``source`` imports anywhere in it; ours without the package's name in front."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.removeprefix(f"{PACKAGE}.")
        elif isinstance(node, ast.ImportFrom):
            target = node.module or ""
            if node.level:
                here = module.split(".") if module else []
                up = node.level - is_package
                here = here[: len(here) - up] if up else here
                target = ".".join([PACKAGE, *here, *([target] if target else [])])
            if target.split(".")[0] != PACKAGE:
                yield target
                continue
            target = target.removeprefix(PACKAGE).removeprefix(".")
            for alias in node.names:  # `from . import x` means the module x, if there is one
                inner = f"{target}.{alias.name}".removeprefix(".")
                path = SRC / PACKAGE / Path(*inner.split("."))
                yield inner if path.is_dir() or path.with_suffix(".py").exists() else target


def within(module: str, room: str) -> bool:
    """Whether ``module`` is the room or lies in it."""
    return module == room or module.startswith(f"{room}.")


def forbidden(source: str, module: str, is_package: bool = False) -> list[str]:
    """The imports that no arrow allows."""
    found = [name for name in imports(source, module, is_package) if name.split(".")[0] not in STDLIB]
    wrong = [
        name
        for name in found
        for target, users in NOT_FOR.items()
        if within(name, target) and not any(within(module, user) for user in users)
    ]
    for room, allowed in LOWER_ROOMS.items():
        if within(module, room):
            wrong += [name for name in found if not any(within(name, target) for target in allowed)]
    return wrong


def without_encoding(source: str) -> list[int]:
    """Lines where text is read or written in whatever encoding the machine happens to prefer."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        if isinstance(node.func, ast.Name):
            name, mode_at = node.func.id, 1
        elif isinstance(node.func, ast.Attribute):
            name, mode_at = node.func.attr, 0
        else:
            continue
        if name in ("read_text", "write_text"):
            lines.append(node.lineno)
        if name == "open":
            modes = [keyword.value for keyword in node.keywords if keyword.arg == "mode"] or node.args[
                mode_at:
            ]
            mode = (
                modes[0].value if modes and isinstance(modes[0], ast.Constant) else "r" if not modes else None
            )
            if isinstance(mode, str) and "b" not in mode:
                lines.append(node.lineno)
    return lines


def sources(*suffixes: str) -> list[Path]:
    return sorted(path for path in (SRC / PACKAGE).rglob("*") if path.suffix in suffixes)


def test_arrows_point_one_way() -> None:
    wrong = [
        f"{module_name(path)} imports {name}"
        for path in sources(".py")
        for name in forbidden(path.read_text(encoding="utf-8"), module_name(path), path.name == "__init__.py")
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("model.attention", "import numpy as np", ["numpy"]),
        ("model.attention", "from ..ops.numpy import NumpyOps", ["ops.numpy", "ops.numpy"]),
        ("model.attention", "from ..ops import numpy", ["ops.numpy", "ops.numpy"]),
        ("model.attention", "from ..autodiff import Tape", ["autodiff"]),
        ("model.attention", "def f():\n    from ..train import loop", ["train.loop"]),
        ("model.attention", "from jsl_seq2seq.train import loop", ["train.loop"]),
        ("model.attention", "from ..ops.base import Ops\nimport math\nfrom . import layers", []),
        ("ops.numpy", "from ..config import PAD", ["config"]),
        ("ops.numpy", "import numpy\nfrom .base import Ops", []),
        ("ops.wgpu.kernels", "import wgpu\nfrom ..base import Ops", []),
        ("ops.wgpu.kernels", "import torch", ["torch", "torch"]),
        ("text.pairs", "from ..model import Transformer", ["model"]),
        ("train.loop", "from ..cli import console", ["cli.console"]),
        ("train.loop", "import rich.progress", ["rich.progress"]),
        ("train.loop", "from ..model import Transformer\nfrom ..ops.base import Ops", []),
        ("store.files", "import torch.nn", ["torch.nn"]),
        ("store.files", "from .. import cli", ["cli"]),
        ("cli.main", "from . import console\nimport rich", []),
    ],
)
def test_the_guard_sees_a_wrong_arrow(module: str, line: str, wrong: list[str]) -> None:
    assert forbidden(line, module) == wrong


def test_the_guard_reads_a_packages_own_imports() -> None:
    assert list(imports("from .attention import x\nfrom ..ops import base", "model", True)) == [
        "model.attention",
        "ops.base",
    ]
    assert list(imports("from .translator import x\nfrom . import cli", "", True)) == ["translator", "cli"]


@pytest.mark.parametrize("module", [PACKAGE, f"{PACKAGE}.cli"])
def test_a_cold_import_loads_nothing_heavy(module: str) -> None:
    """`--version` and a typo on the command line must not wait for array libraries."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        pytest.skip(f"{module} does not exist yet")
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert PACKAGE in loaded
    assert not loaded & {"numpy", "torch", "wgpu", "rich", "safetensors", "tokenizers", "numba"}


def test_no_file_is_long() -> None:
    lengths = {path.name: path.read_text(encoding="utf-8").count("\n") for path in sources(".py", ".wgsl")}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_no_emoji() -> None:
    found = [
        path.name
        for path in sources(".py", ".wgsl", ".tsv", ".toml", ".md")
        if EMOJI.search(path.read_text(encoding="utf-8"))
    ]
    assert not found
    assert EMOJI.search("done \N{SPARKLES}") and not EMOJI.search("日本語ー。、！？→×√Σ≤ ✓")


def test_text_files_name_their_encoding() -> None:
    found = {
        module_name(path): lines
        for path in sources(".py")
        if (lines := without_encoding(path.read_text(encoding="utf-8")))
    }
    assert not found


@pytest.mark.parametrize(
    ("call", "caught"),
    [
        ("open(p)", True),
        ("open(p, 'w')", True),
        ("open(p, mode='a')", True),
        ("p.open()", True),
        ("p.open('w')", True),
        ("p.read_text()", True),
        ("p.write_text(t)", True),
        ("open(p, 'rb')", False),
        ("open(p, 'w', encoding='utf-8')", False),
        ("p.open('wb')", False),
        ("p.open(mode='rb')", False),
        ("p.read_text(encoding='utf-8')", False),
        ("os.open(p, os.O_RDONLY)", False),
        ("backend.open(None)", False),
    ],
)
def test_the_guard_sees_a_missing_encoding(call: str, caught: bool) -> None:
    assert bool(without_encoding(call)) == caught
