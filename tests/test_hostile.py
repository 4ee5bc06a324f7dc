"""Bar 2 of issue 13: forged but consistent model directories and hostile texts, over commands and backends.

Each ends in a result or in words: an exit code that is documented, no traceback, JSON that is strict, nothing that
acts on a terminal, no more than 500 MB, no waiting or computing without end, and nothing outside of the folder
touched. ``pytest -m slow`` tries 20,000 of each, in as many processes as there are cores; the suite a few.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("resource", reason="Windows has no limits of resources")

from .hostile import write_models
from .processes import environment

ROOT = Path(__file__).parents[1]
SHARD = 500
"""Cases of one process."""
SLOW = [pytest.mark.slow, pytest.mark.timeout(0)]
CASES = [
    ("all", 75),
    pytest.param("honest", 200, marks=SLOW),
    pytest.param("directories", 20_000, marks=SLOW),
    pytest.param("texts", 20_000, marks=SLOW),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the program of :mod:`tests.hostile` starts from."""
    place = tmp_path_factory.mktemp("hostile")
    write_models(place)
    return place


def tried(kind: str, folder: Path, first: int, last: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The records of cases ``first`` to ``last`` (not included), and how processes ended that ended early.

    The case that ended one is left out, and the next process begins behind it.
    """
    records: list[dict[str, Any]] = []
    ended: list[str] = []
    while first < last:
        command = [sys.executable, "-m", "tests.hostile", kind, str(folder), str(first), str(last)]
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        records += [line for line in lines if "number" in line]
        if not done.returncode:
            break
        begun = max((line["begun"] for line in lines if "begun" in line), default=first)
        ended.append(f"{kind} {begun}: {done.returncode}\n{done.stderr.decode(errors='replace')[-3_000:]}")
        first = begun + 1
    return records, ended


@pytest.mark.parametrize(("kind", "count"), CASES)
def test_ends_in_a_result_or_in_words(
    kind: str, count: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = [(first, min(first + SHARD, count)) for first in range(0, count, SHARD)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if sys.platform == "linux" else 2) as pool:
        found = list(pool.map(lambda shard: tried(kind, folder, *shard), shards))
    records = [record for some, _ in found for record in some]
    ended = [one for _, some in found for one in some]
    longest = sorted(records, key=lambda record: -record["seconds"])[:3]
    with capsys.disabled():
        print(f"\n{kind}: {len(records)} cases, longest {[(one['seconds'], one['case']) for one in longest]}")
    assert not ended, "\n".join(ended[:10])
    wrong = [record for record in records if record["wrong"]]
    assert not wrong, json.dumps(wrong[:10], ensure_ascii=False, indent=1)
    assert len(records) == count
