"""What docstrings and comments refer to exists (``:class:``, ``:func:``, ``:meth:`` and the like).

Read from the source itself, so that modules whose libraries are not installed are read, too. A reference is written as
Sphinx has it: a name of the module or of a class in it, a full path, or after a dot the end of a path.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "jsl_seq2seq"
FILES = sorted(PACKAGE.rglob("*.py"))

_ROLE = re.compile(r":(?:class|func|meth|data|attr|mod|exc):`~?([\w.]+)(?:\(\))?`")


def module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}


@cache
def names_in(module: str) -> frozenset[str]:
    """Paths below a module: its names, and behind a dot the members of its classes, those of their bases included."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = _bound(tree.body)
    for name, node in classes.items():
        found |= {f"{name}.{member}" for member in _members(node, classes)}
    return frozenset(found)


def _bound(body: list[ast.stmt]) -> set[str]:
    """Names that statements define or import; those inside of ``if`` and ``try``, too."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        else:
            found |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            for inner in ("body", "orelse", "handlers", "finalbody"):
                found |= _bound(getattr(node, inner, []))
    return found


def _members(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> set[str]:
    own = {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id in ("self", "cls")
    }
    bases = [classes[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in classes]
    return _bound(node.body) | own | {member for base in bases for member in _members(base, classes)}


def _last(module: str) -> str:
    return f"{module.rpartition('.')[2]}."


def has(module: str, path: str) -> bool:
    """Whether a module has a name, or has imported it from another one of the package."""
    known = names_in(module)
    imported = path.partition(".")[0] in known and any(path in names_in(other) for other in MODULES)
    return path in known or imported


def exists(reference: str, module: str) -> bool:
    path = reference.lstrip(".")
    if reference != path:
        return any(
            other.endswith(reference) or has(other, path) or has(other, path.removeprefix(_last(other)))
            for other in MODULES
        )
    if path.startswith("jsl_seq2seq."):
        return path in MODULES or any(
            path.startswith(f"{other}.") and has(other, path.removeprefix(f"{other}.")) for other in MODULES
        )
    first = path.partition(".")[0]
    member = any(name.endswith(f".{path}") for name in names_in(module))
    return has(module, path) or member or hasattr(builtins, first) or first in sys.stdlib_module_names


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_what_is_referred_to_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    missing = [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for match in _ROLE.finditer(text)
        if not exists(match[1], module_of(file))
    ]
    assert missing == []


def test_what_does_not_exist_is_found() -> None:
    module = "jsl_seq2seq.model.attention"
    assert exists("MultiHeadAttention.attend", module) and exists("attend", module)
    assert exists(".TrainingOps.cross_entropy", module) and exists("jsl_seq2seq.store.load_model", module)
    assert not exists("MultiHeadAttention.attended", module) and not exists("cross_entropy", module)
    assert not exists(".TrainingOps.entropy", module) and not exists("jsl_seq2seq.store.load", module)
