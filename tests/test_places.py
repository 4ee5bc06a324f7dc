"""Every function of the library that takes a path, with every kind of place that cannot be used; tests/cli/ has the
commands."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.corpus import write_splits
from jsl_seq2seq.corpus.lexicon import read_lexicon
from jsl_seq2seq.data import read_corpus
from jsl_seq2seq.errors import JslError
from jsl_seq2seq.interop.burn import export_burn, import_burn
from jsl_seq2seq.interop.formats import export_model
from jsl_seq2seq.render import pages
from jsl_seq2seq.render.curve import write_curve
from jsl_seq2seq.render.export import export_weights
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.store.verification import verify
from jsl_seq2seq.training import TrainingJob, TrainingRequest
from jsl_seq2seq.translate import Translator
from jsl_seq2seq.translate.dictionary import Dictionary, drop_entry, keep_entry

from . import places
from .interop.burn.test_forged_shapes import small
from .places import FAULTS, Asked
from .small_models import EIGHT_LINES, trained_open, trained_small

CALLS: dict[str, tuple[Asked, str, Callable[[Path, Path], Any]]] = {
    "Translator.load": (places.READ_FOLDER, "open", lambda path, _: Translator.load(path, "ndarray")),
    "Translator.load dictionary": (
        places.READ_FILE,
        "words.tsv",
        lambda path, sources: Translator.load(sources / "open", "ndarray", dictionary=path),
    ),
    "load_model": (places.READ_FOLDER, "small", lambda path, _: load_model(path)),
    "save_model": (places.WRITE_FOLDER, "new", lambda path, _: save_model(trained_small(), path)),
    "save_model again": (places.CHANGE_FOLDER, "small", lambda path, _: save_model(trained_small(), path)),
    "verify": (places.READ_FOLDER, "small", lambda path, _: verify(path)),
    "read_corpus": (places.READ_FILE, "data.tsv", lambda path, _: read_corpus(path)),
    "TrainingJob data": (
        places.READ_FILE,
        "data.tsv",
        lambda path, _: TrainingJob(TrainingRequest({}, "ndarray", data=path)),
    ),
    "TrainingJob load": (
        places.READ_FOLDER,
        "small",
        lambda path, sources: TrainingJob(
            TrainingRequest({}, "ndarray", data=sources / "data.tsv", load=path)
        ),
    ),
    "Dictionary.read": (places.READ_FILE, "words.tsv", lambda path, _: Dictionary.read(path)),
    "keep_entry": (places.CHANGE_FOLDER, "open", lambda path, _: keep_entry(path, "虎", "<本>")),
    "drop_entry": (places.CHANGE_FOLDER, "open", lambda path, _: drop_entry(path, "お茶")),
    "read_lexicon": (places.READ_FILE, "rows.tsv", lambda path, _: read_lexicon(path)),
    "write_splits": (places.WRITE_FOLDER, "corpus", lambda path, _: write_splits(path, 200)),
    "import_burn": (
        places.READ_FOLDER,
        "original",
        lambda path, sources: import_burn(path, sources / "imported"),
    ),
    "import_burn to": (
        places.WRITE_FOLDER,
        "ours",
        lambda path, sources: import_burn(sources / "original", path),
    ),
    "export_burn": (
        places.READ_FOLDER,
        "burn",
        lambda path, sources: export_burn(path, sources / "exported"),
    ),
    "export_burn to": (
        places.WRITE_FOLDER,
        "theirs",
        lambda path, sources: export_burn(sources / "burn", path),
    ),
    "export_model": (
        places.WRITE_FOLDER,
        "there",
        lambda path, _: export_model(trained_small(), "huggingface", path),
    ),
    "export_weights": (
        places.WRITE_FOLDER,
        "there",
        lambda path, _: export_weights(
            trained_small().parameters, trained_small().tokenizers, ["encoder"], path
        ),
    ),
    "pages.write": (places.WRITE_FILE, "page.html", lambda path, _: pages.write(path, "")),
    "write_curve": (places.WRITE_FILE, "curve.svg", lambda path, _: write_curve(path, "<svg/>")),
}
"""What is done with a path, its name, and a call with it that works, which may read the sources, too."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    save_model(trained_small(), folder / "small")
    save_model(trained_open(), folder / "open")
    texts = {
        "open/dictionary.tsv": "お茶\t<緑> <飲み物>\n",
        "data.tsv": EIGHT_LINES,
        "words.tsv": "龍\t<竜>\n",
        "rows.tsv": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    small().write(folder / "original")
    import_burn(folder / "original", folder / "burn")
    return folder


def _cases() -> Iterator[Any]:
    for place, (name, (asked, _, _)) in enumerate(CALLS.items()):
        faults = [fault for fault in FAULTS if FAULTS[fault].applies(asked)]
        for number, fault in enumerate(faults):
            slow = (number - 5 * place) % len(faults) >= 5 or (
                name == "write_splits" and not FAULTS[fault].refused
            )
            yield pytest.param(name, fault, id=f"{name} {fault}", marks=[pytest.mark.slow] if slow else [])


def _is_foreign_link(error: JslError, fault: str) -> bool:
    """Whether it says that a link is none of our files, where nothing is read through it."""
    return error.code == "would-overwrite" and fault == "loop-of-a-file"


@pytest.mark.skipif(os.name == "nt", reason="other permissions, and links need a privilege")
@pytest.mark.parametrize(("name", "fault"), list(_cases()))
def test_a_place_that_refuses_is_an_error_with_the_reason(
    name: str, fault: str, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, file, call = CALLS[name]
    (tmp_path / "place").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    place = Path(FAULTS[fault].make(tmp_path / "place" / file, asked, sources / file))
    if FAULTS[fault].reason == errno.EROFS:
        places.make_read_only(tmp_path / "place", monkeypatch)
    try:
        with places.bound_by_permissions():
            done = call(place, sources)
    except JslError as error:
        assert places.is_said(FAULTS[fault].reason, str(error)) or _is_foreign_link(error, fault), error
    else:
        assert not FAULTS[fault].refused or (name, done) == ("drop_entry", False)
    finally:
        monkeypatch.undo()
        places.open_again(tmp_path)
