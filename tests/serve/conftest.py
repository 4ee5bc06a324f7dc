"""A server in this process, and the ways to ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.store import load_model, save_model

from ..small_models import trained_open, trained_small, translator_of

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")

from starlette.testclient import TestClient

from jsl_seq2seq.serve.app import create_app
from jsl_seq2seq.serve.guard import Limits
from jsl_seq2seq.serve.models import Models

Serve = Callable[..., TestClient]


@pytest.fixture(scope="session")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two models: one with open words, the default, and one without."""
    folder = tmp_path_factory.mktemp("models")
    found = {"open": folder / "open", "small": folder / "small"}
    save_model(trained_open(), found["open"])
    save_model(trained_small(), found["small"])
    return found


@pytest.fixture
def models(directories: dict[str, Path]) -> Models:
    return Models(directories, lambda directory: translator_of(load_model(directory)))


@pytest.fixture
def serve(models: Models) -> Iterator[Serve]:
    """Starts a server: keyword arguments of ``Limits``, and those of ``create_app``."""
    with ExitStack() as stack:

        def start(**options: Any) -> TestClient:
            own = {
                name: options.pop(name)
                for name in ("batch", "capacity", "access_log", "refused")
                if name in options
            }
            app = create_app(models, Limits(**options), **own)
            client = TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False)
            return stack.enter_context(client)

        yield start


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """A server with its defaults."""
    return serve()
