"""Start page, version, help, and every way to mistype: words in Japanese, exit code 2, no traceback."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from jsl_seq2seq.cli.app import COMMANDS, function
from jsl_seq2seq.cli.hints import flag
from jsl_seq2seq.version import __version__

from ..processes import environment, run_program
from ..refusals import is_japanese
from .conftest import Program
from .options import training


def test_the_start_page(program: Program) -> None:
    code, out, err = program()
    assert (code, err) == (0, "")
    assert (
        "jsl-seq2seq --train --save" in out and "--predict" in out and "日本手話そのものではありません" in out
    )


def test_the_version(program: Program) -> None:
    assert program("--version") == (0, f"jsl-seq2seq {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["train", "--help"], ["predict", "-h"], ["export", "--help"]]
)
def test_help(program: Program, arguments: list[str]) -> None:
    code, out, err = program(*arguments)
    assert (code, err) == (0, "")
    assert is_japanese(out) and "Usage" not in out and "Options" not in out


@pytest.mark.parametrize("columns", ["80", "40"])
@pytest.mark.parametrize("verb", [None, *COMMANDS])
def test_help_fits_a_terminal_and_is_in_japanese(
    program: Program, monkeypatch: pytest.MonkeyPatch, verb: str | None, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = program(*([] if verb is None else [verb]), "--help").out
    lines = out.splitlines()
    assert len(lines) > 5
    assert [line for line in lines if re.search(r"[^/]…\s*│$|<[a-z]+|\[required\]|\[[^]]*\]\.", line)] == []
    monkeypatch.setenv("COLUMNS", "300")
    wide = program(*([] if verb is None else [verb]), "--help").out

    def shown(page: str) -> list[str]:
        return sorted(re.sub(r"\W", "", page))

    assert shown(out) == shown(wide), "nothing is cut off"


@pytest.mark.parametrize("variable", ["COLUMNS", "LINES", "TERMINAL_WIDTH"])
@pytest.mark.parametrize("size", ["999999", "10" * 50, "0", "1", "-5", "²", "wide", ""])
def test_help_in_a_terminal_of_a_size_that_is_none(
    program: Program, monkeypatch: pytest.MonkeyPatch, variable: str, size: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv(variable, size)
    result = program("corpus", "--help")
    assert result.code == 0 and result.err == ""
    assert "使い方" in result.out and len(result.out) < 100_000


@pytest.mark.parametrize(
    "arguments", [["train", "--help"], ["--help"], ["train", "--epoch", "3"]], ids=" ".join
)
def test_help_and_typos_wait_for_no_arrays(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom jsl_seq2seq.cli import main\n"
        "try:\n    main(sys.argv[1:])\nfinally:\n    print('numpy' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path, env=environment(), capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.stdout.decode().splitlines()[-1] == "False"


def test_help_of_the_original_form_is_that_of_its_verb(program: Program) -> None:
    assert program("--train", "--help") == program("train", "--help")


OPTIONS = """
--load --save --data --valid --backend --predict --export-weights --export-attn --quiet --json --no-training-state
--epochs --batch-size --learning-rate --dropout --label-smoothing --seed
--d-model --n-heads --n-layers --d-ff --max-seq-len
"""


def test_every_option_is_explained_in_japanese(program: Program) -> None:
    _, out, _ = program("train", "--help")
    for option in OPTIONS.split():
        assert re.search(rf"{option}\b", out), option


MISTAKES: list[tuple[list[str], str]] = [
    (["--trian"], "もしかして: --train"),
    (["train", "--data", "a.tsv", "--data", "b.tsv"], "--data は 1 つだけ"),
    (["predict", "文", "--beam", "4", "--beam", "2"], "--beam は 1 つだけ"),
    (["predict", "--precison", "int8", "文"], "もしかして: --precision"),
    (["--train", "--epoch", "3"], "--epochs"),
    (["--train", "--epochs"], "--epochs には値が 1 つ必要"),
    (["--train", "--save"], "--save には値が 1 つ必要"),
    (["--train", "--epochs", "many"], "--epochs"),
    (["--train", "--epochs", "1.5"], "整数"),
    (["--train", "--learning-rate", "fast"], "数で"),
    (["--train", "--epochs", "0"], "--epochs"),
    (["--train", "--epochs", "-1"], "--epochs"),
    (["--train", "--learning-rate", "nan"], "--learning-rate"),
    (["--train", "--d-model", "15"], "--d-model（15）"),
    (["--train", "--dropout", "1.5"], "--dropout"),
    (["--train", "--backend", "cuda"], "cuda"),
    (["--train", "--data", "nothing.tsv"], "nothing.tsv"),
    (["--train", "--data", "."], "読めません"),
    (["--train", "--valid", "nothing.tsv"], "nothing.tsv"),
    (["--load", "nothing", "--train"], "nothing"),
    (["--load", "nothing", "--predict", "はい"], "nothing"),
    (["--load", "nothing", "--export-weights", "encoder"], "nothing"),
    (["--load", "nothing"], "--predict"),
    (["--load"], "--load には値が 1 つ必要"),
    (["--load", "x" * 300, "--predict", "はい"], "xxx"),
    (["predict"], "jsl-seq2seq predict -"),
    (["predict", "--load", "nothing"], "訳す文"),
    (["export"], "--export-weights"),
    (["tarin"], "train"),
    (["xyz"], "predict"),
    (["train", "extra"], "余分な引数があります: extra"),
    (["はい"], 'jsl-seq2seq predict "はい"'),
    (["dictionary"], "jsl-seq2seq dictionary --help"),
    (["compare", "one"], "jsl-seq2seq compare --help"),
    (["dictionary", "add", "builtin", "龍", "<竜>"], "--dictionary"),
    (["dictionary", "remove", "builtin", "龍"], "--dictionary"),
    (["diagnose", "はい", "いいえ", "OK"], "余分な引数があります: いいえ OK"),
    (["--save", "m"], "--save"),
    (["--export-attn"], "--export-attn"),
    ([""], "コマンド"),
]


@pytest.mark.parametrize(("arguments", "named"), MISTAKES, ids=[" ".join(line)[:40] for line, _ in MISTAKES])
def test_mistakes(program: Program, tmp_path: Path, arguments: list[str], named: str) -> None:
    code, out, err = program(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("エラー: ") and named in err
    assert "Traceback" not in err and len(err) < 1000
    assert not list(tmp_path.iterdir())  # nothing was begun


def numeric(*verbs: str) -> Iterator[tuple[str, str, str]]:
    """Every numeric option of these commands, with values that nobody means."""
    for verb in verbs:
        for name, hint in get_type_hints(function(verb)).items():
            if {int, float} & {hint, *get_args(hint)}:
                values = (
                    ["-1", "9" * 25, "9" * 400] if int in (hint, *get_args(hint)) else ["-1", "nan", "inf"]
                )
                yield from ((verb, flag(name), value) for value in values)


NUMERIC = list(numeric("train", "predict", "evaluate", "corpus"))


@pytest.mark.parametrize(
    ("verb", "option", "value"),
    NUMERIC,
    ids=[f"{verb} {option} {value[:30]}" for verb, option, value in NUMERIC],
)
def test_impossible_numbers(
    program: Program, data: Path, tmp_path: Path, verb: str, option: str, value: str
) -> None:
    before = {
        "train": ["train", *training(data, tmp_path / "m", epochs=1), "--source-units", "subword"],
        "predict": ["predict", "ありがとう", "--beam", "2", "--quiet"],
        "evaluate": ["evaluate", "--data", str(data), "--beam", "2", "--quiet"],
        "corpus": ["corpus", str(tmp_path / "corpus"), "--count", "100"],
    }[verb]
    code, out, err = program(*before, f"{option}={value}")
    assert (code, out) == (2, "")
    assert err.startswith("エラー: ") and option in err and len(err) < 300
    assert [path.name for path in tmp_path.iterdir()] == [data.name]


def test_there_are_numeric_options() -> None:
    """Guards the guard: a change of notation must not leave them unchecked."""
    assert {"--warmup-steps", "--learning-rate", "--subword-vocab", "--beam", "--count"} <= {
        option for _, option, _ in NUMERIC
    }


def test_a_mistake_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = run_program(["--train", "--epochs", "many"], tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith("エラー: --epochs")
