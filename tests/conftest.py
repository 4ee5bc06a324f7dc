"""What every test shares: the backends, and how hard hypothesis looks."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from .backends import CASES, Backend, missing, required

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
    """Refuse a misspelt JSL_REQUIRE_BACKENDS before anything runs."""
    required()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``backend`` runs on each that is here; ops/test_host.py says which are not."""
    if "backend" in metafunc.fixturenames:
        here = [case for case in CASES if not missing(case.name)]
        metafunc.parametrize("backend", here, ids=str, indirect=True, scope="session")


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend, in each of its float types."""
    return request.param
