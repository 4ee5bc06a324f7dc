"""A directory with a model in it, for tests to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jsl_seq2seq.store import save_model

from ..small_models import trained_small


@pytest.fixture(scope="session")
def _saved_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("saved") / "モデル 1"
    save_model(trained_small(), directory)
    return directory


@pytest.fixture
def saved(_saved_once: Path, tmp_path: Path) -> Path:
    """A saved model, training state included, in a folder of its own."""
    return Path(shutil.copytree(_saved_once, tmp_path / _saved_once.name))
