"""Every error has a stable code, the rooms below cli/ name no option, and docs/errors.md lists all codes.

Read from the source: a construction of one of them gives its code as a literal.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jsl_seq2seq.cli.hints import HINTS
from jsl_seq2seq.errors import Failure, JslError, UserError

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "jsl_seq2seq"
PAGE = ROOT / "docs" / "errors.md"

PRINTS_COMMANDS = {"store/card.py"}
"""Writes a model's README, whose content is commands."""

ERRORS = ("UserError", "LibraryError", "Failure", "JslError")
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_OPTION = re.compile(r"(?<!install )(?<![\w-])--[a-z]|jsl-seq2seq [a-z-]")
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (\w+(?:、\w+)*) \|\s*([^|]*?)\s*\| ([^|]+) \|$", re.M)


@dataclass(frozen=True)
class Raised:
    """One construction of an error, or a call of a function that makes one under the code it is given.

    Attributes:
        kind: the class; empty for such a call.
        code: empty if it is no literal.
        open: whether there are facts that cannot be read here.
    """

    file: str
    line: int
    kind: str
    code: str
    facts: frozenset[str] = frozenset()
    open: bool = False


def raised_in(source: str, file: str) -> Iterator[Raised]:
    tree = ast.parse(source)
    passed_on = {id(node) for function in _makers(tree).values() for node in ast.walk(function)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        code = given.get("code")
        if name in ERRORS:
            if id(node) in passed_on and isinstance(code, ast.Name) and code.id == "code":
                continue  # the literal stands where the function is called
            facts = frozenset(fact for fact in given if fact and fact not in ("code", "what", "hint"))
            yield Raised(file, node.lineno, name, _literal(code), facts, None in given)
        elif (place := _place_of_code(name, file)) is not None:
            code = code or (node.args[place] if place < len(node.args) else None)
            if not (id(node) in passed_on and isinstance(code, ast.Name) and code.id == "code"):
                yield Raised(file, node.lineno, "", _literal(code), open=True)


def _makers(tree: ast.AST) -> dict[str, ast.FunctionDef]:
    """Functions with a parameter ``code``: they make an error under the code that they are given."""
    return {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name != "__init__"
        and "code" in [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
    }


def _literal(code: ast.expr | None) -> str:
    return code.value if isinstance(code, ast.Constant) and isinstance(code.value, str) else ""


def words_in(source: str) -> Iterator[tuple[int, str]]:
    """Every string of the source but docstrings."""
    tree = ast.parse(source)
    docstrings = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def files() -> Iterator[tuple[str, str]]:
    """Name and source of every file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        yield name, path.read_text(encoding="utf-8")


def _place(function: ast.FunctionDef) -> int:
    arguments = function.args
    return [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)].index("code")


MAKERS = {
    (name, file if name.startswith("_") else ""): _place(function)
    for file, source in files()
    for name, function in _makers(ast.parse(source)).items()
}
"""Name and, of a private one, file of such a function -> which of its arguments is the code."""


def _place_of_code(name: str, file: str) -> int | None:
    return MAKERS.get((name, file if name.startswith("_") else ""))


def raised() -> list[Raised]:
    return [one for name, source in files() for one in raised_in(source, name)]


def documented() -> dict[str, tuple[set[str], set[str]]]:
    """Code -> kinds and facts, as the page has them."""
    rows = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len({code for code, *_ in rows}) == len(rows), "a code twice"
    return {
        code: (set(kinds.split("、")), set(re.findall(r"`(\w+)`", facts))) for code, kinds, facts, _ in rows
    }


def test_every_error_has_a_literal_code() -> None:
    assert [f"{one.file}:{one.line}" for one in raised() if not _CODE.fullmatch(one.code)] == []


def test_only_the_command_line_names_options_and_commands() -> None:
    found = [
        f"{name}:{line}: {text}"
        for name, source in files()
        for line, text in words_in(source)
        if not name.startswith("cli/") and name not in PRINTS_COMMANDS and _OPTION.search(text)
    ]
    assert found == []


def test_every_hint_belongs_to_an_error() -> None:
    assert set(HINTS) <= {one.code for one in raised()}


def test_the_page_lists_every_code() -> None:
    codes: dict[str, tuple[set[str], set[str], bool]] = {}
    for one in raised():
        kinds, facts, more = codes.setdefault(one.code, (set(), set(), False))
        codes[one.code] = (kinds | ({one.kind} - {""}), facts | one.facts, more or one.open)
    rows = documented()
    assert set(rows) <= set(codes), "codes that nothing raises"
    assert {one.code for one in raised()} <= set(rows), "add these to docs/errors.md"
    for code, (kinds, facts) in rows.items():
        raised_kinds, raised_facts, more = codes[code]
        assert kinds == raised_kinds or (more and kinds >= raised_kinds), code
        assert facts == raised_facts or (more and facts >= raised_facts), code


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("raise UserError('x', code='a-b', path=1)", [("a-b", {"path"})]),
        ("UserError('x')", [("", set())]),
        ("Failure('x', 'y', code=which)", [("", set())]),
        ("JslError('x', code='a', **facts)", [("a", set())]),
        ("ValueError('x')", []),
    ],
)
def test_the_guard_sees_errors(source: str, codes: list[tuple[str, set[str]]]) -> None:
    assert [(one.code, set(one.facts)) for one in raised_in(source, "")] == codes


def test_the_guard_sees_options() -> None:
    source = '"""--load"""\ndef f():\n    """--save"""\n    return "x", f"--beam {f}"'
    assert [text for _, text in words_in(source) if _OPTION.search(text)] == ["--beam "]
    assert _OPTION.search("jsl-seq2seq train") and _OPTION.search("指定は --data で")
    assert not _OPTION.search("pip install --upgrade jsl-seq2seq") and not _OPTION.search("a--b")


def test_facts_are_attributes_and_json() -> None:
    error = UserError(
        "x", "y", code="z", path=Path("a") / "b", high=math.inf, names=("p", "q"), more={"k": None}
    )
    assert error.path == Path("a") / "b" and str(error) == "x\ny" and error.exit_code == 2
    values = error.to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values == {
        "error": "x",
        "hint": "y",
        "code": "z",
        "facts": {"path": str(Path("a") / "b"), "high": "inf", "names": ["p", "q"], "more": {"k": None}},
    }
    with pytest.raises(AttributeError, match="line"):
        _ = error.line
    assert Failure("x").exit_code == 1 and issubclass(Failure, JslError)
