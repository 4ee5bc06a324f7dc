"""export-burn replaces what an earlier export wrote, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.interop.burn import export_burn, import_burn

from ...refusals import refused
from .synthetic import Original


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    import_burn(Original(d_model=4, n_layers=1, d_ff=3).write(tmp_path / "o"), tmp_path / "m")
    return tmp_path / "m"


@pytest.mark.parametrize("name", ["model.bin", "config.json", ".jsl-seq2seq-export"])
@pytest.mark.parametrize("content", [b"", b"{}", b"jsl-seq2seq"])
def test_a_foreign_file_stays(imported: Path, name: str, content: bytes) -> None:
    back = imported.with_name("back")
    back.mkdir()
    (back / name).write_bytes(content)
    with refused(UserError, str(back / name), code="would-overwrite-foreign", path=back / name):
        export_burn(imported, back)
    assert {path.name: path.read_bytes() for path in back.iterdir() if path.name != ".lock"} == {
        name: content
    }


def test_an_original_stays(imported: Path) -> None:
    original = imported.with_name("o")
    before = {path.name: path.read_bytes() for path in original.iterdir()}
    with refused(UserError, code="would-overwrite-foreign"):
        export_burn(imported, original)
    assert {path.name: path.read_bytes() for path in original.iterdir() if path.name != ".lock"} == before


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_an_earlier_export_is_replaced_unless_it_was_changed(imported: Path, name: str) -> None:
    back = imported.with_name("back")
    export_burn(imported, back)
    export_burn(imported, back)
    content = (back / name).read_bytes()
    (back / name).write_bytes(content + b" ")
    with refused(
        UserError, str(back / name), "書き換えられた", code="would-overwrite-changed", path=back / name
    ):
        export_burn(imported, back)
    (back / name).write_bytes(content)
    export_burn(imported, back)
