"""Translating from the command line and from pipes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import jsl_seq2seq.cli.lines as lines_module
from jsl_seq2seq.store import save_model

from ..backend_cases import require
from ..processes import run_program, talk_to_program
from ..small_models import trained_otherwise
from .conftest import Program

NDARRAY = ["--backend", "ndarray"]


def test_quiet_is_only_the_tags(program: Program, model: Path) -> None:
    done = program("--load", model, *NDARRAY, "--predict", "えきはどこですか", "--quiet")
    assert done == (0, "<駅> <場所> <何>\n", "")


def test_ordinary_output_says_what_was_chosen_and_that_tags_are_not_jsl(
    program: Program, model: Path
) -> None:
    done = program("--load", model, *NDARRAY, "--predict", "だいじょうぶです")
    assert done.code == 0
    assert done.out.startswith("だいじょうぶです → <OK>（確からしさ ")
    assert "ndarray" in done.err and "日本手話そのものではありません" in done.err


def test_json(program: Program, model: Path) -> None:
    done = program(
        "--load", model, "--predict", "ありがとう", "--predict", "龍わたしはたべます", "--json", "--quiet"
    )
    first, second = map(json.loads, done.out.splitlines())
    assert first["text"] == "ありがとう" and first["finished"] is True and first["warnings"] == []
    assert [one["tag"] for one in second["tags"]] == ["私", "食べる"]
    assert all(0 <= one["probability"] <= 1 for one in second["tags"])
    assert 0 <= second["probability"] <= 1
    assert "龍" in second["warnings"][0]
    assert (done.code, done.err) == (0, "")


ORDERS = [
    ["--predict", "ありがとう", "--predict", "おはようございます"],
    ["--predict", "ありがとう", "おはようございます"],
    ["ありがとう", "--predict", "おはようございます"],
    ["ありがとう", "--beam", "1", "おはようございます"],
    ["--predict=ありがとう", "--", "おはようございます"],
    ["ありがとう", "--predict", "-"],
    ["-", "--predict", "おはようございます"],
]


@pytest.mark.parametrize("arguments", ORDERS, ids=" ".join)
def test_sentences_come_in_the_order_in_which_they_were_typed(
    program: Program, model: Path, arguments: list[str]
) -> None:
    stdin = ("ありがとう" if arguments[0] == "-" else "おはようございます").encode()
    done = program("predict", "--load", model, "--quiet", *arguments, stdin=stdin)
    assert (done.code, done.out) == (0, "<ありがとう>\n<朝> <挨拶>\n")


def test_a_sentence_may_look_like_an_option(program: Program, model: Path) -> None:
    done = program("predict", "--load", model, "--quiet", "ありがとう", "--", "--ありがとう")
    assert (done.code, done.out) == (0, "<ありがとう>\n<ありがとう>\n")
    assert "「-」" in done.err


def test_an_error_as_json_has_a_code_and_facts(program: Program, model: Path) -> None:
    done = program("--load", model, "--json", "--quiet", "--predict", "ありがとう", "--predict", "龍")
    first, error = map(json.loads, done.out.splitlines())
    assert done.code == 2 and first["text"] == "ありがとう"
    assert error["code"] == "nothing-to-translate" and error["facts"]["text"] == "龍"
    assert error["error"] in done.err and error["hint"] in done.err
    [line] = map(
        json.loads,
        program("--load", model, "--json", "--predict", "-", stdin="龍\n".encode()).out.splitlines(),
    )
    assert line == {"text": "龍", **error}
    for arguments, code in (
        (["--beem", "2"], "unknown-option"),
        (["--beam", "0", "あ"], "setting-out-of-range"),
    ):
        done = program("predict", "--load", model, "--json", *arguments)
        assert (done.code, json.loads(done.out)["code"]) == (2, code)
    assert json.loads(done.out)["facts"] == {"setting": "beam", "value": 0, "low": 1, "high": 1000}
    assert json.loads(done.out)["error"].startswith("--beam は")


def test_warnings_name_unknown_characters(program: Program, model: Path) -> None:
    done = program("--load", model, "--predict", "龍ありがとう", "--quiet")
    assert (done.code, done.out) == (0, "<ありがとう>\n")
    assert "「龍」" in done.err


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "\udcff", "\ud83d", "\U0001f468\u200d\U0001f469", "<EOS>", "龍", "あ" * 3000]
)
def test_impossible_texts(program: Program, model: Path, text: str) -> None:
    done = program("--load", model, "--predict", text, "--quiet")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("エラー: ") and "\x00" not in done.err


def test_control_characters_do_not_reach_the_terminal(program: Program, model: Path) -> None:
    done = program("--load", model, "--predict", "\x1b[2Jありがとう\x07\x9b")
    assert done.code == 0
    assert not {"\x1b", "\x07", "\x9b"} & set(done.out + done.err)


def test_literal_tags_are_text(program: Program, model: Path) -> None:
    done = program("--load", model, "--predict", "ありがとう<EOS>", "--quiet")
    assert (done.code, done.out) == (0, "<ありがとう>\n")


@pytest.mark.parametrize("form", ["flat", "verb"])
def test_a_pipe_keeps_lines_aligned(program: Program, model: Path, form: str) -> None:
    lines = ["ありがとう", "", "龍", "おはようございます", "あ" * 3000, "だいじょうぶです"]
    arguments = ["--load", model, "--predict", "-"] if form == "flat" else ["predict", "--load", model, "-"]
    done = program(*arguments, "--quiet", stdin="\n".join(lines).encode())
    assert done.code == 0
    assert done.out.split("\n") == ["<ありがとう>", "", "", "<朝> <挨拶>", "", "<OK>", ""]
    assert [line.split(" ")[0] for line in done.err.splitlines() if "行目" in line] == ["3", "5"]


def test_json_of_a_pipe_has_a_line_for_every_line(program: Program, model: Path) -> None:
    done = program(
        "--load", model, "--predict", "-", "--json", stdin="ありがとう\n\n龍\nありがとう\n".encode()
    )
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [one["text"] for one in found] == ["ありがとう", "", "龍", "ありがとう"]
    assert ["error" in one for one in found] == [False, True, True, False]


def test_more_lines_than_are_translated_at_once(program: Program, model: Path) -> None:
    lines = ["ありがとう", "だいじょうぶです", ""] * 50
    done = program("--load", model, "--predict", "-", "--quiet", stdin="\n".join(lines).encode() + b"\n")
    assert done.out.splitlines() == ["<ありがとう>", "<OK>", ""] * 50
    as_json = program("--load", model, "--predict", "-", "--json", stdin="\n".join(lines).encode() + b"\n")
    assert [json.loads(line)["text"] for line in as_json.out.splitlines()] == lines


EXPECTED = ["<ありがとう>", "<朝> <挨拶>"]
ENCODED = {
    "UTF-8": "ありがとう\nおはようございます\n".encode(),
    "BOM": b"\xef\xbb\xbf" + "ありがとう\nおはようございます\n".encode(),
    "CRLF": "ありがとう\r\nおはようございます\r\n".encode(),
    "no end": "ありがとう\nおはようございます".encode(),
}


@pytest.mark.parametrize("stdin", ENCODED.values(), ids=ENCODED.keys())
def test_encodings_of_a_pipe(program: Program, model: Path, stdin: bytes) -> None:
    done = program("--load", model, "--predict", "-", "--quiet", stdin=stdin)
    assert (done.code, done.out.splitlines(), done.err) == (0, EXPECTED, "")
    done = program("--load", model, "--predict", "-", "--json", stdin=stdin)
    texts = [json.loads(line)["text"] for line in done.out.splitlines()]
    assert texts == ["ありがとう", "おはようございます"]


JIS = ["iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2004", "iso-2022-jp-ext", "iso-2022-kr"]


@pytest.mark.parametrize(
    "encoding", ["cp932", "euc-jp", *JIS, "utf-7", "hz", "utf-16", "utf-16-le", "latin-1"]
)
@pytest.mark.parametrize("before", ["", "abc\n"])
def test_another_encoding_is_refused_with_the_message_of_a_file(
    program: Program, model: Path, tmp_path: Path, encoding: str, before: str
) -> None:
    """No sentence is invented from bytes that happen to be characters in some encoding."""
    text = "é\n" if encoding == "latin-1" else "ありがとう\nおはようございます\n"
    stdin = (before + text).encode(encoding)
    guesses = {"cp932": "Shift_JIS", "euc-jp": "EUC-JP", "utf-7": "UTF-7", "hz": "HZ"}
    guesses |= dict.fromkeys(JIS, "ISO-2022") | dict.fromkeys(["utf-16", "utf-16-le"], "UTF-16")
    done = program("--load", model, "--predict", "-", "--quiet", stdin=stdin)
    assert done.code == 2 and "UTF-8 ではありません" in done.err
    assert not {"<ありがとう>", "<朝>", "<挨拶>"} & set(done.out.split())
    (tmp_path / "data.tsv").write_bytes(stdin)
    file = program("evaluate", "--load", model, "--data", tmp_path / "data.tsv")
    guess = guesses.get(encoding)
    if guess and not before:
        assert guess in done.err and guess in file.err
    assert file.code == 2


@pytest.mark.parametrize("bad", [b"\xff\xfe\x81", "おはよう".encode("cp932"), "おはよう".encode("euc-jp")])
def test_a_line_in_another_encoding_than_those_before_it_is_one_line(
    program: Program, model: Path, bad: bytes
) -> None:
    stdin = "ありがとう\n".encode() + bad + "\nおはようございます\n".encode()
    done = program("--load", model, "--predict", "-", "--quiet", stdin=stdin)
    assert done.out.split("\n") == ["<ありがとう>", "", "<朝> <挨拶>", ""]
    assert done.code == 2 and "2 行目" in done.err and "文字コード" in done.err


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp"])
def test_a_console_with_its_own_encoding_is_read_in_one(model: Path, tmp_path: Path, encoding: str) -> None:
    """Half-width kana in cp932 are UTF-8 by accident now and then, which decides nothing once it is decided."""
    arguments = ["--load", str(model), "--predict", "-", "--json", *NDARRAY]
    texts = ["ありがとう", "ﾂｱﾄﾞ", "おはようございます"]
    done = run_program(
        arguments, tmp_path, "\n".join(texts).encode(encoding), PYTHONIOENCODING=f"{encoding}:replace"
    )
    assert done.returncode == 0
    assert [json.loads(line)["text"] for line in done.stdout.decode(encoding).splitlines()] == texts


def test_who_writes_a_line_and_waits_gets_its_translation(model: Path, tmp_path: Path) -> None:
    """As a web server does that keeps the program running."""
    arguments = ["--load", str(model), "--predict", "-", "--quiet", *NDARRAY]
    with talk_to_program(arguments, tmp_path) as process:
        assert process.stdin is not None and process.stdout is not None
        for text, wanted in [("ありがとう", "<ありがとう>"), ("おはようございます", "<朝> <挨拶>")]:
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline().decode().strip() == wanted
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_notes_of_a_pipe_name_the_line(program: Program, model: Path) -> None:
    done = program("--load", model, "--predict", "-", stdin="ありがとう\nあ龍\n".encode())
    assert "警告: 2 行目: " in done.err


def test_an_empty_pipe(program: Program, model: Path) -> None:
    assert program("--load", model, "--predict", "-", "--quiet") == (0, "", "")


def test_attention_files_lie_in_the_model(program: Program, model: Path, tmp_path: Path) -> None:
    done = program("--load", model, "--predict", "ありがとう", "--export-attn")
    assert done.code == 0 and "attention.html" in done.err and str(model / "exports") in done.err
    names = {path.name for path in (model / "exports").iterdir()}
    assert {"attn_layer0_head0.csv", "attn_cross_layer0_head1.svg", "attention.html"} <= names
    assert not (tmp_path / "exports").exists()
    checked = program("verify", model)
    assert checked.code == 0 and "exports" not in checked.err
    assert program("--load", model, "--predict", "ありがとう").code == 0


def test_exports_of_the_shipped_model_lie_in_the_working_directory(program: Program, tmp_path: Path) -> None:
    done = program("--predict", "ありがとう", "--export-attn", "--export-weights", "encoder.final_norm")
    assert done.code == 0
    names = {path.name for path in (tmp_path / "exports").iterdir()}
    assert {"attention.html", "weights_encoder.final_norm.bias.csv"} <= names


def test_attention_of_several_sentences_lies_in_several_folders(
    program: Program, model: Path, tmp_path: Path
) -> None:
    texts = ["--predict", "ありがとう", "--predict", "だいじょうぶです"]
    assert program("--load", model, *texts, "--export-attn", "--export-dir", "絵 1").code == 0
    assert sorted(path.name for path in (tmp_path / "絵 1").iterdir()) == ["01", "02", "attention.html"]


def test_long_sentences_are_translated_without_pictures(program: Program, model: Path) -> None:
    done = program("--load", model, "--predict", "わ" * 21, "--export-attn", "--quiet")
    assert done.code == 0 and done.out and "--force-export" in done.err
    assert not (model / "exports").exists()
    assert program("--load", model, "--predict", "わ" * 21, "--export-attn", "--force-export").code == 0
    assert (model / "exports" / "attention.html").is_file()


@pytest.mark.parametrize("verb", ["--predict", "diagnose"])
def test_weights_of_one_byte(program: Program, model: Path, verb: str) -> None:
    require("int8")
    result = program(verb, "わたしはたべます", "--load", model, "--precision", "int8")
    assert result.code == 0
    assert "<私> <食べる>" in result.out
    assert "int8" in result.err


def test_weights_of_one_byte_where_they_cannot_be(program: Program, model: Path) -> None:
    result = program(
        "--predict", "わたしはたべます", "--load", model, "--precision", "int8", "--backend", "wgpu"
    )
    assert (result.code, result.out) == (2, "")
    assert "int8" in result.err and "--precision を外す" in result.err


def test_weights_beside_translations(program: Program, model: Path) -> None:
    done = program(
        "--load", model, "--predict", "ありがとう", "--export-weights", "decoder.output_projection"
    )
    assert done.code == 0 and "<ありがとう>" in done.out
    assert (model / "exports" / "weights_decoder.output_projection.weight.csv").is_file()


def test_a_wrong_weight_lists_the_nearest(program: Program, model: Path) -> None:
    done = program("--load", model, "--export-weights", "decoder.output_projektion")
    assert done.code == 2 and "decoder.output_projection" in done.err


def test_a_damaged_model_is_exit_code_1(program: Program, model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"")
    done = program("--load", model, "--predict", "ありがとう")
    assert (done.code, done.out) == (1, "")
    assert "model.safetensors" in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("name", ["wgpu", "torch"])
def test_a_backend_that_is_there_works_and_one_that_is_not_says_so(
    program: Program, model: Path, name: str
) -> None:
    done = program("--load", model, "--backend", name, "--predict", "ありがとう", "--quiet")
    if done.code == 0:
        assert done.out == "<ありがとう>\n"
    else:
        assert done.code in (1, 2) and done.out == ""
        assert done.err.startswith("エラー: ") and "Traceback" not in done.err


def test_an_unknown_backend(program: Program, model: Path) -> None:
    done = program("--load", model, "--backend", "cuda", "--predict", "ありがとう")
    assert done.code == 2 and "ndarray" in done.err


def test_in_a_process_of_its_own(model: Path, tmp_path: Path) -> None:
    done = run_program(["--load", str(model), "--predict", "ありがとう", "--quiet"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "<ありがとう>\n".encode(), b"")


def test_several_translations(program: Program, model: Path) -> None:
    done = program("--load", model, "--predict", "ありがとう", "--n-best", "3")
    first, second, third = done.out.splitlines()
    assert first.startswith("ありがとう → <ありがとう>（確からしさ ")
    assert second.startswith("  2. <") and third.startswith("  3. <")
    done = program(
        "--load", model, "--predict", "ありがとう", "--beam", "4", "--n-best", "2", "--json", "--quiet"
    )
    [found] = map(json.loads, done.out.splitlines())
    [other] = found["alternatives"]
    assert other["probability"] <= found["probability"] and other["tags"] != found["tags"]
    done = program(
        "--load", model, "--predict", "-", "--n-best", "2", "--quiet", stdin="ありがとう\n龍\n".encode()
    )
    assert done.out.startswith("<ありがとう>\t") and done.out.count("\n") == 2


@pytest.mark.parametrize(
    "options", [["--beam", "0"], ["--beam", "1", "--n-best", "2"], ["--length-penalty", "-1"]]
)
@pytest.mark.parametrize("text", ["ありがとう", "-"])
def test_impossible_searches(program: Program, model: Path, options: list[str], text: str) -> None:
    done = program("--load", model, "--predict", text, *options, stdin="ありがとう\n".encode())
    assert (done.code, done.out) == (2, "")
    assert done.err.count("エラー: ") == 1


def test_uncertain_translations_are_marked_and_strict_ends_with_3(program: Program, model: Path) -> None:
    done = program("predict", "--load", model, "龍ありがとう", "ありがとう")
    first, second = done.out.splitlines()
    assert first.startswith("龍ありがとう →? <ありがとう>（") and second.startswith(
        "ありがとう → <ありがとう>（"
    )
    assert done.code == 0
    assert program("predict", "--load", model, "--strict", "ありがとう").code == 0
    done = program("predict", "--load", model, "--strict", "龍ありがとう", "ありがとう", "--quiet")
    assert (done.code, done.out) == (3, "<ありがとう>\n<ありがとう>\n")
    done = program("--load", model, "--predict", "龍ありがとう", "--strict", "--json", "--quiet")
    assert done.code == 3 and json.loads(done.out)["uncertain"] is True


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("ありがとう\n\nわたしはたべます\n", 0),
        ("ありがとう\n龍ありがとう\n", 3),
        ("ありがとう\n龍\n", 3),
        ("", 0),
    ],
)
def test_strict_with_a_pipe(program: Program, model: Path, lines: str, code: int) -> None:
    arguments = ["predict", "--load", model, "-", "--quiet"]
    plain = program(*arguments, stdin=lines.encode())
    strict = program(*arguments, "--strict", stdin=lines.encode())
    assert (plain.code, strict.code, strict.out) == (0, code, plain.out)


def test_open_words_need_no_warning(program: Program, open_model: Path) -> None:
    done = program("predict", "--load", open_model, "--strict", "龍を飲む", "--quiet")
    assert done == (0, "<+龍> <飲む>\n", "")


def test_a_file_in_and_a_file_out(program: Program, model: Path, tmp_path: Path) -> None:
    text = "わたしはたべます\n\n\u3042りがとう\nはい、わかります"
    (tmp_path / "文 1.txt").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    printed = program("predict", "--load", model, "--quiet", "-", stdin=text.encode())
    assert printed.code == 0 and printed.out.count("\n") == 4
    arguments = ["predict", "--load", model, "--quiet", "--input", "文 1.txt"]
    assert program(*arguments) == printed
    written = program(*arguments, "--output", "訳 1.txt")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "訳 1.txt").read_bytes() == printed.out.encode()
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["文 1.txt", "訳 1.txt"]
    told = program(*arguments[:-1], "文 1.txt", "はい、わかります", "--json", "--output", "訳 1.txt")
    assert told.code == 0
    lines = (tmp_path / "訳 1.txt").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines][:2] == ["はい、わかります", "わたしはたべます"]


def test_a_file_in_place(program: Program, model: Path, tmp_path: Path) -> None:
    """What is read may be what is written: it is replaced when all is there."""
    (tmp_path / "a").write_text("ありがとう\n", encoding="utf-8")
    assert program("predict", "--load", model, "--quiet", "--input", "a", "--output", "a").code == 0
    assert (tmp_path / "a").read_text(encoding="utf-8") == "<ありがとう>\n"


@pytest.mark.parametrize(
    ("content", "output", "code", "said"),
    [
        (None, "out", 2, "ありません: in"),
        (b"", "missing/out", 1, "訳を書けません: missing"),
        (b"", ".", 1, "訳を書けません"),
        ("ありがとう".encode("cp932"), "out", 2, "in の 1 行目が UTF-8 ではありません"),
        ("ありがとう\n".encode() + "ありがとう".encode("cp932"), "out", 2, "in の 1 行は"),
    ],
)
def test_files_that_cannot_be_used(
    program: Program, model: Path, tmp_path: Path, content: bytes | None, output: str, code: int, said: str
) -> None:
    if content is not None:
        (tmp_path / "in").write_bytes(content)
    (tmp_path / "out").write_text("before", encoding="utf-8")
    done = program("predict", "--load", model, "--quiet", "--input", "in", "--output", output)
    assert done.code == code and said in done.err and "Traceback" not in done.err
    kept = "before" if "1 行は" not in said else "<ありがとう>\n\n"
    assert (tmp_path / "out").read_text(encoding="utf-8") == kept
    assert {path.name for path in tmp_path.iterdir()} <= {"in", "out", model.name}


@pytest.fixture
def two(model: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two models of the eight sentences."""
    save_model(trained_otherwise(), tmp_path / "other")
    return model, tmp_path / "other"


