"""Imports between rooms only point down, read from the source itself.

The rooms stand in one order; a module may import from its own room and from rooms below it. Libraries are
listed room by room. There are no exceptions: an arrow that is not allowed is a decision to take in ROOMS.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = "jsl_seq2seq"
SRC = Path(__file__).parents[1] / "src"
STDLIB = sys.stdlib_module_names

ROOMS = (
    "cli",
    "serve",
    "render",
    "interop",
    "training",
    "evaluation",
    "translate",
    "store",
    "search",
    "corpus",
    "data",
    "model",
    "tokenize",
    "backends",
    "settings",
    "io",
    "extras",
    "errors",
    "version",
)
"""From top to bottom. ``__main__`` and the package's own ``__init__`` stand above all of them."""

NOT_FROM = {
    "model": {
        "tokenize",
        "backends.numpy",
        "backends.wgpu",
        "backends.torch",
        "backends.int8",
        "backends.numba",
        "backends.registry",
    },
    "search": {
        "corpus",
        "tokenize",
        "backends.numpy",
        "backends.wgpu",
        "backends.torch",
        "backends.int8",
        "backends.numba",
    },
    "corpus": {"model", "backends"},
    "backends.interface": {"settings", "io", "extras", "errors"},
}
"""What a room may not import although it lies below: the model knows one interface and nothing else."""

LIBRARIES = {
    "numpy": set(ROOMS) - {"model", "settings", "io", "extras", "errors", "version", "cli"}
    | {"model.initialization", "model.parameters"},
    "safetensors": {"store"},
    "filelock": {"io.files", "data.cache"},
    "pydantic": {"store.schemas", "store.directory", "interop", "serve.schemas"},
    "tokenizers": {"tokenize.subword"},
    "sudachipy": {"corpus.sudachi"},
    "sacrebleu": {"evaluation"},
    "wgpu": {"backends.wgpu"},
    "torch": {"backends.torch"},
    "triton": {"backends.torch"},
    "numba": {"backends.int8"},
    "llvmlite": {"backends.int8"},
    "onnx": {"interop.onnx"},
    "ctranslate2": {"interop.ctranslate2"},
    "jinja2": {"render.pages"},
    "tensorboardX": {"training.record"},
    "typer": {"cli"},
    "rich": {"cli"},
    "tomli_w": {"cli.config_file"},
    "fastapi": {"serve"},
    "starlette": {"serve"},
    "uvicorn": {"serve.server"},
}
"""Who may import a library: rooms or modules. Every other library is nobody's."""

BACKEND_PACKAGES = ("numpy", "wgpu", "torch", "int8", "numba")
"""One backend may import another only to build on it."""
BUILDS_ON = {"int8": {"numpy"}, "numba": {"int8"}}

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


def room_of(module: str) -> str:
    """The room that a module lies in; empty for the package itself and ``__main__``."""
    first = module.split(".")[0]
    return "" if first in ("", "__main__") else first


def forbidden(source: str, module: str, is_package: bool = False) -> list[str]:
    """The imports that no arrow allows."""
    found = [
        name
        for name in imports(source, module, is_package)
        if is_ours(name) or name.split(".")[0] not in STDLIB
    ]
    return [name for name in found if not allowed(module, name)]


def allowed(module: str, target: str) -> bool:
    """Whether ``module`` may import ``target``, a module of ours or a library."""
    here, there = room_of(module), room_of(target)
    if there in LIBRARIES and not is_ours(target):
        return any(within(module, user) for user in LIBRARIES[there])
    if not is_ours(target):
        return False
    if any(
        within(module, room) and within(target, banned)
        for room, barred in NOT_FROM.items()
        for banned in barred
    ):
        return False
    if within(module, "backends") and within(target, "backends"):
        return _backend_may(module, target)
    if here == there or here == "" or there == "":
        return here == "" or there != ""
    return ROOMS.index(here) < ROOMS.index(there)


def _backend_may(module: str, target: str) -> bool:
    """Within ``backends``: interface and tape know no backend, a backend knows no other, the registry knows all."""
    if within(module, "backends.registry") or module == "backends":
        return True
    own = next((name for name in BACKEND_PACKAGES if within(module, f"backends.{name}")), None)
    other = next((name for name in BACKEND_PACKAGES if within(target, f"backends.{name}")), None)
    if within(target, "backends.registry"):
        return False
    return other is None or other == own or other in BUILDS_ON.get(own or "", set())


