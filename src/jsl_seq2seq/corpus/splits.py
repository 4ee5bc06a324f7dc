"""Splits that measure something: one training set, and four tests of what it does not contain.

random        sentences like the training ones
length        sentences longer than any training sentence
composition   a word with a pattern: each was trained on, the two together never
spelling      sentences trained on in kanji and asked in kana, and the reverse
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..io.files import replace_own_files, require_own, write_bytes
from .generate import Derivation, Pair, derivations, sentence_key, spelling_of
from .open_words import MARK
from .rng import Rng

TESTS: tuple[str, ...] = ("test-random", "test-length", "test-composition", "test-spelling")
SPLITS: tuple[str, ...] = ("train", "valid", *TESTS)

_HELD_OUT = 60
"""Of a thousand combinations so many are kept for test-composition."""


@dataclass(frozen=True)
class SplitReport:
    """What was written.

    Attributes:
        directory: where the files are.
        counts: pairs per split.
        tags: distinct tags in the training set.
    """

    directory: Path
    counts: dict[str, int]
    tags: int


@dataclass
class _Plan:
    """The splits while they are filled.

    Attributes:
        wanted: pairs of each split.
        pairs: those that each has so far.
        owners: the key of a sentence (:func:`.generate.sentence_key`) -> the split that it stands in; ``none`` for one
            that no split may have.
        meanings: the key of a sentence -> its tags.
        combinations: (word, pattern) of each split's derivations.
    """

    wanted: dict[str, int]
    seed: int
    train_length: int
    max_length: int
    pairs: dict[str, list[Pair]] = field(default_factory=lambda: {name: [] for name in SPLITS})
    owners: dict[str, str] = field(default_factory=dict)
    meanings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    combinations: dict[str, set[tuple[str, str]]] = field(
        default_factory=lambda: {name: set() for name in SPLITS}
    )

    def room(self, split: str) -> bool:
        """Whether a split has fewer pairs than wanted."""
        return len(self.pairs[split]) < self.wanted[split]

    def full(self) -> bool:
        return not any(self.room(split) for split in SPLITS)

    def has_held_out(self, derivation: Derivation) -> bool:
        return any(is_held_out(self.seed, combination) for combination in derivation.combinations)


def is_held_out(seed: int, combination: tuple[str, str]) -> bool:
    """Whether a (word, pattern) combination is kept for test-composition.

    Decided by a checksum, so it depends on the seed alone and not on the order of things.
    """
    return zlib.crc32(f"{seed}|{combination[0]}|{combination[1]}".encode()) % 1000 < _HELD_OUT


def make_splits(
    count: int = 40000,
    seed: int = 0,
    max_length: int = 50,
    train_length: int = 32,
    test_count: int | None = None,
    lexicon: Path | None = None,
    open_words: float = 0.0,
    katakana: float = 0.0,
) -> dict[str, list[Pair]]:
    """The splits as lists of pairs, ``count`` in all.

    A sentence, punctuation aside, stands in one split only; so do all spellings of one derivation, except
    in test-spelling, where the other spelling is in the training set on purpose.

    Args:
        count: pairs in all splits together.
        train_length: the longest training sentence; test-length holds longer ones, up to ``max_length``.
        test_count: pairs in each of valid and the four tests; by default a twentieth of the whole,
            at most 2000.
        open_words, katakana: shares, as for generate_pairs.

    Raises:
        UserError: sizes that do not fit together, or a broken lexicon or grammar.
    """
    held = test_count if test_count is not None else min(2000, count // 20)
    if held < 1 or count <= 6 * held or not 0 < train_length < max_length:
        raise UserError(
            f"分け方の大きさが合いません: 全体 {count} 文、検証・テスト各 {held} 文、"
            f"訓練の最長 {train_length} 字、全体の最長 {max_length} 字。",
            "全体は検証・テストの 6 倍より多く、訓練の最長は全体の最長より短くしてください。",
            code="split-sizes",
            count=count,
            held=held,
            train_length=train_length,
            max_length=max_length,
        )
    # More than wanted: _drop_unfair takes some away again, most of all from long test-composition sentences.
    wanted = dict.fromkeys(SPLITS, held + held // 2)
    wanted["train"] = count - 5 * held
    plan = _Plan(wanted, seed, train_length, max_length)
    for derivation, rng in derivations(seed, lexicon, open_words, katakana):
        _place(derivation, rng, plan)
        if plan.full():
            break
    _drop_unfair(plan)
    return {name: pairs if name == "train" else pairs[:held] for name, pairs in plan.pairs.items()}


def write_splits(
    directory: Path,
    count: int = 40000,
    seed: int = 0,
    max_length: int = 50,
    train_length: int = 32,
    test_count: int | None = None,
    lexicon: Path | None = None,
    open_words: float = 0.0,
    katakana: float = 0.0,
) -> SplitReport:
    """Write train, valid and the four tests as TSV files into ``directory``; arguments as in make_splits.

    They replace an older corpus together: whenever this is killed, no file of the old one stands beside a file of the
    new one, whose test sentences it may have been made to train on. Files that are not as this function wrote them
    are not replaced.

    Raises:
        UserError: as make_splits; or a file of one of these names is somebody else's, or was changed.
        Failure: a file could not be written.
    """
    require_own(directory, [f"{name}.tsv" for name in SPLITS])  # before the work, and once more behind it
    splits = make_splits(count, seed, max_length, train_length, test_count, lexicon, open_words, katakana)
    contents = {
        f"{name}.tsv": _content(pairs, f"{name}（規則から作った文。seed={seed}）")
        for name, pairs in splits.items()
    }
    replace_own_files(directory, contents)
    return SplitReport(
        directory,
        {name: len(pairs) for name, pairs in splits.items()},
        len({tag for pair in splits["train"] for tag in pair.tags}),
    )


def write_pairs(path: Path, pairs: list[Pair], title: str) -> None:
    """Write pairs as ``文<TAB><タグ> <タグ><TAB>現象``, UTF-8, LF; the old file stays until the new one is whole."""
    write_bytes(path, _content(pairs, title))


def _content(pairs: list[Pair], title: str) -> bytes:
    """The bytes of a file of pairs."""
    lines = [
        f"# jsl-seq2seq コーパス: {title}",
        "# 規則から作った文であり、日本手話の話者による確認を受けていません。",
        "# タグの列であって、日本手話そのものではありません。",
        "# 日本語文\tタグ\t現象",
    ]
    lines += [
        f"{pair.source}\t{' '.join(f'<{tag}>' for tag in pair.tags)}\t{pair.phenomenon}" for pair in pairs
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _place(derivation: Derivation, rng: Rng, plan: _Plan) -> None:
    """Put one derivation where it belongs, if there is room and nothing contradicts it."""
    roll, other_way, spelling = rng.integer(1000), rng.bernoulli(0.5), spelling_of(derivation, rng)
    keys = {name: sentence_key(text) for name, text in derivation.spellings.items()}
    if any(key in plan.owners for key in keys.values()):
        # the same sentence again: taken in another spelling, if all of its spellings so far are in training
        splits = {plan.owners[key] for key in keys.values() if key in plan.owners}
        same = all(plan.meanings.get(key, derivation.tags) == derivation.tags for key in keys.values())
        if splits != {"train"} or not same or keys[spelling] in plan.owners:
            return
        split = "train"
    else:
        split = _split(derivation, roll, spelling, plan)
    pair = derivation.pair(spelling)
    if len(pair.source) > plan.max_length:
        return
    if split == "test-spelling":
        _place_spellings(derivation, keys, other_way, plan)
        return
    if split == "train" and (len(pair.source) > plan.train_length or plan.has_held_out(derivation)):
        return
    if not plan.room(split):
        return
    for key in keys.values():
        plan.owners.setdefault(key, split)
        plan.meanings[key] = derivation.tags
    plan.pairs[split].append(pair)
    plan.combinations[split].update(derivation.combinations)


def _split(derivation: Derivation, roll: int, spelling: str, plan: _Plan) -> str:
    """The split of a new derivation, by ``roll``, a random number below 1000."""
    if plan.has_held_out(derivation):
        return "test-composition"
    if len(derivation.spellings[spelling]) > plan.train_length:
        return "test-length"
    if roll < 80 and plan.room("test-random"):
        return "test-random"
    if 80 <= roll < 160 and plan.room("valid"):
        return "valid"
    if (
        160 <= roll < 300
        and plan.room("test-spelling")
        and derivation.spellings["kanji"] != derivation.spellings["kana"]
    ):
        return "test-spelling"
    return "train"


def _place_spellings(derivation: Derivation, keys: dict[str, str], other_way: bool, plan: _Plan) -> None:
    """Put one spelling of a derivation into training, and the other into test-spelling."""
    learned, asked = ("kana", "kanji") if other_way else ("kanji", "kana")
    too_long = any(len(derivation.spellings[name]) > plan.train_length for name in (learned, asked))
    if too_long or keys[learned] == keys[asked] or not plan.room("train"):
        return
    for name, split in ((learned, "train"), (asked, "test-spelling")):
        plan.pairs[split].append(derivation.pair(name))
        plan.owners[keys[name]] = split
        plan.meanings[keys[name]] = derivation.tags
        plan.combinations[split].update(derivation.combinations)
    # in no split: it has parts of both spellings
    plan.owners.setdefault(keys["mixed"], "none")


def _drop_unfair(plan: _Plan) -> None:
    """Drop test pairs with a tag that no training pair has, and of test-composition those with such a pattern.

    Tags of words outside the lexicon stay: whether new ones are copied is what a test is to find out.
    """
    tags = {tag for pair in plan.pairs["train"] for tag in pair.tags}
    for name in SPLITS[1:]:
        plan.pairs[name] = [
            pair for pair in plan.pairs[name] if all(tag in tags or tag.startswith(MARK) for tag in pair.tags)
        ]
    patterns = {pattern for _, pattern in plan.combinations["train"]}
    plan.pairs["test-composition"] = [
        pair for pair in plan.pairs["test-composition"] if patterns.issuperset(pair.pattern.split("+")[1:])
    ]
