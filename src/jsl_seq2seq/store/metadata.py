"""Where a model came from: versions, machine, time, and the runs that trained it. No result depends on it."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..backends.interface import InferenceOps
from ..version import __version__
from .saved_model import SavedModel, Stage

_LIBRARIES = {"ndarray": ("numpy",), "wgpu": ("numpy", "wgpu"), "torch": ("numpy", "torch")}


def describe_run(ops: InferenceOps, seed: int) -> dict[str, Any]:
    """Metadata of a training run on ``ops``."""
    return {
        "package_version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "backend": ops.name,
        "device": ops.device,
        "precision": ops.precision,
        "libraries": {name: _version(name) for name in (*_LIBRARIES.get(ops.name, ()), "safetensors")},
        "seed": seed,
        "trained_at": now(),
        "git_commit": _git_commit(),
    }


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except (PackageNotFoundError, OSError):  # OSError: the working directory, a place of packages, is gone
        return None


def _git_commit() -> str | None:
    """The working directory's commit, or None outside a repository and without git."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, encoding="utf-8", timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None


def exact_shares(model: SavedModel) -> dict[str, float]:
    """By test set, kept apart from training, the share of sentences that greedy decoding translates exactly; of
    metadata that somebody else may have written, so what is no share is left out."""
    found = model.metadata.get("evaluation")
    if not isinstance(found, Mapping):
        return {}
    return {
        str(name): float(share)
        for name, share in found.items()
        if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1
    }


def stages_of(model: SavedModel) -> tuple[Stage, ...]:
    """The runs that trained a model. Of one that an earlier release trained, one that is made from what it kept."""
    if model.stages:
        last = replace(model.stages[-1], training_state=model.moments is not None)
        return (*model.stages[:-1], last)
    if not model.progress.epoch:
        return ()
    settings = model.training.to_json()
    epochs = model.progress.epoch
    return (
        Stage(
            start=0,
            end=epochs,
            until=epochs,
            interrupted=False,
            settings={name: value for name, value in settings.items() if name != "epochs"},
            data_name=model.data_name,
            data_digest=model.data_digest,
            backend=model.metadata.get("backend") or "",
            precision=model.metadata.get("precision") or "fp32",
            training_state=model.moments is not None,
            git_commit=model.metadata.get("git_commit"),
            package_version=model.metadata.get("package_version") or "",
            trained_at=model.metadata.get("trained_at") or "",
        ),
    )


def with_stage(stages: tuple[Stage, ...], latest: Stage) -> tuple[Stage, ...]:
    """The runs so far and the latest, as one where the latest only went on with the last of them."""
    if stages and stages[-1].continued_by(latest):
        return (*stages[:-1], replace(latest, start=stages[-1].start, units=stages[-1].units))
    if stages:  # a run that was resumed with other settings is another stage from there on
        latest = replace(latest, start=max(latest.start, stages[-1].end))
    return (*stages, latest)


def published(path: Path) -> Path:
    """The path without what it says about the machine: an absolute one often holds its user's name.

    Below the working directory it becomes relative to that, elsewhere only its last part is left.
    """
    if not path.anchor:
        return path
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):  # OSError: the working directory is gone
        return Path(path.name) if path.name else path
