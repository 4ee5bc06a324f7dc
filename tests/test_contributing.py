"""CONTRIBUTING.md is true: its rooms and paths exist, and each table that it names has all that the code has."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from importlib import import_module
from inspect import isabstract, isfunction
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typer.models import ParameterInfo

from jsl_seq2seq.backends.interface import TrainingOps
from jsl_seq2seq.backends.registry import AUTO, BACKENDS, PRECISIONS
from jsl_seq2seq.cli.app import COMMANDS
from jsl_seq2seq.interop.formats import FORMATS
from jsl_seq2seq.render.pages import environment
from jsl_seq2seq.tokenize import SOURCE_TOKENIZERS, TARGET_TOKENIZERS, Tokenizer, tokenizer
from jsl_seq2seq.translate import BackendName, Precision

from .backend_cases import KNOWN, make_ops, missing
from .backend_cases import NAMES as TRAINABLE
from .test_architecture import BACKEND_PACKAGES, ROOMS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "jsl_seq2seq"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

PATHS = sorted(
    {path for path in re.findall(r"`([\w./-]+)`", TEXT) if "/" in path or path.endswith((".py", ".html"))}
)
NAMED = sorted(
    {
        (path, name)
        for path, names in re.findall(r"`([\w/]+\.py)` の ((?:`\w+`(?:・|か| か )?)+(?: ?か `\w+`)?)", TEXT)
        for name in re.findall(r"`(\w+)`", names)
    }
)
"""What the page says to be in a file: ``path`` の ``name``."""


def place(path: str) -> Path:
    """A path of the page: from the repository, from the package, or a template's."""
    places = [base / path for base in (ROOT, PACKAGE, PACKAGE / "render" / "templates")]
    return next((found for found in places if found.exists()), places[0])


def modules(room: str) -> list[str]:
    """The modules and packages right in a room, without ``__init__``."""
    return sorted(
        path.stem
        for path in (PACKAGE / room).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    )


def defined(path: Path) -> set[str]:
    """The names that a file defines at its top."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def test_the_page_names_places() -> None:
    """Guards the guards: a change of notation must not leave everything unchecked."""
    tables = {"BACKENDS", "COMMANDS", "SOURCE_TOKENIZERS", "TARGET_TOKENIZERS", "HINTS", "ROOMS", "LIBRARIES"}
    assert {name for _, name in NAMED} >= {*tables, "InferenceOps", "DecodingOps", "TrainingOps", "make_ops"}
    assert len(PATHS) > 30


@pytest.mark.parametrize("path", PATHS)
def test_a_named_path_exists(path: str) -> None:
    assert place(path).exists()


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_thing_is_in_its_file(path: str, name: str) -> None:
    assert name in defined(place(path))


def test_the_rooms_stand_in_the_order_of_the_architecture() -> None:
    section = TEXT.split("\n## ")[1]
    rows = re.findall(r"^\| `([\w.]+)/?` \| (.+) \|$", section, re.M)
    assert tuple(room.removesuffix(".py") for room, _ in rows) == ROOMS
    assert all(what.strip() for _, what in rows)


def _trains(name: str) -> bool:
    """Whether a backend's operations can train. One that is missing here counts as it is listed."""
    return name in TRAINABLE if missing(name) else isinstance(make_ops(name), TrainingOps)


def test_every_backend_is_in_the_registry_and_the_shared_suite() -> None:
    opened = {
        name
        for name in modules("backends")
        for path in [PACKAGE / "backends" / f"{name}.py", PACKAGE / "backends" / name / "__init__.py"]
        if path.exists() and "open_backend" in defined(path)
    }
    assert opened == {module for each in BACKENDS.values() for module in each.values()}
    assert opened == set(BACKEND_PACKAGES)
    assert set(KNOWN) == set(BACKENDS) | (opened - {"numpy"})
    assert set(TRAINABLE) == {name for name in BACKENDS if _trains(name)}


def test_the_types_of_the_library_name_every_backend_and_precision() -> None:
    assert set(get_args(BackendName)) == {AUTO, *BACKENDS}
    translating = {name for name, uses in PRECISIONS.items() if "translation" in uses}
    assert set(get_args(Precision)) == translating


def test_every_command_is_in_the_table() -> None:
    found = set()
    for name in modules("cli"):
        module = import_module(f"jsl_seq2seq.cli.{name}")
        for function in vars(module).values():
            if not isfunction(function) or function.__module__ != module.__name__:
                continue
            if function.__name__.startswith("_"):
                continue
            hints = get_type_hints(function, include_extras=True).values()
            if any(isinstance(info, ParameterInfo) for hint in hints for info in get_args(hint)):
                found.add((name, function.__name__))
    assert found == {(module, verb.replace("-", "_")) for verb, (module, _) in COMMANDS.items()}


def test_every_format_is_read_for_some_ending() -> None:
    tables = [
        table
        for name in [f".{stem}" for stem in modules("data")]
        for attribute, table in vars(import_module(f"jsl_seq2seq.data{name}")).items()
        if attribute.lstrip("_") == "FORMATS"
    ]
    assert tables and all(table is tables[0] for table in tables)
    written = {
        id(value)
        for name in modules("data/formats")
        for value in vars(import_module(f"jsl_seq2seq.data.formats.{name}")).values()
        if type(value).__name__ == "Format"
    }
    others = import_module("jsl_seq2seq.data.formats.tsv").TSV  # whatever the ending
    assert written == {id(value) for value in tables[0].values()} | {id(others)}
    assert len(written) > 2


def test_every_tokenizer_is_in_its_table() -> None:
    classes = {
        value
        for value in vars(tokenizer).values()
        if isinstance(value, type) and issubclass(value, Tokenizer) and not isabstract(value)
    }
    assert classes == {*SOURCE_TOKENIZERS.values(), *TARGET_TOKENIZERS.values()}


def test_every_foreign_format_has_a_command_and_tests() -> None:
    commands = "\n".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "cli").glob("*.py"))
    exported = {found.module for found in FORMATS.values()}
    folders = {path.parent.name for path in (PACKAGE / "interop").glob("*/__init__.py")}
    assert exported <= folders
    for name in folders:
        assert name in exported or f"interop.{name}" in commands
        assert list((ROOT / "tests" / "interop" / name).glob("test_*.py"))


def test_every_page_inherits_the_base_and_is_rendered() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "render").glob("*.py"))
    names = environment().list_templates(extensions=["html"])
    texts = {name: place(name).read_text(encoding="utf-8") for name in names}
    pages = {name for name, text in texts.items() if text.startswith('{% extends "base.html" %}')}
    assert len(pages) > 3
    assert {name for name in pages if f'"{name}"' not in code} == set()
    parts = {found for text in texts.values() for found in re.findall(r'{% from "(.+?)"', text)}
    assert set(names) == pages | parts | {"base.html"}


def test_the_repository_has_one_address() -> None:
    """No address anywhere, or the same one in all four places."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = json.loads((ROOT / "web" / "package.json").read_text(encoding="utf-8"))
    found = [project.get("urls", {}).get("Repository"), package.get("repository")]
    found = [one["url"] if isinstance(one, dict) else one for one in found]
    for readme in ("README.md", "README.en.md"):
        cloned = re.search(r"git clone (\S+)", (ROOT / readme).read_text(encoding="utf-8"))
        found.append(cloned and cloned.group(1))
    assert len({one and re.sub(r"^git\+|\.git$|/$", "", one) for one in found}) == 1, found
