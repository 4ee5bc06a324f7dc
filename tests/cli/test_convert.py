"""`import-burn` and `export-burn` from the command line."""

from __future__ import annotations

from pathlib import Path

from ..interop.burn.synthetic import Original
from ..processes import run_program
from ..refusals import is_japanese
from .conftest import Program


def test_there_and_back(tmp_path: Path) -> None:
    original = Original().write(tmp_path / "もとの モデル")
    brought = run_program(["import-burn", "もとの モデル", "m"], tmp_path)
    said = brought.stdout.decode()
    assert brought.returncode == 0, brought.stderr.decode()
    assert "244 個のテンソル、38,952 個" in said and "ありがとう → <" in said
    translated = run_program(["predict", "--load", "m", "ありがとう", "--quiet"], tmp_path)
    assert translated.returncode == 0 and translated.stdout.decode().strip() in said
    sent = run_program(["export-burn", "m", "back", "--quiet"], tmp_path)
    assert (sent.returncode, sent.stdout) == (0, b"back\n")
    assert (tmp_path / "back" / "model.bin").read_bytes() == (original / "model.bin").read_bytes()


def test_nothing_has_to_be_guessed(program: Program, tmp_path: Path) -> None:
    """What the original's source says is the only way; the options for guesses are gone."""
    Original(n_layers=1).write(tmp_path / "o")
    for guess in (["--source-length", "8"], ["--no-embedding-scale"]):
        run = program("import-burn", "o", "m", *guess)
        assert run.code == 2 and guess[0] in run.err
    assert program("import-burn", "o", "m", "--quiet") == (0, "m\n", "")


def test_mistakes(program: Program, tmp_path: Path) -> None:
    for arguments, code in (
        (["import-burn", "nothing", "m"], 2),
        (["import-burn", "."], 2),
        (["export-burn", "nothing", "back"], 2),
    ):
        run = program(*arguments)
        assert run.code == code and is_japanese(run.err)
        assert "Traceback" not in run.err
    (tmp_path / "model.bin").write_bytes(b"\x03f32\x03")
    damaged = program("import-burn", ".", "m")
    assert damaged.code == 1 and "バイト目で" in damaged.err
