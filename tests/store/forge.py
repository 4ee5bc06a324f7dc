"""Damage with a good conscience: change a model directory so that every checksum is right again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = Any


def digest(content: bytes) -> str:
    """Written apart from the store's own."""
    return hashlib.sha256(content).hexdigest()


def change_config(directory: Path, change: Callable[[Json], Json | None]) -> None:
    """Let ``change`` alter config.json in place (or return another), then sign it."""
    path = directory / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config = change(config) or config
    if isinstance(config, dict) and "checksum" in config:
        rest = {key: value for key, value in config.items() if key != "checksum"}
        canonical = json.dumps(rest, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        config["checksum"] = digest(canonical.encode("ascii"))
    path.write_text(json.dumps(config), encoding="utf-8")


def replace_file(directory: Path, name: str, content: bytes) -> None:
    """Put other content under ``name`` and let config.json vouch for it."""
    (directory / name).write_bytes(content)

    def vouch(config: Json) -> None:
        config["metadata"]["files"][name] = {"bytes": len(content), "sha256": digest(content)}

    change_config(directory, vouch)


def change_json(directory: Path, name: str, change: Callable[[Json], Json | None]) -> None:
    """The same for one of the other JSON files."""
    values = json.loads((directory / name).read_text(encoding="utf-8"))
    replace_file(directory, name, json.dumps(change(values) or values).encode("utf-8"))
