"""Generated requests: no answer but those that the OpenAPI document has, and none that is a server's error."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .test_server import Start, start  # noqa: F401  a fixture

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance"
)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", ["1", "2"])
def test_ten_thousand_cases(start: Start, tmp_path: Path, seed: str) -> None:  # noqa: F811
    """So many in both runs; each has the same cases from schemathesis's lists, and others that are random."""
    program = shutil.which("st", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("pip install schemathesis")
    server = start()
    done = subprocess.run(
        [program, "run", f"{server.url}openapi.json", "--max-examples", "900", "--checks", CHECKS,
         "--phases", "examples,coverage,fuzzing", "--no-color", "--seed", seed],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=2900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    cases = re.search(r"([\d,]+) generated", done.stdout)
    assert cases and int(cases[1].replace(",", "")) >= 5_000, done.stdout[-2000:]
