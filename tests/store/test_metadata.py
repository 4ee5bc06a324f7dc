"""Where a model came from."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.store.metadata import describe_run


def git(*arguments: str) -> str:
    names = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *names, *arguments], check=True, capture_output=True, encoding="utf-8")
    return done.stdout.strip()


def commit() -> Any:
    return describe_run(NumpyOps(), 7)["git_commit"]


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that belongs to no repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_commit_of_the_working_directory(outside: Path) -> None:
    try:
        git("init", "-q")
    except FileNotFoundError:
        pytest.skip("git is not installed")
    assert commit() is None  # nothing committed yet
    git("commit", "-q", "--allow-empty", "-m", "first")
    assert commit() == git("rev-parse", "HEAD")


def test_outside_a_repository(outside: Path) -> None:
    assert commit() is None


@pytest.mark.parametrize("problem", [FileNotFoundError(), subprocess.TimeoutExpired("git", 5)])
def test_without_git(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise problem

    monkeypatch.setattr(subprocess, "run", fail)
    assert commit() is None


def test_seed_and_backend() -> None:
    metadata = describe_run(NumpyOps(), 7)
    assert (metadata["seed"], metadata["backend"]) == (7, "ndarray")
