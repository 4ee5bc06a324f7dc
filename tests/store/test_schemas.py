"""JSON that somebody else may have written: strict, bounded, and refused with the place where it is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.errors import Failure
from jsl_seq2seq.store import load_model
from jsl_seq2seq.store.schemas import MetricsFile, validated
from jsl_seq2seq.store.verification import verify

from ..refusals import refused
from .forge import change_config, change_json


def changed(*path: Any, to: Any) -> Callable[[Any], None]:
    def change(values: Any) -> None:
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        (changed("history", 3, "loss", to="1"), "history[3].loss", "数のはずですが、'1' でした"),
        (changed("history", 3, "loss", to=True), "history[3].loss", "数のはず"),
        (changed("history", 0, "epoch", to=1.5), "history[0].epoch", "整数のはず"),
        (changed("history", 0, "epoch", to=-1), "history[0].epoch", "0 以上"),
        (changed("history", 0, "epoch", to=10**16), "history[0].epoch", "以下"),
        (changed("history", 0, "mood", to="good"), "history[0].mood", "知らない項目"),
        (changed("history", to={}), "history", "並び"),
        (changed("examples", 1, to={"source": "x"}), "examples[1].expected", "がありません"),
        (changed("examples", 1, "produced", to=[1]), "examples[1].produced[0]", "文字列"),
        (changed("layers", to={"encoder": {"w": {"mean": 0}}}), "layers.encoder.w.std", "ありません"),
        (changed("weights", to={"w": 1}), "weights.w", "項目の組"),
    ],
    ids=str,
)
def test_metrics(saved: Path, change: Callable[[Any], None], field: str, said: str) -> None:
    change_json(saved, "metrics.json", change)
    with refused(Failure, str(saved / "metrics.json"), said, code="metrics-invalid", field=field):
        load_model(saved)
    (problem,) = verify(saved).problems
    assert field in problem and said in problem


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (changed("metadata", "files", "README.md", "bytes", to="9"), "metadata.files.README.md.bytes"),
        (changed("metadata", "data", "name", to=None), "metadata.data.name"),
        (changed("metadata", "stages", 0, "processes", to=0), "metadata.stages[0].processes"),
        (changed("metadata", "stages", 0, "settings", to=[]), "metadata.stages[0].settings"),
        (changed("training", to=[]), "training"),
    ],
    ids=str,
)
def test_config(saved: Path, change: Callable[[Any], None], field: str) -> None:
    change_config(saved, change)
    with refused(Failure, "config.json", field, code="config-malformed", field=field):
        load_model(saved)


def test_the_outer_shape_of_a_vocabulary(saved: Path) -> None:
    change_json(saved, "vocabulary.json", changed("source", 2, to=7))
    with refused(Failure, "source[2] は文字列", code="vocabulary-invalid"):
        load_model(saved)


def test_many_problems_are_counted() -> None:
    values = {"history": [{"epoch": 0}] * 3, "examples": []}
    with refused(Failure, "history[0].loss がありません", "ほか 6 か所"):
        validated(MetricsFile, values, "metrics.json", "metrics-invalid")


def test_a_long_value_is_not_printed_whole() -> None:
    with pytest.raises(Failure) as caught:
        validated(MetricsFile, {"history": ["x" * 10**6], "examples": []}, "m", "metrics-invalid")
    assert len(caught.value.what) < 300


def test_statistics_of_the_first_releases(saved: Path) -> None:
    before = load_model(saved)

    def as_it_was(metrics: Any) -> None:
        metrics["weights"] = {
            f"{layer}.{name}": row
            for layer, rows in metrics.pop("layers").items()
            for name, row in rows.items()
        }

    change_json(saved, "metrics.json", as_it_was)
    assert load_model(saved).history == before.history
    assert verify(saved).sound


def test_translating_reads_no_record(saved: Path) -> None:
    """Neither the training curve nor the library that validates it: both would cost start-up time."""
    model = load_model(saved, record=False)
    assert (model.history, model.examples, model.stages) == ((), (), ())
    code = (
        "import sys; from jsl_seq2seq import Translator; "
        f"print(Translator.load({str(saved)!r}, 'ndarray').translate('ありがとう')); "
        "print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split("\n")[:2] == ["<ありがとう>", "False"]


def test_a_damaged_record_is_still_noticed_when_translating(saved: Path) -> None:
    content = bytearray((saved / "metrics.json").read_bytes())
    content[len(content) // 2] ^= 1
    (saved / "metrics.json").write_bytes(content)
    with refused(Failure, "metrics.json", code="file-damaged", path=saved / "metrics.json"):
        load_model(saved, record=False)


def test_exports_belong_to_the_directory(saved: Path) -> None:
    (saved / "exports").mkdir()
    (saved / "exports" / "attention.csv").write_text(json.dumps([]), encoding="utf-8")
    assert not verify(saved).notes
