"""docs/corpora.md: its programs and commands, run on miniatures of the files that people have.

The files have exactly the columns, delimiters and quirks of the corpora's; every sentence in them is invented. The
models are smaller than the page's and learn for an epoch: what is tested is that each command does its part.
"""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jsl_seq2seq.cli.console import main

from .test_docs import ROOT, Block, blocks_of

PAGE = ROOT / "docs" / "corpora.md"
SMALL = ["--epochs", "1", "--d-model", "8", "--n-heads", "2", "--d-ff", "16", "--backend", "ndarray"]

Files = dict[str, str]


def phoenix() -> Files:
    """``orth`` before ``translation``, no quotation marks, lower-case sentences."""
    head = "name|video|start|end|speaker|orth|translation\n"
    rows = {
        "train": [
            ("MORGEN NORD REGEN KOMMEN", "morgen kommt im norden regen auf"),
            ("HEUTE SUED SONNE", "heute scheint im süden die sonne"),
            ("JETZT WETTER MORGEN", "und nun das wetter für morgen"),
            ("JETZT WETTER MORGEN", "und nun das wetter für morgen"),
        ],
        "dev": [("HEUTE NORD REGEN", "heute regnet es im norden")],
        "test": [
            ("MORGEN SUED SONNE KOMMEN", "morgen kommt im süden die sonne"),
            ("HEUTE SCHNEE", "heute schneit es"),
        ],
    }
    return {
        f"PHOENIX-2014-T.{part}.corpus.csv": head
        + "".join(
            f"{part}-{number}|{part}-{number}/1/*.png|-1|-1|Signer01|{orth}|{translation}\n"
            for number, (orth, translation) in enumerate(pairs)
        )
        for part, pairs in rows.items()
    }


def csl_daily() -> Files:
    """All videos in one table, the split in another; several people sign a sentence."""
    sentences = [
        ("他 明 天 去 学 校 。", "他 明天 学校 去"),
        ("你 吃 饭 了 吗 ？", "你 吃 完 吗"),
        ("我 很 好 。", "我 好"),
    ]
    parts = ["train", "train", "train", "dev", "test"]
    rows, split = [], []
    for number, part in enumerate(parts):
        char, gloss = sentences[number % 3]
        name = f"S{number:06}_P0000_T00"
        rows.append(f"{number}|{name}|90|{gloss}|{char}|{char}|r t v n w\n")
        split.append(f"{name}|{part}\n")
    return {
        "sentence_label/video_map.txt": "index|name|length|gloss|char|word|postag\n" + "".join(rows),
        "sentence_label/split_1.txt": "name|split\n" + "".join(split),
    }


def aslg() -> Files:
    """Quoted fields that end in a newline."""
    rows = [
        f'"X-I SEE {number} CAT ON DESC-BIG TABLE\n","i see {number} cats on the big table .\n"\n'
        for number in range(60)
    ]
    return {"aslg_pc12.csv": "gloss,text\n" + "".join(rows)}


def line_files() -> Files:
    """Two files with equally many lines, of which one pair is empty."""
    english = ["we must act now .", "", "the report is good ."]
    glosses = ["X-WE MUST ACT NOW", "", "REPORT BE DESC-GOOD"]
    return {
        f"ENG-ASL_{part}_0.046.{end}": "\n".join(lines) + "\n"
        for part in ("Train", "Dev", "Test")
        for end, lines in (("en", english), ("asl", glosses))
    }


def tables() -> Files:
    """The page's own lines."""
    [lines] = re.findall(r'^```\n(\{"text": .*?)^```$', PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return {f"tsl-{part}.jsonl": lines for part in ("train", "valid", "test")}


def elan() -> Files:
    """Annotations in time slots that are not in order; a sign across the border of two sentences, a layer between."""

    def tier(name: str, annotations: list[tuple[int, int, str]]) -> str:
        inner = "".join(
            f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="ts{a}" TIME_SLOT_REF2="ts{b}">'
            f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
            for a, b, text in annotations
        )
        return f'<TIER LINGUISTIC_TYPE_REF="default" TIER_ID="{name}">{inner}</TIER>'

    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{n}" TIME_VALUE="{100 * n}"/>' for n in range(30))
    signs = [
        (10, 12, "行く"),
        (1, 3, "私"),
        (4, 6, "明日 "),
        (6, 9, "学校"),
        (14, 16, "いい 天気"),
        (17, 19, "PT3"),
    ]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT FORMAT="3.0" VERSION="3.0">'
        f"<TIME_ORDER>{slots}</TIME_ORDER>"
        + tier("訳", [(0, 13, "私は明日学校に行きます"), (13, 20, "いい天気ですね"), (25, 29, "（笑い）")])
        + tier("口型", [(1, 3, "わ")])
        + tier("グロス", signs)
        + "</ANNOTATION_DOCUMENT>\n"
    )
    return {f"対話{number}.eaf": text for number in (1, 2, 3)}


