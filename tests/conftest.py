"""What every test shares: the backends, a saved model to damage, and how hard hypothesis looks."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from jsl_seq2seq.store import save_model

from .backend_cases import CASES, Backend, missing, required
from .small_models import trained_small

# the same examples in every run, so that a red test is red for everyone;
# HYPOTHESIS_PROFILE=search looks for new ones
settings.register_profile(
    "repeatable",
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", settings.get_profile("repeatable"), max_examples=500, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_configure() -> None:
    """Refuse a misspelt JSL_REQUIRE_BACKENDS before anything runs, and take Ctrl-C as in a terminal.

    A background job of a shell ignores SIGINT, and so would all programs that tests start.
    """
    required()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``backend`` runs on each that is here; backends/test_host.py says which are not."""
    if "backend" in metafunc.fixturenames:
        here = [case for case in CASES if not missing(case.name)]
        metafunc.parametrize("backend", here, ids=str, indirect=True, scope="session")


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """The body computes with so many PyTorch threads."""
    if find_spec("torch") is None:
        yield
        return
    torch = import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """One PyTorch thread, whatever the machine: with tensors this small, threads mostly wait for each other."""
    with torch_threads(1):
        yield


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Runs the test with one PyTorch thread and with two, which add in another order."""
    with torch_threads(request.param):
        yield request.param


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend, in each of its float types."""
    return request.param


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read from large files goes into a cache of the test's own, also in the processes it starts."""
    monkeypatch.setenv("JSL_SEQ2SEQ_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def _saved_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("saved") / "モデル 1"
    save_model(trained_small(), directory)
    return directory


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """For tests that release memory, which collects garbage: not among the objects of all earlier tests."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Call it with a file's name: reading a file of that name is an error from then on."""

    def forbid(name: str) -> None:
        for method in ("read_bytes", "read_text", "open"):
            honest = getattr(Path, method)

            def guarded(self: Path, *args: Any, _honest: Any = honest, **kwargs: Any) -> Any:
                if self.name == name:
                    pytest.fail(f"{self} was read")
                return _honest(self, *args, **kwargs)

            monkeypatch.setattr(Path, method, guarded)

    return forbid


@pytest.fixture
def saved(_saved_once: Path, tmp_path: Path) -> Path:
    """A saved model, training state included, in a folder of its own."""
    return Path(shutil.copytree(_saved_once, tmp_path / _saved_once.name))
