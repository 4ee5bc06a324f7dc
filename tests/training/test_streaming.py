"""Large files: the same training, and memory that does not grow with the sentences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from jsl_seq2seq.data import corpus
from jsl_seq2seq.data.corpus import StoredPairs
from jsl_seq2seq.store import save_model
from jsl_seq2seq.training import TrainingResult

from ..processes import POSIX, environment
from ..small_models import EIGHT_LINES, same_training_state, small_job

CHARACTERS = "あいうえおかきくけこさしすせそたちつてとなにぬねの日月火水木金土学校行来見食飲"


def as_csv(lines: str) -> str:
    rows = (line.split("\t") for line in lines.splitlines())
    return "\ufeffsource,tags\r\n" + "".join(f'"{source}","{tags}"\r\n' for source, tags in rows)


def trained(folder: Path, name: str, content: str, **options: Any) -> TrainingResult:
    (folder / name).write_text(content, encoding="utf-8", newline="")
    return small_job(folder, data=folder / name, valid=folder / name, epochs=3, **options).run()


@pytest.mark.parametrize("batch_tokens", [0, 40])
@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
def test_from_disk_as_from_memory(
    tmp_path: Path, name: str, batch_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, repeated and contradictory lines included."""
    lines = EIGHT_LINES + EIGHT_LINES.splitlines()[1] + "\nありがとう\t<OK>\n"
    content = as_csv(lines) if name.endswith("csv") else lines
    small = trained(tmp_path, name, content, dropout=0.1, batch_tokens=batch_tokens)
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    large = trained(tmp_path, name, content, dropout=0.1, batch_tokens=batch_tokens)
    assert same_training_state(small.model, large.model)
    assert small.model.data_digest == large.model.data_digest
    assert small.model.examples == large.model.examples
    assert [point.valid_loss for point in small.model.history] == [
        point.valid_loss for point in large.model.history
    ]
    assert (small.exact, small.checked) == (large.exact, large.checked) == (small.exact, 9)


def test_going_on_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = small_job(tmp_path, epochs=3, schedule="constant").run().model
    save_model(small_job(tmp_path, epochs=2, schedule="constant").run().model, tmp_path / "m")
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    job = small_job(tmp_path, load=tmp_path / "m", epochs=1)
    assert isinstance(job.corpus.pairs, StoredPairs) and job.notes == []
    assert same_training_state(job.run().model, whole)


def test_the_file_may_go_once_training_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    data = tmp_path / "gone.tsv"
    data.write_text(EIGHT_LINES, encoding="utf-8")
    job = small_job(tmp_path, data=data, valid=data, epochs=2)
    data.unlink()
    assert job.run().checked == 8


def test_an_error_on_the_last_line_of_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    with pytest.raises(Exception, match="9 行目"):
        trained(tmp_path, "a.tsv", EIGHT_LINES + "はい\tはい\n")


def synthetic(path: Path, size: int) -> None:
    """A corpus of so many bytes; every sentence differs."""
    random, written = Random(0), 0
    with path.open("w", encoding="utf-8", newline="") as file:
        while written < size:
            source = "".join(random.choices(CHARACTERS, k=random.randint(20, 50)))
            tags = " ".join(f"<t{random.randrange(600)}>" for _ in range(random.randint(4, 12)))
            line = f"{source}\t{tags}\n"
            written += len(line.encode())
            file.write(line)


PEAK = """
import resource, sys
from pathlib import Path
from jsl_seq2seq.training import TrainingJob, TrainingRequest
import jsl_seq2seq.translate.translator

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

before, batches = peak(), 0

def enough():
    global batches
    batches += 1
    return batches >= 20

job = TrainingJob(TrainingRequest({"batch_size": 64}, "ndarray", data=Path(sys.argv[1])))
job.run(should_stop=enough)
print(len(job.corpus.pairs), peak() - before)
"""


def peak_of(path: Path) -> tuple[int, int]:
    """How many sentences were found, and how far memory rose above what the program needs for nothing."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(path)],
        env=environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    sentences, memory = map(int, run.stdout.split())
    return sentences, memory


@POSIX
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_memory_does_not_hold_the_corpus(tmp_path: Path) -> None:
    """200 MB on disk: at most 100 bytes a sentence, and 40 MB for training itself."""
    path = tmp_path / "large.tsv"
    synthetic(path, 200_000_000)
    sentences, memory = peak_of(path)
    assert sentences > 1_000_000
    assert memory < 100 * sentences + 40_000_000


@POSIX
def test_memory_does_not_grow_with_the_length_of_lines(tmp_path: Path) -> None:
    """24 MB in 3,000 lines: all but a few characters of each are a comment in the third column."""
    path = tmp_path / "wide.tsv"
    with path.open("w", encoding="utf-8") as file:
        for number in range(3000):
            file.write(f"{number}は\t<t{number % 7}>\t{'あ' * 2700}\n")
    sentences, memory = peak_of(path)
    assert sentences == 3000
    assert memory < 16_000_000
