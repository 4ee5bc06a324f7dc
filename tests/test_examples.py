"""The examples for other languages, built with their own tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_nextjs_example_builds_against_the_document(tmp_path: Path) -> None:
    """Its types are made from the OpenAPI document; the build checks them."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm")
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from starlette.testclient import TestClient  # noqa: PLC0415  an extra

    from jsl_seq2seq.serve.app import create_app  # noqa: PLC0415
    from jsl_seq2seq.serve.guard import Limits  # noqa: PLC0415
    from jsl_seq2seq.serve.models import Models  # noqa: PLC0415

    no_models = Models({}, lambda directory: pytest.fail(str(directory)))
    client = TestClient(create_app(no_models, Limits()), base_url="http://localhost")
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(client.get("/openapi.json").json()), encoding="utf-8")
    folder = tmp_path / "app"
    ignored = shutil.ignore_patterns("node_modules", ".next")
    shutil.copytree(ROOT / "examples" / "nextjs", folder, ignore=ignored)
    environment = {**os.environ, "JSL_OPENAPI": str(document), "NEXT_TELEMETRY_DISABLED": "1"}
    for command in (["install", "--no-audit", "--no-fund"], ["run", "types"], ["run", "build"]):
        done = subprocess.run(
            [npm, *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"npm {command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