def examples() -> Files:
    """The files that the page shows."""
    shown = re.findall(r"^`(\w+\.tsv)`:\n\n```\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(shown) == 3
    return dict(shown)


SECTIONS: dict[str, Callable[[], Files]] = {
    "RWTH-PHOENIX-Weather 2014 T": phoenix,
    "CSL-Daily": csl_daily,
    "ASLG-PC12": aslg,
    "行が対応する 2 つのファイル": line_files,
    "表や JSON のデータ": tables,
    "ELAN の注釈": elan,
    "ツールが知らせること": examples,
}


def sections() -> dict[str, list[Block]]:
    """The page's blocks by heading."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    headings = [(number, line[3:]) for number, line in enumerate(lines, 1) if line.startswith("## ")]
    found: dict[str, list[Block]] = {title: [] for _, title in headings}
    for block in blocks_of(PAGE):
        above = [title for number, title in headings if number < block.line]
        if above:
            found[above[-1]].append(block)
    return found


def test_every_section_with_commands_is_run() -> None:
    assert {title for title, blocks in sections().items() if any(b.info == "sh" for b in blocks)} == set(
        SECTIONS
    )


@pytest.mark.parametrize("title", SECTIONS)
def test_section(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tokenizers")
    pytest.importorskip("sacrebleu")
    monkeypatch.chdir(tmp_path)
    for name, content in SECTIONS[title]().items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content, encoding="utf-8")
    judged = ""
    for block in sections()[title]:
        if block.info == "python":
            name = re.match(r"# (\w+\.py)\n", block.body)
            assert name, f"{block}: a program begins with its file name"
            Path(name[1]).write_text(block.body, encoding="utf-8")
        if block.info != "sh":
            continue
        for line in block.body.splitlines():
            program, *arguments = shlex.split(line)
            capsys.readouterr()
            if program == "python":
                monkeypatch.setattr(sys, "argv", arguments)
                runpy.run_path(arguments[0], run_name="__main__")
                continue
            assert program == "jsl-seq2seq"
            with pytest.raises(SystemExit) as end:
                main([*arguments, *(SMALL if arguments[0] == "train" else [])])
            out, err = map(str, capsys.readouterr())
            assert end.value.code == 0, err
            judged = err if arguments[0] == "evaluate" else judged
            if block.followed_by:
                told = {*out.splitlines(), *err.splitlines()}
                assert set(block.followed_by.splitlines()) <= told, f"{block}: update the text block"
    assert "BLEU|" in judged and "tok:none" in judged


def test_what_the_programs_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their results, which the commands above would also take if they were wrong."""
    monkeypatch.chdir(tmp_path)
    every = sections()

    def run(title: str, *arguments: str) -> None:
        [block] = [block for block in every[title] if block.info == "python"]
        for name, content in SECTIONS[title]().items():
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(content, encoding="utf-8")
        Path("program.py").write_text(block.body, encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["program.py", *arguments])
        runpy.run_path("program.py", run_name="__main__")

    run("CSL-Daily")
    assert Path("csl-train.tsv").read_text(encoding="utf-8").splitlines() == [
        "他明天去学校。\t他 明天 学校 去", "你吃饭了吗？\t你 吃 完 吗", "我很好。\t我 好",
    ]  # fmt: skip
    assert Path("csl-test.tsv").read_text(encoding="utf-8") == "你吃饭了吗？\t你 吃 完 吗\n"
    run("ELAN の注釈", "訳", "グロス", "out.tsv", "対話1.eaf")
    assert Path("out.tsv").read_text(encoding="utf-8") == (
        "私は明日学校に行きます\t私 明日 学校 行く\nいい天気ですね\tいい_天気 PT3\n"
    )
    run("行が対応する 2 つのファイル", "ENG-ASL_Train_0.046.en", "ENG-ASL_Train_0.046.asl", "lines.tsv")
    assert Path("lines.tsv").read_text(encoding="utf-8") == (
        "we must act now .\tX-WE MUST ACT NOW\nthe report is good .\tREPORT BE DESC-GOOD\n"
    )
    Path("short.asl").write_text("X-WE\n", encoding="utf-8")
    with pytest.raises(ValueError, match="zip"):
        run("行が対応する 2 つのファイル", "ENG-ASL_Train_0.046.en", "short.asl", "lines.tsv")
    run("ASLG-PC12", "aslg_pc12.csv")
    parts = [Path(f"{part}.csv").read_text(encoding="utf-8") for part in ("train", "valid", "test")]
    sentences = [set(re.findall(r"see \d+ cats", part)) for part in parts]
    assert all(sentences) and sum(map(len, sentences)) == len(set.union(*sentences)) == 60