def is_ours(target: str) -> bool:
    """Whether a module of that name exists in the package."""
    path = SRC / PACKAGE / Path(*target.split(".")) if target else SRC / PACKAGE
    return path.is_dir() or path.with_suffix(".py").exists()


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


def test_every_room_has_its_place() -> None:
    """A folder or module at the top of the package is listed, and nothing is listed that is not there."""
    there = {
        path.stem
        for path in (SRC / PACKAGE).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - {"__init__", "__main__"} == set(ROOMS)


def test_no_cycle_between_rooms() -> None:
    """Whatever the tables say, the rooms can be sorted: no room reaches itself through others."""
    arrows: dict[str, set[str]] = {}
    for path in sources(".py"):
        module = module_name(path)
        text = path.read_text(encoding="utf-8")
        for name in imports(text, module, path.name == "__init__.py"):
            if is_ours(name) and room_of(name) not in ("", room_of(module)):
                arrows.setdefault(room_of(module), set()).add(room_of(name))
    assert tuple(TopologicalSorter(arrows).static_order())


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("model.attention", "import numpy as np", ["numpy"]),
        ("model.attention", "from ..backends.numpy import NumpyOps", ["backends.numpy"]),
        ("model.attention", "from ..backends import numpy", ["backends.numpy"]),
        ("model.attention", "def f():\n    from ..training import loop", ["training.loop"]),
        ("model.attention", "from jsl_seq2seq.training import loop", ["training.loop"]),
        ("model.attention", "from ..backends.interface import Ops\nimport math\nfrom . import layers", []),
        ("backends.numpy", "from ..tokenize import Vocabulary", ["tokenize"]),
        ("backends.numpy", "import numpy\nfrom .interface import Ops", []),
        ("backends.wgpu.kernels", "import wgpu\nfrom ..interface import Ops", []),
        ("backends.wgpu.kernels", "import torch", ["torch"]),
        ("backends.wgpu.kernels", "from ..torch import TorchOps", ["backends.torch"]),
        ("backends.interface", "from .tape import Tape", []),
        ("tokenize.tags", "from ..model import Transformer", ["model"]),
        ("training.loop", "from ..cli import console", ["cli.console"]),
        ("training.loop", "import rich.progress", ["rich.progress"]),
        ("training.loop", "from ..model import Transformer\nfrom ..backends.interface import Ops", []),
        ("store.directory", "import torch.nn", ["torch.nn"]),
        ("store.directory", "from .. import cli", ["cli"]),
        ("store.verification", "from ..interop.burn import original_bytes", ["interop.burn"]),
        ("cli.app", "from . import console\nimport rich", []),
        ("cli.app", "import pandas", ["pandas"]),
    ],
)
def test_the_guard_sees_a_wrong_arrow(module: str, line: str, wrong: list[str]) -> None:
    assert forbidden(line, module) == wrong


def test_the_guard_reads_a_packages_own_imports() -> None:
    assert list(imports("from .attention import x\nfrom ..backends import interface", "model", True)) == [
        "model.attention",
        "backends.interface",
    ]
    assert list(imports("from .translate.translator import x\nfrom . import cli", "", True)) == [
        "translate.translator",
        "cli",
    ]


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
    heavy = {
        "numpy",
        "torch",
        "wgpu",
        "rich",
        "jinja2",
        "safetensors",
        "tokenizers",
        "numba",
        "pydantic",
        "fastapi",
    }
    assert not loaded & heavy


def reads_environment(source: str) -> list[int]:
    """Lines that read or write an environment variable."""
    names = ("environ", "environb", "getenv", "getenvb", "putenv", "unsetenv")
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and any(alias.name in names for alias in node.names))
    ]


def test_one_file_reads_the_environment() -> None:
    found = {
        module_name(path) for path in sources(".py") if reads_environment(path.read_text(encoding="utf-8"))
    }
    assert found == {"settings.environment"}
    assert set(reads_environment("import os\nos.getenv('X')\nfrom os import environ")) == {2, 3}


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
