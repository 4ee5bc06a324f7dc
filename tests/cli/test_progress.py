"""What a training shows while it goes on: on a terminal, without colours, in a pipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from jsl_seq2seq.cli.progress import duration, named_figure
from jsl_seq2seq.store import save_model

from ..processes import POSIX, run_program
from ..small_models import EIGHT_LINES, trained_small
from .options import training

VALID = "わたしはたべます\t<駅> <駅>\nありがとう\t<ありがとう>\n"
COLOUR = re.compile(rb"\x1b\[[\d;]*m")
"""What sets a colour or another look. NO_COLOR leaves bold and dim alone, which are no colours."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    (tmp_path / "valid.tsv").write_text(VALID, encoding="utf-8")
    return tmp_path


def command(epochs: int, *more: str) -> list[str]:
    options = ["--learning-rate", "0.02", "--valid", "valid.tsv", *more]
    return ["train", *training(Path("data.tsv"), Path("m"), epochs), *options]


@POSIX
@pytest.mark.parametrize(("columns", "lines"), [(120, 40), (80, 24), (46, 24)])
def test_a_terminal_shows_the_validation_in_three_lines(folder: Path, columns: int, lines: int) -> None:
    """While it runs: epoch, remaining time, loss, speed, validation loss, exact matches and the best epoch, each in
    its line and no line wrapped; in the end the summary below them."""
    from ..terminal import Terminal  # noqa: PLC0415  POSIX alone has terminals like that

    with Terminal(command(150, "--metric", "exact"), folder, columns, lines) as terminal:
        last = terminal.until()
    assert terminal.process.wait() == 0
    shown = [screen for screen in terminal.screens if any("最良" in line for line in screen)]
    assert shown
    for screen in [*shown, last]:
        at = [row for row, line in enumerate(screen) if line.startswith("学習中")]
        assert len(at) == 1, screen  # drawn in place, not again and again
        bar, training_line, validation_line = screen[at[0] : at[0] + 3]
        assert training_line.startswith("  損失 ") and validation_line.startswith("  検証　")
        assert max(map(cell_len, (bar, training_line, validation_line))) <= columns
        epoch = re.match(r"学習中 エポック (\d+)/150 ", bar)
        assert epoch and 1 <= int(epoch[1]) <= 150
        if columns >= 80:
            assert re.search(r"[━╸╺]{5,} +\d+ % 残り (\d+ 分 )?\d+ 秒$", bar), bar
            assert re.fullmatch(r"  損失 \d+\.\d{4}　[\d,]+ トークン/秒(　検証しています)?", training_line)
            assert re.fullmatch(
                r"  検証　損失 \d+\.\d{4}　完全一致 \d+\.\d %　最良 \d+ エポック（完全一致 \d+\.\d %）",
                validation_line,
            )
    if columns >= 80:
        text = "\n".join(last)
        assert "検証: 最良は " in text and "文が完全に一致" in text and "過学習" in text
        assert re.search(r"学習中 エポック 150/150 .* 100 % 残り 0 秒", text)


@POSIX
@pytest.mark.parametrize(("columns", "lines"), [(120, 40), (80, 24)])
def test_a_terminal_shows_one_seed_after_the_other(folder: Path, columns: int, lines: int) -> None:
    """A bar for each, with its validation below it; in the end the figures, their means and deviations, none of them
    wrapped. The options come from a file."""
    from ..terminal import Terminal  # noqa: PLC0415

    words = command(30, "--seeds", "2", "--eval", "valid.tsv", "--metric", "chrf")[1:]
    given = {name[2:]: value for name, value in zip(words[::2], words[1::2], strict=True)}
    text = "".join(f"{name} = {value!r}\n" for name, value in given.items() if not _is_number(value))
    text += "".join(f"{name} = {value}\n" for name, value in given.items() if _is_number(value))
    (folder / "my.toml").write_text(
        text.replace("eval = 'valid.tsv'", "eval = ['valid.tsv']"), encoding="utf-8"
    )
    with Terminal(["train", "--config", "my.toml"], folder, columns, lines) as terminal:
        last = terminal.until()
    assert terminal.process.wait() == 0, last
    for number in (1, 2):
        shown = next(screen for screen in terminal.screens if any(f"（{number}/2）" in one for one in screen))
        assert any(line.startswith(f"種 {number - 1}（{number}/2）: m/seed-{number - 1}") for line in shown)
    running = [
        screen for screen in terminal.screens if any("最良" in one and "検証　" in one for one in screen)
    ]
    assert running
    for screen in running:  # the lines of the bar are whole; notes may be longer than the screen is wide
        drawn = [line for line in screen if line.startswith(("学習中", "  損失", "  検証"))]
        assert drawn and max(map(cell_len, drawn)) <= columns
    text = "\n".join(last)
    assert re.search(r"^学習 +エポック +時間 +損失 +最良 +検証の損失 +完全一致 +chrF$", text, re.M), text
    assert (
        len(
            re.findall(r"^m/seed-\d +30 +\d+ 秒 +\d+\.\d{4} +\d+ +\d+\.\d{4} +\d+\.\d% +\d+\.\d$", text, re.M)
        )
        == 2
    )
    for title in ("平均", "標準偏差"):
        assert re.search(rf"^m の{title} +\d+\.\d{{4}} +\d+\.\d{{4}} +\d+\.\d% +\d+\.\d$", text, re.M), text
        assert re.search(rf"^m の{title} +valid\.tsv +\d+\.\d% +\d+\.\d% +－ +\d+\.\d$", text, re.M), text


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[\d.]+", text) is not None


