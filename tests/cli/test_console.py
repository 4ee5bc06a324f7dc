"""Consoles that cannot print Japanese, pipes that close, terminals, and names that are no text."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from .. import processes
from ..processes import POSIX, environment, run_program
from .options import training

CONSOLES = ["cp932:strict", "cp932", "ascii", "latin-1", "utf-8"]
PAGES = [["train", "--help"], [], ["--help"], ["--trian"], ["--load", "無い", "--predict", "x"]]


@pytest.mark.parametrize("encoding", CONSOLES)
def test_every_console_can_show_a_translation(model: Path, tmp_path: Path, encoding: str) -> None:
    arguments = ["--load", str(model), "--predict", "ありがとう\U00020bb7"]
    done = run_program(arguments, tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    text = done.stdout.decode(encoding.split(":")[0])
    if encoding.startswith(("cp932", "utf")):
        assert "<ありがとう>" in text
    else:
        assert "<\\u3042\\u308a" in text


@pytest.mark.parametrize(
    ("encoding", "arguments"),
    [
        # each console shows one page, and one console each page; the slow tests take the others
        pytest.param(
            console, page, marks=[] if page == PAGES[0] or console == CONSOLES[0] else pytest.mark.slow
        )
        for console in CONSOLES
        for page in PAGES
    ],
)
def test_every_console_can_show_pages_and_errors(tmp_path: Path, encoding: str, arguments: list[str]) -> None:
    done = run_program(arguments, tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == (0 if not arguments or "--help" in arguments else 2)
    assert b"Traceback" not in done.stderr and done.stdout + done.stderr


@pytest.mark.parametrize("encoding", ["cp932", "ascii", "utf-8"])
def test_json_is_json_in_every_encoding(model: Path, tmp_path: Path, encoding: str) -> None:
    text = "ありがとう\U00020bb7"
    done = run_program(
        ["--load", str(model), "--predict", text, "--json"], tmp_path, PYTHONIOENCODING=encoding
    )
    values = json.loads(done.stdout.decode(encoding))
    assert values["text"] == text and values["tags"][0]["tag"] == "ありがとう"


def test_a_whole_training_on_a_japanese_windows_console(data: Path, tmp_path: Path) -> None:
    save = tmp_path / "出力 \U00020bb7"
    done = run_program(["--train", *training(data, save)], tmp_path, PYTHONIOENCODING="cp932")
    assert done.returncode == 0
    assert "保存しました" in done.stdout.decode("cp932")
    assert (save / "config.json").is_file()


@POSIX
def test_a_pipe_from_a_japanese_console(model: Path, tmp_path: Path) -> None:
    stdin = "ありがとう\r\nおはようございます\r\n".encode("cp932")
    arguments = ["--load", str(model), "--predict", "-", "--quiet"]
    done = run_program(arguments, tmp_path, stdin, PYTHONIOENCODING="cp932")
    assert done.stdout.decode("cp932").splitlines() == ["<ありがとう>", "<朝> <挨拶>"]


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux has arguments that are no text")
def test_arguments_that_are_no_text(model: Path, data: Path, tmp_path: Path) -> None:
    for sentence in (b"\xff", "ありがとう".encode() + b"\xff"):
        done = run_program(["--load", str(model), "--predict", sentence, "--export-attn"], tmp_path)
        assert (done.returncode, done.stdout) == (2, b"") and b"Traceback" not in done.stderr
    save = os.fsencode(tmp_path) + b"/m\xff"
    first, *rest = training(data, Path("SAVE"))
    done = run_program(["--train", first, *(save if a == "SAVE" else a for a in rest)], tmp_path)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert os.path.isfile(save + b"/config.json")  # noqa: PTH113  pathlib takes no bytes


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux has arguments that are no text")
@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "iso-2022-jp", "utf-7", "hz"])
def test_an_argument_in_another_encoding(model: Path, tmp_path: Path, encoding: str) -> None:
    for arguments in (["predict", "--load", str(model)], ["tags"], ["diagnose", "--load", str(model)]):
        done = run_program([*arguments, "わたしはたべます".encode(encoding)], tmp_path)
        assert (done.returncode, done.stdout) == (2, b"") and b"Traceback" not in done.stderr
        name = {"cp932": "Shift_JIS"}.get(encoding, encoding.upper())
        assert "UTF-8 ではありません" in done.stderr.decode() and name in done.stderr.decode()


@POSIX
@pytest.mark.parametrize("lines", [1, 0])
def test_a_reader_that_has_seen_enough(model: Path, tmp_path: Path, lines: int) -> None:
    """``jsl-seq2seq ... | head -1``: more output than a pipe holds, so that it cannot end before it is closed."""
    arguments = ["--load", str(model), "--predict", "-", "--quiet"]
    with processes.talk_to_program(arguments, tmp_path) as process:
        assert process.stdin and process.stdout and process.stderr
        if not lines:
            process.stdout.close()

        def write() -> None:
            assert process.stdin
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write("ありがとう\n".encode() * 8000)
                process.stdin.close()

        writer = threading.Thread(target=write)
        writer.start()
        if lines:
            assert process.stdout.readline().decode() == "<ありがとう>\n"
            process.stdout.close()
        err = process.stderr.read()
        code = process.wait(timeout=60)
        writer.join()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    assert (code, err) == (1, b"")


@POSIX
def test_the_start_page_into_a_closed_pipe(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        processes.program(),
        cwd=tmp_path,
        env=environment(),
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def read_all(descriptor: int) -> bytes:
    """What was written to a pseudo-terminal until everyone closed it."""
    content = b""
    with contextlib.suppress(OSError):  # Linux: EIO at the end
        while part := os.read(descriptor, 65536):
            content += part
    return content


@POSIX
def test_a_progress_bar_on_a_terminal(data: Path, tmp_path: Path) -> None:
    import pty  # noqa: PLC0415  not on Windows

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        processes.program("--train", *training(data, tmp_path / "m", epochs=100)),
        env=environment(COLUMNS="120", TERM="xterm"),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = read_all(ours).decode()
    os.close(ours)
    assert process.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"学習中 エポック 100/100 .* 100 % 残り .*\n *損失 \d+\.\d+.*トークン/秒", plain)


@POSIX
def test_a_person_at_the_terminal_gets_each_answer_at_once(model: Path, tmp_path: Path) -> None:
    import pty  # noqa: PLC0415

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        processes.program("--load", str(model), "--predict", "-", "--quiet"),
        cwd=tmp_path,
        env=environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        assert process.stdout
        for text, tags in (("ありがとう", "<ありがとう>"), ("だいじょうぶです", "<OK>")):
            os.write(ours, f"{text}\n".encode())
            assert process.stdout.readline().decode() == f"{tags}\n"
        os.write(ours, b"\x04")  # Ctrl-D
        assert process.wait(timeout=60) == 0
    os.close(ours)


HEAVY = """
import sys
from jsl_seq2seq.cli.console import run
code = run(sys.argv[1:])
heavy = {"rich", "torch", "wgpu", "pandas", "matplotlib", "jsl_seq2seq.render.glyphs"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else code)
"""


def test_nothing_heavy_is_imported_to_translate_a_sentence(model: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, "--load", str(model), "--predict", "ありがとう"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout.decode().split("（")[0]) == (0, "ありがとう → <ありがとう>"), (
        done.stderr
    )
