"""Guards: no sentence in two splits, and each test asks for what its name says."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.corpus import Pair, make_splits, sentence_key, write_splits
from jsl_seq2seq.corpus import splits as splits_module
from jsl_seq2seq.corpus.generate import derivations
from jsl_seq2seq.corpus.splits import is_held_out
from jsl_seq2seq.errors import JslError, UserError
from jsl_seq2seq.io import files as files_module

from ..refusals import refused

COUNT = 12_000


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Pair]]:
    return make_splits(COUNT, seed=1)


def test_sizes(splits: dict[str, list[Pair]]) -> None:
    assert list(splits) == [
        "train",
        "valid",
        "test-random",
        "test-length",
        "test-composition",
        "test-spelling",
    ]
    assert len(splits["train"]) == COUNT - 5 * 600
    for name in splits:
        assert len(splits[name]) >= 480, name


def test_no_sentence_stands_in_two_splits(splits: dict[str, list[Pair]]) -> None:
    keys = {name: {sentence_key(pair.source) for pair in pairs} for name, pairs in splits.items()}
    for first, second in itertools.combinations(keys, 2):
        assert not keys[first] & keys[second], (first, second)


def test_no_contradiction_anywhere(splits: dict[str, list[Pair]]) -> None:
    meanings: dict[str, tuple[str, ...]] = {}
    for pair in itertools.chain.from_iterable(splits.values()):
        assert meanings.setdefault(sentence_key(pair.source), pair.tags) == pair.tags


def test_tests_use_only_tags_that_training_has(splits: dict[str, list[Pair]]) -> None:
    known = {tag for pair in splits["train"] for tag in pair.tags}
    for pairs in splits.values():
        for pair in pairs:
            assert known.issuperset(pair.tags)


def test_length_test_is_longer_than_anything_in_training(splits: dict[str, list[Pair]]) -> None:
    longest = max(len(pair.source) for pair in splits["train"])
    assert longest <= 32
    assert all(longest < len(pair.source) <= 50 for pair in splits["test-length"])


def _combinations(pair: Pair) -> set[str]:
    return set(pair.pattern.split("+")[1:])


def test_composition_patterns_were_trained_on(splits: dict[str, list[Pair]]) -> None:
    patterns = set().union(*(_combinations(pair) for pair in splits["train"]))
    for pair in splits["test-composition"]:
        assert _combinations(pair) <= patterns


def test_composition_differs_from_training(splits: dict[str, list[Pair]]) -> None:
    """What is held out depends on seed, word and pattern alone: the same words with the pattern never train."""
    trained = {sentence_key(pair.source) for pair in splits["train"]}
    asked = {sentence_key(pair.source) for pair in splits["test-composition"]}
    checked = 0
    for derivation, _ in itertools.islice(derivations(1), 4000):
        held = any(is_held_out(1, combination) for combination in derivation.combinations)
        keys = {sentence_key(text) for text in derivation.spellings.values()}
        if held:
            assert not keys & trained
        elif keys & asked:
            pytest.fail("a composition question whose combinations were all trained on")
        checked += held
    assert checked > 100


def test_spelling_test_asks_the_other_spelling(splits: dict[str, list[Pair]]) -> None:
    trained = {(pair.tags, pair.pattern): pair for pair in splits["train"]}
    kinds = {pair.spelling for pair in splits["test-spelling"]}
    assert kinds == {"kanji", "kana"}
    found = [pair for pair in splits["test-spelling"] if (pair.tags, pair.pattern) in trained]
    assert len(found) == len(splits["test-spelling"])


def test_files(tmp_path: Path) -> None:
    report = write_splits(tmp_path / "corpus", count=500, seed=2)
    again = write_splits(tmp_path / "again", count=500, seed=2)
    assert report.counts == again.counts
    for name in report.counts:
        content = (tmp_path / "corpus" / f"{name}.tsv").read_bytes()
        assert content == (tmp_path / "again" / f"{name}.tsv").read_bytes()
        assert b"\r" not in content
        lines = content.decode("utf-8").splitlines()
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        assert len(rows) == report.counts[name]
        for source, tags, phenomenon in rows:
            assert source and phenomenon
            assert all(tag.startswith("<") and tag.endswith(">") for tag in tags.split(" "))
    assert len(list((tmp_path / "corpus").glob("*.*sv"))) == len(report.counts)


def test_files_of_others_are_spared(tmp_path: Path) -> None:
    mine = tmp_path / "valid.tsv"
    mine.write_text("わたしの\t<私>\n", encoding="utf-8")
    with refused(UserError, "valid.tsv", "別の（新しい）フォルダー", code="would-overwrite-foreign"):
        write_splits(tmp_path, 100, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["valid.tsv"]  # said before the work begins
    mine.unlink()
    write_splits(tmp_path, 100, seed=0)
    write_splits(tmp_path, 100, seed=1)  # over files of ours
    assert "seed=1" in mine.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", splits_module.SPLITS)
def test_a_file_that_somebody_has_corrected_is_spared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, splits: dict[str, list[Pair]], name: str
) -> None:
    few = {name: pairs[:20] for name, pairs in splits.items()}
    monkeypatch.setattr(splits_module, "make_splits", lambda *_: few)
    write_splits(tmp_path, 100, seed=0)
    path = tmp_path / f"{name}.tsv"
    written = path.read_bytes()
    path.write_bytes(written.replace("。".encode(), "！".encode(), 1) + b"\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with refused(
        UserError, f"{name}.tsv", "書き換えられた", "移して", code="would-overwrite-changed", path=path
    ):
        write_splits(tmp_path, 100, seed=1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    path.write_bytes(written)
    write_splits(tmp_path, 100, seed=1)
    assert "seed=1" in path.read_text(encoding="utf-8")


class Killed(BaseException):
    """The process ends here, without a chance to clean up."""


class Ending:
    """Wraps what changes names, so that the one of number ``moment`` raises instead; Ctrl-C comes as a
    signal."""

    def __init__(self, moment: int, error: BaseException) -> None:
        self.moment, self.error, self.count, self.reached = moment, error, 0, False

    def wrap(self, honest: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self.reached and isinstance(self.error, Killed):
                raise self.error  # nothing happens after a kill
            self.count += 1
            if self.count == self.moment:
                self.reached = True
                if not isinstance(self.error, KeyboardInterrupt):
                    raise self.error
                signal.raise_signal(signal.SIGINT)  # raises, unless it is deferred
            return honest(*arguments, **named)

        return call


@pytest.mark.parametrize("error", [Killed(), KeyboardInterrupt(), OSError(28, "full")], ids=repr)
def test_whenever_writing_ends_no_file_of_one_corpus_stands_beside_one_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, splits: dict[str, list[Pair]], error: BaseException
) -> None:
    """At every single change of a name; the next run completes what had begun."""
    corpora = iter(range(10**6))

    def make(*_: object) -> dict[str, list[Pair]]:
        start = 4 * (next(corpora) == 0)
        return {name: pairs[start : start + 4] for name, pairs in splits.items()}

    monkeypatch.setattr(splits_module, "make_splits", make)
    write_splits(tmp_path / "old")
    write_splits(tmp_path / "new")
    old, new = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.tsv")} for name in ("old", "new")
    )
    seen: list[str] = []
    for moment in itertools.count(1):
        place = tmp_path / f"at {moment}"
        shutil.copytree(tmp_path / "old", place)
        ending = Ending(moment, error)
        with (
            pytest.MonkeyPatch.context() as patched,
            contextlib.suppress(Killed, KeyboardInterrupt, JslError),
        ):
            for name in ("replace", "unlink"):
                patched.setattr(Path, name, ending.wrap(getattr(Path, name)))
            patched.setattr(files_module, "create_exclusively", ending.wrap(files_module.create_exclusively))
            write_splits(place)
        there = {path.name: path.read_bytes() for path in place.glob("*.tsv")}
        assert there.items() <= old.items() or there.items() <= new.items(), moment
        seen.append("new" if there == new else "old" if there == old else "between")
        write_splits(place)
        assert {path.name: path.read_bytes() for path in place.glob("*.tsv")} == new
        assert not list(place.glob("*.new"))
        if not ending.reached:
            break
    assert (seen[0], seen[-1]) == ("old", "new")
    assert ("between" in seen) == (not isinstance(error, KeyboardInterrupt))


@pytest.mark.parametrize(("count", "train_length", "held"), [(10, 32, 5), (2000, 50, 10), (2000, 32, 0)])
def test_sizes_that_do_not_fit(count: int, train_length: int, held: int) -> None:
    with pytest.raises(UserError):
        make_splits(count, train_length=train_length, test_count=held)
