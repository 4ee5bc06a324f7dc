"""A training does not care where it goes on: any backend continues what any other began."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import SavedModel, load_model, save_model
from jsl_seq2seq.training import TrainingJob, TrainingRequest, TrainingResult

from ..backend_cases import NAMES, require
from ..refusals import refused
from ..small_models import EIGHT_LINES, SMALL

OPTIONS = SMALL | {"label_smoothing": 0.1}


def job(
    folder: Path, backend: str, load: Path | None = None, resume: bool = False, **options: object
) -> TrainingJob:
    data = folder / "eight.tsv"
    data.write_text(EIGHT_LINES, encoding="utf-8")
    device = "cpu" if backend == "torch" else None
    given = options if load else OPTIONS | options
    return TrainingJob(TrainingRequest(given, backend, device, data=data, load=load, resume=resume))


def losses(model: SavedModel) -> list[float]:
    return [point.loss for point in model.history]


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    """Six epochs on NumPy alone."""
    return job(tmp_path_factory.mktemp("whole"), "ndarray", epochs=6).run().model


@pytest.mark.parametrize(("first", "second"), list(permutations(NAMES, 2)))
def test_training_goes_on_elsewhere(tmp_path: Path, wanted: SavedModel, first: str, second: str) -> None:
    """In the middle of an epoch. (With dropout other elements fall where batches are padded to other lengths.)"""
    require(first)
    require(second)
    begun = job(tmp_path, first, epochs=6)
    asked = iter(range(100))
    stopped = begun.run(should_stop=lambda: next(asked) == 9).model  # the second batch of the third epoch
    assert stopped.progress.batch
    save_model(stopped, tmp_path / "m")
    model = job(tmp_path, second, load=tmp_path / "m", resume=True).run().model
    assert (model.progress.step, model.progress.epoch) == (wanted.progress.step, 6)
    whole = [0, 1, 3, 4, 5]  # the third epoch's loss is that of its rest only
    np.testing.assert_allclose(np.array(losses(model))[whole], np.array(losses(wanted))[whole], rtol=2e-3)
    assert model.metadata["backend"] == second


def starter(name: str, **options: object) -> TrainingResult:
    require(name)
    return TrainingJob(TrainingRequest(options, name, "cpu" if name == "torch" else None)).run()


@pytest.mark.parametrize(
    "threads", [1, pytest.param(2, marks=[pytest.mark.slow, pytest.mark.timeout(900)])], indirect=True
)
def test_torch_learns_the_starter_corpus_with_any_number_of_threads(threads: int) -> None:
    """Every sentence exactly, as on NumPy (test_job.py), in less than half of the default's epochs."""
    result = starter("torch", epochs=80)
    assert (result.exact, result.checked) == (86, 86)


def test_wgpu_learns_eight_sentences(tmp_path: Path) -> None:
    require("wgpu")
    assert job(tmp_path, "wgpu", epochs=120).run().exact == 8


@pytest.mark.slow
def test_wgpu_learns_the_starter_corpus() -> None:
    result = starter("wgpu", epochs=80)
    assert (result.exact, result.checked) == (86, 86)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_torch_learns_it_by_the_default_recipe(threads: int) -> None:
    assert starter("torch").exact == 86


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_wgpu_learns_it_by_the_default_recipe() -> None:
    assert starter("wgpu").exact == 86


def test_bf16_learns_as_well(tmp_path: Path) -> None:
    require("torch")
    plain = job(tmp_path, "torch", epochs=120).run()
    request = TrainingRequest(
        OPTIONS | {"epochs": 120},
        "torch",
        "cpu",
        data=tmp_path / "eight.tsv",
        precision="bf16",
    )
    half = TrainingJob(request).run()
    assert half.exact == plain.exact == 8
    assert losses(half.model)[-1] == pytest.approx(losses(plain.model)[-1], rel=0.05)
    assert half.model.metadata["precision"] == "bf16"
    assert {value.dtype for value in half.model.parameters.values()} == {np.dtype(np.float32)}
    # nothing in the files depends on it: anything goes on, and translates
    save_model(replace(half.model), tmp_path / "m")
    assert load_model(tmp_path / "m", training_state=True).moments is not None
    assert job(tmp_path, "ndarray", load=tmp_path / "m", epochs=1).run().exact == 8


@pytest.mark.parametrize("name", ["ndarray", "wgpu"])
def test_only_torch_has_bf16(name: str) -> None:
    with refused(UserError, name, "bf16", "--backend torch"):
        choose_backend(name, precision="bf16")


def test_another_precision_is_unknown() -> None:
    with refused(UserError, "fp16", "bf16"):
        choose_backend("torch", precision="fp16")
