"""The documents: their examples run, their quotations are the code's, their commands and links exist.

What a code block asks for (docs/README.md says it to writers):

    ```python run      must run, beside a model in models/first
    ```python exact    must run and print the ```text block that follows
    ```sh exact        must run, beside the tour's model in models/tour, and print these lines
    ```python          that begins with ``# model/x.py: name`` must stand in that file, which must have
                       that function; a line ``# …`` leaves lines out
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import tomllib
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from jsl_seq2seq.cli.app import application, with_verb
from jsl_seq2seq.cli.config_file import ConfigFile
from jsl_seq2seq.cli.console import is_usage_error
from jsl_seq2seq.cli.usage import usage_error
from jsl_seq2seq.settings import ModelConfig, TrainingConfig, VocabSize
from jsl_seq2seq.store import Progress, save_model, tour_model

from .processes import run_program
from .small_models import trained_starter

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "jsl_seq2seq"
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
LARGEST_PICTURE = 200_000

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\"")
_QUOTED_FROM = re.compile(r"# ([\w/]+\.py): (?:\w+\.)?(\w+)\n")
_GAP = re.compile(r"^\s*# …\n", re.MULTILINE)
_SHELLS = ("", "sh", "sh exact", "bash", "console", "powershell")
_SHELL_SIGNS = ("|", ">", ">>", "<", "&&", ";")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    info: str
    body: str
    followed_by: str
    """The body of the ``text`` block right behind it, or nothing."""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in _FENCE.finditer(text):
        after = _FENCE.match(text, match.end() + 2)
        followed_by = after[2] if after and after[1] == "text" else ""
        line = text.count("\n", 0, match.start()) + 1
        blocks.append(Block(page, line, match[1].strip(), match[2], followed_by))
    return blocks


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUNNABLE = [block for block in BLOCKS if block.info in ("python run", "python exact")]
EXACT_COMMANDS = [block for block in BLOCKS if block.info == "sh exact"]
QUOTED = [block for block in BLOCKS if block.info == "python" and _QUOTED_FROM.match(block.body)]


def commands_of(page: Path) -> list[list[str]]:
    """The arguments of every ``jsl-seq2seq`` command line in fences and code spans."""
    text = page.read_text(encoding="utf-8")
    fenced = [block.body for block in blocks_of(page) if block.info in _SHELLS]
    spans = [match[2] for match in _CODE_SPAN.finditer(_FENCE.sub("", text))]
    found = []
    for chunk in [*fenced, *spans]:
        for line in re.sub(r"[\\`]\n", " ", chunk).splitlines():
            command = re.search(r"(?:^|[|;&]\s*|\$\s+|>\s+|-m\s+)jsl[-_]seq2seq(?:\s+(.*))?$", line.strip())
            if command:
                words = shlex.split(command[1] or "", comments=True)
                stop = next((i for i, word in enumerate(words) if word in _SHELL_SIGNS), None)
                found.append([word for word in words[:stop] if word not in ("…", "...")])
    return found


COMMANDS = [(page, words) for page in PAGES for words in commands_of(page)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader stands after the first chapter: a folder with a trained model in models/first, and the tour's."""
    path = tmp_path_factory.mktemp("reader")
    save_model(trained_starter().model, path / "models" / "first")
    shutil.copytree(tour_model(), path / "models" / "tour")
    return path


@pytest.mark.parametrize("block", RUNNABLE, ids=str)
def test_example_runs(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.body, str(block), "exec"), {"__name__": "__main__"})
    if block.info == "python exact":
        assert printed.getvalue() == block.followed_by, f"{block}: update the text block"


@pytest.mark.parametrize("block", EXACT_COMMANDS, ids=str)
def test_command_prints(block: Block, folder: Path) -> None:
    """Both of its outputs, of which each keeps its order."""
    printed: list[str] = []
    for line in block.body.splitlines():
        name, *arguments = shlex.split(line)
        assert name == "jsl-seq2seq"
        done = run_program(arguments, folder)
        printed += [*done.stdout.decode().splitlines(), *done.stderr.decode().splitlines()]
    assert sorted(printed) == sorted(block.followed_by.splitlines()), f"{block}: update the text block"