def test_several_models_translate_together(program: Program, two: tuple[Path, Path]) -> None:
    loads = ["--load", two[0], "--load", two[1]]
    done = program("predict", *loads, *NDARRAY, "えきはどこですか")
    assert done.code == 0 and done.out.startswith("えきはどこですか → <駅> <場所> <何>")
    assert "2 つのモデルの確率を平均" in done.err
    text = "わたしはえきです"
    figures = [
        json.loads(program("predict", *each, *NDARRAY, text, "--json", "--quiet").out)["probability"]
        for each in (loads, loads[2:] + loads[:2], loads[:2], loads[2:])
    ]
    assert figures[0] == pytest.approx(figures[1]) and len({round(one, 6) for one in figures}) == 3
    twice = program("predict", *loads[:2], *loads[:2], *NDARRAY, text, "--json", "--quiet")
    assert json.loads(twice.out)["probability"] == pytest.approx(figures[2], abs=1e-6)
    best = program("predict", *loads, *NDARRAY, "--n-best", "3", "--quiet", text)
    assert best.out.count("\t") == 2


@pytest.mark.parametrize("option", [["--export-attn"], ["--export-weights", "encoder"]])
def test_what_several_models_cannot_show(
    program: Program, two: tuple[Path, Path], option: list[str], tmp_path: Path
) -> None:
    done = program("predict", "--load", two[0], "--load", two[1], *NDARRAY, *option, "ありがとう")
    assert done.code == 2 and "1 つ" in done.err and done.out == ""
    assert not list(tmp_path.rglob("exports"))


def test_models_that_do_not_fit_together_are_refused(program: Program, model: Path, open_model: Path) -> None:
    done = program("predict", "--load", model, "--load", open_model, "ありがとう")
    assert done.code == 2 and "2 番目のモデル" in done.err and "--seed" in done.err
    done = program("predict", "--load", model, "--load", "ない", "ありがとう")
    assert done.code == 2 and "ない" in done.err


@pytest.mark.parametrize("verb", [["train"], ["diagnose", "ありがとう"], ["tags"], ["serve"]])
def test_other_commands_take_one_model(program: Program, model: Path, verb: list[str]) -> None:
    done = program(*verb, "--load", model, "--load", model)
    assert done.code == 2 and "--load は 1 つだけ" in done.err


def test_a_line_that_is_too_long_is_not_called_one_in_another_encoding(
    program: Program, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE", 60)
    lines = "あ" * 30 + "\nありがとう\n"
    done = program("--load", model, "--quiet", "--predict", "-", stdin=lines.encode())
    assert (done.code, done.out.splitlines()) == (0, ["", "<ありがとう>"])
    assert "1 行目が長すぎます" in done.err and "文字コード" not in done.err
