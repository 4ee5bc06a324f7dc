"""Where a model came from: versions, machine, time. For people; nothing depends on it."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..backends.interface import Ops
from ..version import __version__

_LIBRARIES = {"ndarray": ("numpy",), "wgpu": ("numpy", "wgpu"), "torch": ("numpy", "torch")}


def describe_run(ops: Ops, seed: int) -> dict[str, Any]:
    """Metadata of a training run that ends now on ``ops``."""
    return {
        "package_version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "backend": ops.name,
        "device": ops.device,
        "precision": ops.precision,
        "libraries": {name: _version(name) for name in (*_LIBRARIES.get(ops.name, ()), "safetensors")},
        "seed": seed,
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": _git_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
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


def published(path: Path) -> Path:
    """The path without what it says about the machine: an absolute one often begins with somebody's name.

    Below the working directory it becomes relative to that, elsewhere only its last part is left.
    """
    if not path.anchor:
        return path
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return Path(path.name) if path.name else path
