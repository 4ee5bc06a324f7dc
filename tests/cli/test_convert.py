"""`import-burn` and `export-burn` from the command line."""

from __future__ import annotations

from pathlib import Path

from ..interop.burn.synthetic import Original
from ..processes import run_program
from ..refusals import is_japanese


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


def test_nothing_has_to_be_guessed(tmp_path: Path) -> None:
    """What the original's source says is the only way; the options for guesses are gone."""
    Original(n_layers=1).write(tmp_path / "o")
    for guess in (["--source-length", "8"], ["--no-embedding-scale"]):
        run = run_program(["import-burn", "o", "m", *guess], tmp_path)
        assert run.returncode == 2 and guess[0] in run.stderr.decode()
    run = run_program(["import-burn", "o", "m", "--quiet"], tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"m\n", b"")


def test_mistakes(tmp_path: Path) -> None:
    for arguments, code in (
        (["import-burn", "nothing", "m"], 2),
        (["import-burn", "."], 2),
        (["export-burn", "nothing", "back"], 2),
    ):
        run = run_program(arguments, tmp_path)
        assert run.returncode == code and is_japanese(run.stderr.decode())
        assert "Traceback" not in run.stderr.decode()
    (tmp_path / "model.bin").write_bytes(b"\x03f32\x03")
    damaged = run_program(["import-burn", ".", "m"], tmp_path)
    assert damaged.returncode == 1 and "バイト目で" in damaged.stderr.decode()
