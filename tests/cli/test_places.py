"""Every option and argument that takes a path, with every kind of place that cannot be used.

Each command line of :data:`LINES` is complete and works. One of its paths at a time is put where it cannot be used.
The command ends in words with a stable code that say the reason, before any work, or does what was asked, which a
folder that may not be listed, say, does not hinder. The suite tries some kinds with each path, ``pytest -m slow``
all.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main

from jsl_seq2seq.cli import console
from jsl_seq2seq.cli.app import COMMANDS, PLACES, application
from jsl_seq2seq.corpus.lexicon import read_lexicon
from jsl_seq2seq.errors import JslError
from jsl_seq2seq.interop.burn import import_burn
from jsl_seq2seq.store import save_model
from jsl_seq2seq.training.trainer import Trainer
from jsl_seq2seq.translate import Translator

from .. import places
from ..interop.burn.test_forged_shapes import small
from ..places import FAULTS
from ..small_models import EIGHT_LINES, trained_open, trained_otherwise, trained_small
from .conftest import Program

LINES = """
train --quiet --epochs 1 --config r:train.toml --data r:data.tsv --valid r:data.tsv --eval r:data.tsv --load R:small \
--save W:new --save-config w:kept.toml --tensorboard W:board --export-weights encoder --export-dir W:exports
train --quiet --epochs 1 --data r:data.tsv --save W:seeds --seeds 2
train --quiet --epochs 121 --data r:data.tsv --save C:small --resume
predict --quiet --load R:open --dictionary r:words.tsv --input r:input.txt --output w:translated.txt
predict --quiet --load R:small --export-attn --export-weights encoder --export-dir W:exports ありがとう
evaluate --quiet --load R:open --dictionary r:words.tsv --data r:data.tsv --report W:report
evaluate --quiet --compare --data r:data.tsv R:small R:other
score --quiet --load R:open --dictionary r:words.tsv --data r:data.tsv
diagnose --quiet --load R:open --dictionary r:words.tsv --html w:page.html ありがとう
serve --quiet --port 0 --load R:open --dictionary r:words.tsv --token-file r:token
serve --quiet --port 0 --model one=R:small
export --quiet --load R:small --export-weights encoder --export-dir W:exports
export --quiet --format huggingface R:small W:there
export --quiet --format onnx R:small W:there
export --quiet --format ctranslate2 R:small W:there
export --quiet --format web R:small W:there
tags --load R:small
dictionary --quiet list R:open
dictionary --quiet add C:open 虎 <本>
dictionary --quiet remove C:open お茶
corpus --count 200 --lexicon R:lexicon W:corpus
corpus --label r:input.txt --output w:labelled.tsv
verify --quiet R:small
compare --quiet --data r:data.tsv R:small R:other
runs --quiet --curve w:curve.svg R:small
import-burn --quiet R:original W:imported
export-burn --quiet R:burn W:back
""".strip().split("\n")
"""``r`` and ``w`` are files that are read and written, ``R`` and ``W`` folders; ``C`` is a folder that is changed."""

_ASKED = {
    "r": places.READ_FILE,
    "R": places.READ_FOLDER,
    "w": places.WRITE_FILE,
    "W": places.WRITE_FOLDER,
    "C": places.CHANGE_FOLDER,
}
_NEEDS = {
    "--tensorboard": ["tensorboardX"],
    "serve": ["fastapi", "uvicorn", "httptools", "python_multipart"],
    "onnx": ["onnx"],
    "ctranslate2": ["ctranslate2"],
    "--label": ["sudachipy"],
}


class Case(NamedTuple):
    """A command line, one of its paths, and the place where that is."""

    line: str
    position: int
    fault: str

    def __str__(self) -> str:
        words = self.line.split()
        return f"{words[0]} {words[self.position - 1]} {words[self.position]} {self.fault}"


def _path(word: str) -> tuple[str, places.Asked, str] | None:
    """What stands before a path, what is done with it, and its name; ``None`` for another word."""
    before, equals, rest = word.rpartition("=")
    kind, colon, name = rest.partition(":")
    return (before + equals, _ASKED[kind], name) if colon and kind in _ASKED else None


def _cases() -> Iterator[Any]:
    for line in LINES:
        for position, word in enumerate(line.split()):
            found = _path(word)
            faults = (
                [] if found is None else [name for name, fault in FAULTS.items() if fault.applies(found[1])]
            )
            for number, fault in enumerate(faults):
                # another two kinds with each path; making a corpus takes a second
                usual = (number - 5 * position - len(line)) % len(faults) < 2 and "--lexicon" not in line
                case = Case(line, position, fault)
                yield pytest.param(case, id=str(case), marks=[] if usual else [pytest.mark.slow])


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command lines read."""
    folder = tmp_path_factory.mktemp("sources")
    for name, model in (("small", trained_small()), ("other", trained_otherwise()), ("open", trained_open())):
        save_model(model, folder / name)
    texts = {
        "open/dictionary.tsv": "お茶\t<緑> <飲み物>\n",
        "data.tsv": EIGHT_LINES,
        "words.tsv": "龍\t<竜>\n",
        "input.txt": "お茶を飲む\n本です。\n",
        "token": "not-to-be-guessed\n",
        "train.toml": "batch-size = 3\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copytree(Path(console.__file__).parent.parent / "assets" / "lexicon", folder / "lexicon")
    assert read_lexicon(folder / "lexicon").words
    small().write(folder / "original")
    import_burn(folder / "original", folder / "burn")
    return folder


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has an entry for every step of training and every sentence that is translated; a server ends at once."""
    done: list[str] = []

    def noting(owner: type, name: str) -> None:
        honest = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            done.append(name)
            return honest(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    noting(Trainer, "update_accumulated")
    noting(Translator, "_decoded")
    if all(map(find_spec, _NEEDS["serve"])):
        monkeypatch.setattr("jsl_seq2seq.serve.server.run", lambda *_: None)
    return done


@pytest.mark.skipif(os.name == "nt", reason="other permissions, and links need a privilege")
@pytest.mark.parametrize("case", list(_cases()))
def test_a_place_that_refuses_is_named_with_the_reason(
    case: Case,
    program: Program,
    sources: Path,
    work: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = case.line.split()
    if not all(find_spec(library) for word in words for library in _NEEDS.get(word, ())):
        pytest.skip("a library is missing")
    fault, place = FAULTS[case.fault], tmp_path / str(case.position)
    for number, word in enumerate(words):
        found = _path(word)
        if found is not None:
            before, asked, name = found
            path = tmp_path / str(number) / name
            path.parent.mkdir()
            make = fault.make if number == case.position else places.FAULTS["read-only-medium"].make
            words[number] = before + make(path, asked, sources / name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    errors: list[JslError] = []
    honest = console.report
    monkeypatch.setattr(
        console, "report", lambda error, *args: (errors.append(error), honest(error, *args))[1]
    )
    if fault.reason == errno.EROFS:
        places.make_read_only(place, monkeypatch)
    try:
        with places.bound_by_permissions():
            result = program(*words)
    finally:
        monkeypatch.undo()
        places.open_again(tmp_path)
    if not errors:
        assert result.code == 0 and not fault.refused, result
        return
    [error] = errors
    assert (result.code, result.out) == (error.exit_code, ""), result.err
    assert "エラー: " in result.err and "Traceback" not in result.err
    foreign_link = error.code == "would-overwrite" and case.fault == "loop-of-a-file"
    assert foreign_link or places.is_said(fault.reason, result.err), result.err
    # whether a file of translations fits the sentences is seen once they have been read
    assert not work or error.code == "translations-do-not-fit"


def test_every_path_of_every_command_is_tried() -> None:
    group: Any = typer.main.get_command(application())
    for name in COMMANDS:
        lines = [line.split() for line in LINES if line.split()[0] == name]
        for param in group.commands[name].params:
            if any(place in (param.metavar or "") for place in PLACES):
                option = param.opts[0] if param.param_type_name == "option" else None
                tried = [
                    words[number]
                    for words in lines
                    for number in range(1, len(words))
                    if _path(words[number]) and option in (None, words[number - 1])
                ]
                assert tried, (name, param.name)


def test_a_file_that_fails_meanwhile_is_a_message(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "there")

    monkeypatch.setattr("jsl_seq2seq.cli.app.application", fails)
    result = program("verify", "there")
    assert result.code == 1
    assert result.err.startswith("エラー: ファイルやフォルダーを使えません: there")
