"""Pairs with copied tags in the places of others: what they are, and how a training uses them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.data import SentencePair
from jsl_seq2seq.settings.presets import preset_options
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.training import Checkpoints, TrainingJob, TrainingRequest
from jsl_seq2seq.training.substitution import substituted

from ..small_models import same_training_state, small_job

UNITS: dict[str, Any] = {"source_units": "char", "target_units": "words", "target_tokenizer": "char"}
LINES = "他明天去學校\t他 明天 學校 去\n你吃飯了嗎\t你 吃 完 嗎\n老師喜歡喝茶\t老師 茶 喝 喜歡\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "tsl.tsv"
    path.write_text(LINES, encoding="utf-8")
    return path


def pair(source: str, tags: str) -> SentencePair:
    return SentencePair(source, tuple(tags.split()))


def test_one_copied_tag() -> None:
    # 完 is not in the sentence, 茶 stands there twice, 好 among the tags; only 飯 is copied, and the drink 水
    pairs = [pair("吃飯了", "飯 完"), pair("茶茶好", "茶 好 好"), pair("喝水", "水")]
    found = list(substituted(pairs, 20, seed=3))
    assert len(found) == 40
    for one in found[:20]:
        assert one in (pair("吃飯了", "飯 完"), pair("吃水了", "水 完"))
    for one in found[20:]:
        assert one in (pair("喝水", "水"), pair("喝飯", "飯"))
    assert len(set(found)) == 4, "what is drawn may be what was there"


def test_tags_that_overlap_in_the_sentence() -> None:
    found = set(substituted([pair("東京都へ", "京都 東京"), pair("行く", "行く")], 40, seed=0))
    assert found == {
        pair("東京都へ", "京都 東京"), pair("行く都へ", "京都 行く"), pair("行く", "行く"), pair("東京", "東京"),
    }  # fmt: skip


def test_nothing_to_copy() -> None:
    assert list(substituted([pair("morgen regnet es", "MORGEN REGEN")], 3, seed=0)) == []
    assert list(substituted([], 3, seed=0)) == []


@pytest.mark.parametrize("seed", range(3))
def test_generated_pairs(seed: int) -> None:
    """In every variant tags stand where tags stood, the rest of the sentence is as it was, and about half change."""
    random = Random(seed)
    words = [chr(0x4E00 + 2 * number) + chr(0x4E01 + 2 * number) for number in range(300)]
    pairs = []
    for _ in range(100):
        tags = random.sample(words, 4)
        shown = [*tags]
        random.shuffle(shown)
        pairs.append(SentencePair("は".join(shown), tuple(tags)))
    found = list(substituted(pairs, 5, seed))
    assert found == list(substituted(pairs, 5, seed)) != list(substituted(pairs, 5, seed + 1))
    assert len(found) == 500
    changed, drawn = 0, Counter[str]()
    for number, one in enumerate(found):
        before = pairs[number // 5]
        places = [before.source.split("は").index(tag) for tag in before.tags]
        assert [one.source.split("は")[place] for place in places] == list(one.tags)
        new = [tag for tag, old in zip(one.tags, before.tags, strict=True) if tag != old]
        changed += len(new)
        drawn.update(new)
    assert 900 < changed < 1200, "of 2,000, one half and the rule of at least one"
    # every word is drawn about as often, however often it stands in the data
    assert len(drawn) > 0.9 * len({tag for one in pairs for tag in one.tags}) and max(drawn.values()) < 20


def test_a_training_has_them_behind_its_own_pairs(data: Path, tmp_path: Path) -> None:
    plain = small_job(tmp_path, data=data, **UNITS)
    job = small_job(tmp_path, data=data, substitutions=4, **UNITS)
    assert [job._pairs[number] for number in range(3)] == [*plain._pairs]
    assert job.decisions[-1].startswith("足した文") and f" {len(job._pairs) - 3} 文" in job.decisions[-1]
    assert 3 < len(job._pairs) <= 15, "those that would be longer than the longest sentence are left out"
    assert job.start.config == plain.start.config and job.start.tokenizers.hash == plain.start.tokenizers.hash
    result = job.run()
    assert result.checked == 3 and result.model.data_digest == job.corpus.digest
    assert (result.model.trained_on == plain.run().model.trained_on).all(), (
        "no sentence of the data is missing or new"
    )


@pytest.mark.parametrize(
    "units", [{}, {"source_units": "word"}, {"target_tokenizer": "word"}], ids=["tags", "word", "whole"]
)
def test_nothing_is_added_without_characters_on_both_sides(
    data: Path, tmp_path: Path, units: dict[str, Any]
) -> None:
    path = data if units else None
    options = {**UNITS, **units} if units else {}
    jobs = [small_job(tmp_path, data=path, substitutions=number, **options) for number in (0, 3)]
    assert len(jobs[0]._pairs) == len(jobs[1]._pairs) and not jobs[1].decisions
    for name, values in jobs[0].start.parameters.items():
        np.testing.assert_array_equal(values, jobs[1].start.parameters[name])


def test_an_interrupted_run_goes_on_with_the_same_pairs(data: Path, tmp_path: Path) -> None:
    options = {**UNITS, "substitutions": 2, "epochs": 4, "dropout": 0.1}
    whole = small_job(tmp_path, data=data, **options).run().model
    job = small_job(tmp_path, data=data, **options)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == 4

    save_model(job.run(should_stop=stop).model, tmp_path / "m")
    request = TrainingRequest(options, "ndarray", data=data, load=tmp_path / "m", resume=True)
    resumed = TrainingJob(request)
    assert list(resumed._pairs) == list(job._pairs)
    assert same_training_state(resumed.run().model, whole)


def test_the_preset_asks_for_them_and_fine_tuning_does_not(data: Path, tmp_path: Path) -> None:
    preset = preset_options("low-resource") | {
        "d_model": 8,
        "d_ff": 16,
        "n_layers": 1,
        "epochs": 1,
        "consistency": 0.0,
    }
    job = TrainingJob(TrainingRequest(preset, "ndarray", data=data))
    assert [line[:3] for line in job.decisions] == [
        "単位:",
        "足した",
    ] and job.training.substitutions == preset["substitutions"] > 0
    saved: list[Any] = []
    save_model(job.run(checkpoints=Checkpoints(1, saved.append)).model, tmp_path / "m")
    assert load_model(tmp_path / "m").stages[-1].settings["substitutions"] == preset["substitutions"]
    more = tmp_path / "more.tsv"
    more.write_text("他喝茶\t他 茶 喝\n", encoding="utf-8")
    tuned = small_job(tmp_path, load=tmp_path / "m", data=more)
    assert tuned.training.substitutions == 0 and not tuned.decisions and len(tuned._pairs) == 1