@pytest.mark.parametrize("block", QUOTED, ids=str)
def test_quotation_is_the_code(block: Block) -> None:
    source = _QUOTED_FROM.match(block.body)
    assert source
    code = (PACKAGE / source[1]).read_text(encoding="utf-8")
    assert re.search(rf"def {source[2]}\b", code), f"{block}: no {source[2]} in {source[1]}"
    code, start = _essence(code), 0
    for part in map(_essence, _GAP.split(block.body[source.end() :])):
        found = code.find(part, start)
        assert found >= 0, f"{block}: {source[1]} no longer says\n{part}"
        start = found + len(part) - 1


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=lambda value: getattr(value, "name", None))
def test_command_exists(page: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "jsl_seq2seq.cli.config_file.read_config_file", lambda path, _: ConfigFile(path, {}, {})
    )
    group = get_command(application())
    assert isinstance(group, TyperGroup)
    verb, *rest = with_verb(words) or [""]
    command, arguments = (group.commands[verb], rest) if verb in group.commands else (group, words)
    assert command is not group or not verb or verb.startswith("-"), f"{page.name}: no command {verb}"
    try:
        command.make_context(verb or "jsl-seq2seq", arguments)
    except typer.Exit:
        pass  # --help and --version print and leave
    except Exception as error:
        if not is_usage_error(error):
            raise
        pytest.fail(f"{page.name}: jsl-seq2seq {shlex.join(words)}: {usage_error(error).what}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_can_be_pasted_into_any_shell(page: Path) -> None:
    """An interactive zsh takes ``# …`` for arguments, and PowerShell has no ``<``."""
    text = page.read_text(encoding="utf-8")
    fenced = [block.body for block in blocks_of(page) if block.info in _SHELLS and block.info]
    spans = [match[2] for match in _CODE_SPAN.finditer(_FENCE.sub("", text))]
    for line in "\n".join(
        [*fenced, *(span for span in spans if span.startswith("jsl-seq2seq"))]
    ).splitlines():
        assert not re.search(r"\s(#|<\s)", re.sub(r"\"[^\"]*\"|'[^']*'", "", line)), f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in _LINK.finditer(text):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        goal = page.parent / file if file else page
        assert goal.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(goal), f"{page.name}: {target}"


def test_the_page_of_the_package_stands_alone() -> None:
    """What an index shows of a wheel has no other file beside it; the extras that it names exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / project["readme"]).read_text(encoding="utf-8")
    links = [match[1] or match[2] for match in _LINK.finditer(_FENCE.sub("", text))]
    assert [link for link in links if not link.startswith("https://")] == []
    named = set(re.findall(r"jsl-seq2seq\[(\w+)\]", text))
    known = set(project["optional-dependencies"])
    assert named <= known and known - named <= {"test", "kernels", "browser"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_extras_exist(page: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(
        r"pip install [^`\n]*?(?:\.|jsl-seq2seq)\[([\w,]+)\]", page.read_text(encoding="utf-8")
    ):
        assert set(extras.split(",")) <= set(project["optional-dependencies"]), page.name


@pytest.mark.parametrize(
    ("heading", "settings"),
    [
        ("`model`: モデルの形", ModelConfig(VocabSize(4, 4))),
        ("`training`: 学習のしかた", TrainingConfig()),
        ("`progress`: どこまで進んだか", Progress()),
    ],
    ids=["model", "training", "progress"],
)
def test_every_field_of_config_json_is_described(heading: str, settings: Any) -> None:
    """A row for each field, and the default that it names."""
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    section = text.partition(f"### {heading}\n")[2].partition("\n#")[0]
    described: dict[str, str] = {}
    for row in re.findall(r"^\| (`.*) \|$", section, re.MULTILINE):
        names, _, *default = row.split(" | ")
        keys = [name.strip("`").partition(".")[0] for name in names.split("、")]
        values = re.sub(r"（.*）", "", default[0]).split("、") if default else [""]
        described |= zip(keys, values * len(keys) if len(values) == 1 else values, strict=True)
    assert set(described) == {field.name for field in fields(settings)}
    for name, default in described.items():
        if default and name != "vocab_size":
            assert default.strip("`") == json.dumps(getattr(settings, name)).strip('"'), name


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").iterdir()), ids=lambda path: path.name)
def test_picture_is_small_and_shown(picture: Path) -> None:
    assert picture.stat().st_size < LARGEST_PICTURE
    if picture.suffix == ".svg":
        ElementTree.parse(picture)
    assert any(f"images/{picture.name}" in page.read_text(encoding="utf-8") for page in PAGES)


def test_blocks_are_found() -> None:
    """Guards the guards: a change of notation must not leave everything unchecked."""
    assert RUNNABLE and QUOTED and COMMANDS and EXACT_COMMANDS


def _essence(code: str) -> str:
    """Code without indentation and blank lines, one line break before and behind each line."""
    lines = [line.strip() for line in code.splitlines()]
    return "\n" + "\n".join(line for line in lines if line) + "\n"


def _anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