@POSIX
@pytest.mark.parametrize(("columns", "lines"), [(120, 40), (80, 24)])
def test_a_terminal_shows_a_comparison_unwrapped(folder: Path, columns: int, lines: int) -> None:
    from ..terminal import Terminal  # noqa: PLC0415

    for name in ("first", "second"):
        (folder / f"{name}.txt").write_text("<駅>\n<ありがとう>\n", encoding="utf-8")
    (folder / "second.txt").write_text("<駅> <駅>\n<ありがとう>\n", encoding="utf-8")
    arguments = ["evaluate", "--compare", "first.txt", "second.txt", "--data", "valid.tsv"]
    with Terminal(arguments, folder, columns, lines) as terminal:
        last = terminal.until()
    assert terminal.process.wait() == 0, last
    rows = [line for line in last if line.startswith(("first.txt との差", "second.txt  "))]
    assert any(re.fullmatch(r"first\.txt との差 +差 +95 % 区間 +p（入替） +p（再抽出）", row) for row in rows)
    row = next(row for row in rows if re.match(r"second\.txt +完全一致 +\+", row))
    assert re.search(r"\+50\.0% +\+0\.0% 〜 \+100\.0% +1\.000 +< 0\.001$", row)
    assert "差があるとも、同じだとも言えません" in "".join(last).replace(" ", "")


@POSIX
@pytest.mark.parametrize(("changes", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_left_out_if_asked(folder: Path, changes: dict[str, str], coloured: bool) -> None:
    from ..terminal import Terminal  # noqa: PLC0415

    with Terminal(command(20), folder, 80, 24, **changes) as terminal:
        terminal.until()
    looks = {int(n) for sgr in COLOUR.findall(terminal.written) for n in re.findall(rb"\d+", sgr)}
    assert bool(looks & {*range(30, 39), *range(40, 49), *range(90, 98)}) == coloured


@POSIX
def test_ctrl_c_leaves_the_screen_in_order(folder: Path) -> None:
    from ..terminal import Terminal  # noqa: PLC0415

    with Terminal(command(100_000), folder, 80, 24) as terminal:
        terminal.until(lambda screen: any("最良" in line for line in screen))
        terminal.press("\x03")
        last = terminal.until()
        assert terminal.process.wait() == 130
    assert sum(line.startswith("学習中") for line in last) == 1
    said = [row for row, line in enumerate(last) if line.startswith("止めています")]
    assert said and said[0] < next(row for row, line in enumerate(last) if line.startswith("学習中"))
    assert any(line.startswith("続ける: jsl-seq2seq train") for line in last)
    assert terminal.written.endswith(b"\n") and b"\x1b[?25h" in terminal.written  # the cursor is back


@pytest.mark.parametrize("changes", [{}, {"TERM": "dumb", "NO_COLOR": "1"}], ids=str)
def test_a_pipe_gets_plain_lines(folder: Path, changes: dict[str, str]) -> None:
    run = run_program(command(40, "--metric", "chrf"), folder, b"", **changes)
    said = run.stderr.decode()
    assert run.returncode == 0 and "\x1b" not in said and "学習中" not in said
    lines = re.findall(
        r"^  (\d+) エポック（\d+%）: 損失 [\d.]+、検証の損失 [\d.]+、chrF [\d.]+、[\d,]+ トークン/秒(?:、残り .*)?$",
        said,
        re.M,
    )
    assert 8 <= len(lines) <= 12 and lines[-1] == "40"
    assert "検証: valid.tsv、2 文（エポックごとに 2 文を訳します）" in said


@POSIX
def test_a_terminal_that_cannot_draw_gets_plain_lines(folder: Path) -> None:
    from ..terminal import Terminal  # noqa: PLC0415

    with Terminal(command(20), folder, 80, 24, TERM="dumb") as terminal:
        last = terminal.until()
    assert b"\x1b" not in terminal.written and any("エポック（100%）" in line for line in last)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 秒"), (0.4, "0 秒"), (59, "59 秒"), (59.6, "1 分 0 秒"), (3599, "59 分 59 秒"), (3600, "1 時間 0 分"),
        (86_399, "23 時間 59 分"), (86_400, "1 日 0 時間"), (200_000, "2 日 7 時間"),
    ],
)  # fmt: skip
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("loss", 0.12345, "損失 0.1235"), ("exact", 0.875, "完全一致 87.5 %"), ("bleu", 20.56, "BLEU 20.6"),
        ("chrf", None, "chrF -"),
    ],
)  # fmt: skip
def test_figures(metric: str, value: float | None, shown: str) -> None:
    assert named_figure(metric, value) == shown


@POSIX
def test_a_file_that_is_translated_shows_how_far_it_is(folder: Path) -> None:
    """While the results go into another file, which has what it has without a terminal."""
    from ..terminal import Terminal  # noqa: PLC0415

    save_model(trained_small(), folder / "m")
    texts = [line.split("\t")[0] for line in EIGHT_LINES.splitlines()] * 150
    (folder / "in.txt").write_text("\n".join(texts), encoding="utf-8")
    arguments = ["predict", "--load", "m", "--input", "in.txt", "--output"]
    with Terminal([*arguments, "shown.txt"], folder, 80, 24) as terminal:
        last = terminal.until()
    assert terminal.process.wait() == 0
    assert any(line.startswith("訳しています ") and " 1200/1200 行" in line for line in last), last
    assert run_program([*arguments, "silent.txt"], folder).stderr.decode().count("訳しています") == 0
    assert (folder / "shown.txt").read_bytes() == (folder / "silent.txt").read_bytes() != b""
