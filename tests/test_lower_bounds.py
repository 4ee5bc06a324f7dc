"""The oldest releases that may be installed, which .ci/run runs the tests with."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def pyproject(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_each_library_has_one_lower_bound(pyproject: str) -> None:
    bounds = list(import_module("lower_bounds").lower_bounds(pyproject))
    names = [re.split("==", bound)[0] for bound in bounds]
    assert len(names) == len(set(names))
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(one for name in extras if name not in ("test", "kernels", "browser") for one in extras[name]),
    ]
    without = {one for one in wanted if re.match(r"[\w-]+", one)[0] not in names}  # type: ignore[index]
    assert without == {"sudachidict_core"}  # data, whose releases are dates


def test_the_tests_take_no_older_releases(pyproject: str) -> None:
    module = import_module("lower_bounds")
    bounds = set(module.lower_bounds(pyproject))
    tested = "[project]\ndependencies = []\noptional-dependencies.own = " + str(
        [one for one in tomllib.loads(pyproject)["project"]["optional-dependencies"]["test"] if ">=" in one]
    )
    named = {bound.split("==")[0] for bound in bounds}
    assert {bound for bound in module.lower_bounds(tested) if bound.split("==")[0] in named} <= bounds
