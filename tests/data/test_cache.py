"""The cache of large data files: read once, shared by processes, current, complete, bounded, and not needed."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.data import Corpus, cache, corpus, read_corpus
from jsl_seq2seq.data.corpus import StoredPairs
from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.tokenize import Tokenizers

from ..processes import environment
from ..refusals import refused
from ..small_models import EIGHT_LINES, small_job

LINES = EIGHT_LINES + EIGHT_LINES.splitlines()[1] + "\nありがとう\t<OK>\tお礼\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and every file counts as large."""
    monkeypatch.setenv("JSL_SEQ2SEQ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    return tmp_path / "cache"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "文.tsv"
    path.write_text(LINES, encoding="utf-8")
    return path


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many bytes of each file have been read as data."""
    counts: Counter[str] = Counter()

    class Counting(io.FileIO):
        def readinto(self, buffer: Any, /) -> int:
            count = super().readinto(buffer) or 0
            counts[Path(str(self.name)).name] += count
            return count

        def readall(self) -> bytes:
            pytest.fail("the whole file was read into memory")

    monkeypatch.setattr(corpus, "open_text", lambda path: io.BufferedReader(Counting(path)))
    return counts


def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with every line that is parsed."""
    lines: list[int] = []
    honest = corpus.pair_of

    def counted(row: Any, *rest: Any) -> Any:
        lines.append(row.line)
        return honest(row, *rest)

    monkeypatch.setattr(corpus, "pair_of", counted)
    return lines


def content(found: Corpus) -> tuple[Any, ...]:
    phenomena = [pair.phenomenon for pair in found.pairs]
    names = found.source.names, found.target.names
    return tuple(found.pairs), tuple(found.lines), phenomena, found.notes, found.digest, names


@pytest.mark.parametrize("limit", [0, 1 << 20], ids=["on disk", "in memory"])
def test_a_training_reads_the_bytes_of_its_data_once(
    tmp_path: Path, data: Path, read_bytes: Counter[str], monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(corpus, "IN_MEMORY", limit)
    valid = tmp_path / "valid.tsv"
    valid.write_text(EIGHT_LINES, encoding="utf-8")
    small_job(tmp_path, data=data, valid=valid, epochs=1).run()
    assert read_bytes == {data.name: data.stat().st_size, valid.name: valid.stat().st_size}


def test_the_second_time_nothing_is_parsed(
    data: Path, read_bytes: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = parsed(monkeypatch)
    first, count = content(read_corpus(data)), len(lines)
    assert count == 10
    assert content(read_corpus(data)) == first and len(lines) == count
    assert read_bytes[data.name] == 2 * data.stat().st_size  # once for its content, once for its digest


def test_a_large_file_holds_what_a_small_one_does(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = [content(read_corpus(data, repetitions=kept)) for kept in (False, True)]
    monkeypatch.setattr(corpus, "IN_MEMORY", 1 << 20)
    assert [content(read_corpus(data, repetitions=kept)) for kept in (False, True)] == large


def test_nothing_is_written_for_small_files(place: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "IN_MEMORY", 1 << 20)
    read_corpus(data)
    assert not place.exists()


def test_a_changed_file_is_read_again_and_its_entry_replaced(place: Path, data: Path) -> None:
    before, status = read_corpus(data), data.stat()
    changed = LINES.replace("たべます", "のみます", 1)
    data.write_text(changed, encoding="utf-8")
    os.utime(data, ns=(status.st_atime_ns, status.st_mtime_ns))  # as large and as old as before
    assert data.stat().st_size == status.st_size
    after = read_corpus(data)
    assert after.digest != before.digest and after.pairs[0] != before.pairs[0]
    assert len([one for one in place.iterdir() if one.is_dir()]) == 1
    assert before.pairs[0].source == "わたしはたべます"  # what was opened before stays readable


def test_the_way_of_reading_is_part_of_the_name(place: Path, data: Path) -> None:
    tags = read_corpus(data)
    words = read_corpus(data, Tokenizers.of("word", "words"))
    assert words.target.names[0] == "<私>" and tags.target.names[0] == "私"
    assert len([one for one in place.iterdir() if one.is_dir()]) == 2
    assert read_corpus(data).target.names == tags.target.names


@pytest.mark.parametrize("damage", ["half", "meta", "gone"])
def test_a_damaged_entry_is_made_again(place: Path, data: Path, damage: str) -> None:
    expected = content(read_corpus(data))
    [entry] = [one for one in place.iterdir() if one.is_dir()]
    ids = entry / "source.ids"
    if damage == "half":
        ids.write_bytes(ids.read_bytes()[:-40])
    elif damage == "meta":
        (entry / "meta.json").write_text("{", encoding="utf-8")
    else:
        ids.unlink()
    assert content(read_corpus(data)) == expected
    assert content(read_corpus(data)) == expected


def test_a_broken_line_leaves_nothing_behind(place: Path, data: Path) -> None:
    data.write_text(LINES + "はい\n", encoding="utf-8")
    with refused(UserError, "11 行目"):
        read_corpus(data)
    assert not [one for one in place.iterdir() if one.is_dir()]


def test_where_no_cache_can_be_written(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = content(read_corpus(data))
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("JSL_SEQ2SEQ_CACHE", str(tmp_path / "file" / "cache"))
    found = read_corpus(data)
    assert content(found) == expected and isinstance(found.pairs, StoredPairs)


def test_a_full_disk_is_said(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jsl_seq2seq.data.ragged.RaggedWriter._flush", full)
    with refused(Failure, "一時ファイル", "No space", "TMPDIR"):
        read_corpus(data)


def test_the_cache_is_bounded(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRIES", 3)
    paths = [tmp_path / f"{number}.tsv" for number in range(5)]
    for age, path in enumerate(paths):
        path.write_text(EIGHT_LINES, encoding="utf-8")
        read_corpus(path)
        for meta in place.glob("*/meta.json"):  # the clock may be too coarse to tell which is older
            os.utime(meta, ns=(meta.stat().st_atime_ns, meta.stat().st_mtime_ns - 10**9 * (5 - age)))
    assert len(list(place.glob("*/meta.json"))) == 3
    lines = parsed(monkeypatch)
    read_corpus(paths[-1])
    assert not lines
    monkeypatch.setattr(cache, "MAX_BYTES", 1)
    paths[0].write_text(EIGHT_LINES + "あ\t<あ>\n", encoding="utf-8")
    assert len(read_corpus(paths[0]).pairs) == 9  # the entry in use stays, however large
    assert len(list(place.glob("*/meta.json"))) == 1


def test_unfinished_entries_of_lost_processes_go(place: Path, data: Path) -> None:
    old, new = place / "aa.old", place / "aa.new"
    old.mkdir(parents=True)
    new.mkdir()
    os.utime(old, (1, 1))
    read_corpus(data)
    assert not old.exists() and new.exists()


READ = """
import sys
from pathlib import Path
from jsl_seq2seq.data import corpus, read_corpus
corpus.IN_MEMORY, honest, lines = 0, corpus.pair_of, []
def counted(row, *rest):
    lines.append(row.line)
    return honest(row, *rest)
corpus.pair_of = counted
sys.stdin.readline()  # begin together
found = read_corpus(Path(sys.argv[1]))
print(len(lines), len(found.pairs), found.digest)
"""


def test_processes_share_one_entry(place: Path, data: Path) -> None:
    """One reads the data, the others wait and take what it has read."""
    data.write_text("".join(f"{n}は\t<t{n % 7}>\n" for n in range(4000)), encoding="utf-8")
    command = [sys.executable, "-c", READ, str(data)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [
        subprocess.Popen(command, env=environment(), text=True, encoding="utf-8", **pipes) for _ in range(3)
    ]
    results: list[tuple[str, str]] = []
    threads = [
        threading.Thread(target=lambda one=one: results.append(one.communicate("\n"))) for one in running
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.returncode for one in running] == [0, 0, 0], results
    told = [output.split() for output, _ in results]
    assert sorted(int(lines) for lines, _, _ in told) == [0, 0, 4000]
    assert len({(count, digest) for _, count, digest in told}) == 1
    [meta] = place.glob("*/meta.json")
    assert json.loads(meta.read_text(encoding="utf-8"))["record"]["digest"] == told[0][2]
