"""CPUs differ in how they multiply bytes, and agree to the last bit in what comes out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jsl_seq2seq

from ...backend_cases import require
from ...processes import environment

NAME = """
from jsl_seq2seq.backends.int8.tile import MACHINE
print(MACHINE.name)
"""
PROGRAM = (
    NAME
    + """
import hashlib, numpy as np
from jsl_seq2seq.backends.int8 import Int8Ops
ops, random, told = Int8Ops(), np.random.default_rng(0), hashlib.sha256()
for rows, inner, outer in [(1, 3, 2), (4, 64, 64), (7, 66, 130), (33, 256, 100)]:
    shapes = (rows, inner), (inner, outer), outer
    x, weight, bias = (random.standard_normal(shape).astype(np.float32) for shape in shapes)
    told.update(np.ascontiguousarray(ops.linear(x, weight, bias)).tobytes())
print(told.hexdigest())
"""
)


def told(folder: Path, before: str = "", program: str = PROGRAM, **features: str) -> list[str]:
    """The machine and a digest of what it computes; ``before`` is run first."""
    run = subprocess.run(
        [sys.executable, "-c", before + program],
        env=environment(NUMBA_CACHE_DIR=str(folder), **features),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return run.stdout.splitlines()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What this machine says."""
    require("int8")
    return told(tmp_path_factory.mktemp("here"))


def test_other_cpus_say_the_same(here: list[str], tmp_path: Path) -> None:
    """The oldest x86 and Arm, and on x86 that can one between it and this one."""
    from jsl_seq2seq.backends.int8.tile import MACHINE  # noqa: PLC0415  only if Numba is there

    found = {"here": here}
    assert found["here"][0] == MACHINE.name
    found["oldest"] = told(tmp_path / "oldest", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert found["oldest"][0] == "8 ビットの積和命令なし"
    if MACHINE.name.startswith("AVX"):
        found["avx2"] = told(tmp_path / "avx2", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="+avx2,+fma")
        assert found["avx2"][0] == "AVX2"
    assert len({result for _, result in found.values()}) == 1


def test_where_nothing_can_be_kept(here: list[str], tmp_path: Path) -> None:
    """Read-only disks: compiled anew each time, which takes seconds, and works."""
    nowhere = "from numba.core import caching; caching.CacheImpl._locator_classes = []"
    assert told(tmp_path, before=nowhere) == here


def test_kernels_are_compiled_anew_when_what_writes_them_changes(tmp_path: Path) -> None:
    """As after an update that touches one file of several: both find what the other has kept."""
    require("int8")
    package = Path(jsl_seq2seq.__file__).parent
    digests = []
    for number, (old, new) in enumerate([("", ""), ("b.fadd(y, offset)", "b.fsub(y, offset)")]):
        copy = tmp_path / str(number) / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("assets", "__pycache__"))
        tile = copy / "backends" / "int8" / "tile.py"
        tile.write_text(tile.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        os.utime(copy / "backends" / "int8" / "kernels.py", (1, 1))
        link = tmp_path / "package"
        link.unlink(missing_ok=True)
        link.symlink_to(copy.parent, target_is_directory=True)
        digests.append(told(tmp_path / "kept", PYTHONPATH=str(link))[1])
    assert digests[0] != digests[1]


def test_a_cpu_whose_vectors_are_switched_off(tmp_path: Path) -> None:
    """As Numba does by itself where LLVM does not know the CPU's name."""
    require("int8")
    assert told(tmp_path, program=NAME, NUMBA_ENABLE_AVX="0") == ["8 ビットの積和命令なし"]


@pytest.mark.slow
def test_a_cpu_whose_vectors_are_switched_off_says_the_same(here: list[str], tmp_path: Path) -> None:
    assert told(tmp_path, NUMBA_ENABLE_AVX="0") == ["8 ビットの積和命令なし", here[1]]


@pytest.mark.parametrize(
    ("cpu", "wanted"), [("apple-m1", True), ("neoverse-n1", True), ("cortex-a72", False), ("generic", False)]
)
def test_which_arms_have_sdot(cpu: str, wanted: bool) -> None:
    require("int8")
    import llvmlite.binding  # noqa: PLC0415

    from jsl_seq2seq.backends.int8 import tile  # noqa: PLC0415  only if Numba is there

    llvmlite.binding.initialize_all_targets()
    llvmlite.binding.initialize_all_asmprinters()
    assert tile._has_sdot("aarch64-unknown-linux-gnu", cpu, "") == wanted
