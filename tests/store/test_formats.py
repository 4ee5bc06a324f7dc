"""Directories of every released format load for ever: weights, training state and translations.

``tests/saved_models/format-N`` was written by the first release that had format N, and is never written again:

    trained            eight sentences (``eight.tsv``), 60 epochs, dropout, d_model 8, with its training state
    imported           a random model of the original project's, brought over with ``import-burn``
    translations.json  what each of them made of a few sentences, and the logarithm of its probability
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from jsl_seq2seq.interop.burn import export_burn, import_burn
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.store.directory import FORMAT_VERSION
from jsl_seq2seq.store.verification import verify
from jsl_seq2seq.training import TrainingJob, TrainingRequest
from jsl_seq2seq.translate.translator import Translator

from ..small_models import same_arrays, same_training_state

SAVED = Path(__file__).parents[1] / "saved_models"
FORMATS = sorted(SAVED.glob("format-*"))
MODELS = [
    pytest.param(path, id=f"{path.parent.name}-{path.name}") for path in sorted(SAVED.glob("format-*/*/"))
]


def test_every_format_has_its_models() -> None:
    assert [path.name for path in FORMATS] == [f"format-{number + 1}" for number in range(FORMAT_VERSION)]


@pytest.fixture(params=MODELS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy: what a release wrote is never written to."""
    return Path(shutil.copytree(request.param, tmp_path / request.param.parent.name / request.param.name))


def test_it_is_sound(old: Path) -> None:
    found = verify(old)
    assert found.sound, found.problems
    assert not found.notes


def test_it_translates_as_it_did(old: Path) -> None:
    recorded = json.loads((SAVED / old.parent.name / "translations.json").read_text(encoding="utf-8"))
    translator = Translator.load(old, backend="ndarray")
    for text, (tags, log_prob) in recorded[old.name].items():
        translation = translator.translate(text)
        assert str(translation) == tags
        assert translation.log_prob == pytest.approx(log_prob, abs=1e-3)


def test_it_can_be_saved_today(old: Path, tmp_path: Path) -> None:
    model = load_model(old, training_state=True)
    save_model(model, tmp_path / "today")
    again = load_model(tmp_path / "today", training_state=True)
    assert same_arrays(model.parameters, again.parameters)
    assert (model.config, model.training, model.progress) == (again.config, again.training, again.progress)
    assert (model.history, model.examples, model.burn) == (again.history, again.examples, again.burn)


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_training_goes_on(path: Path) -> None:
    data = path / "eight.tsv"
    jobs = [
        TrainingJob(TrainingRequest({"epochs": epochs}, "ndarray", data=data, load=path / "trained"))
        for epochs in (2, 2)
    ]
    one, other = (job.run().model for job in jobs)
    assert not jobs[0].notes
    assert one.progress.epoch == 62 and one.history[-1].loss < 0.2
    assert same_training_state(one, other)


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_an_imported_model_goes_back(path: Path, tmp_path: Path) -> None:
    export_burn(path / "imported", tmp_path / "back")
    again = import_burn(tmp_path / "back", tmp_path / "again").model
    assert same_arrays(again.parameters, load_model(path / "imported").parameters)
