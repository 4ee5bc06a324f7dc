"""The npm package of web/ in Node, built once for all tests.

Without Node or web/node_modules its tests are skipped, unless ``JSL_REQUIRE_LIBRARIES`` names ``node``: then that is a
failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parents[3] / "web"


def require_node() -> str:
    """The program, or the skipped test or file."""
    node = shutil.which("node")
    if node and (WEB / "node_modules" / "esbuild").is_dir():
        return node
    if "node" in os.environ.get("JSL_REQUIRE_LIBRARIES", "").split(","):
        raise RuntimeError("Node and `npm ci --prefix web` are required by JSL_REQUIRE_LIBRARIES")
    pytest.skip("Node or web/node_modules is not here", allow_module_level=True)


def run(*arguments: str, **environment: str) -> str:
    """Node's output; its errors are the test's."""
    done = subprocess.run(
        [require_node(), *arguments],
        cwd=WEB,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert not done.returncode, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@cache
def built() -> Path:
    """The package's tests and test/answers.ts as JavaScript."""
    run("build.mjs", "--test")
    return WEB / "build"


def answers(folder: Path, requests: dict[str, Any]) -> Any:
    """What test/answers.ts makes of requests."""
    asked, answered = folder / "asked.json", folder / "answered.json"
    asked.write_text(json.dumps(requests), encoding="utf-8")
    run(str(built() / "answers.js"), str(asked), str(answered))
    return json.loads(answered.read_text(encoding="utf-8"))
