"""``jsl-seq2seq corpus``: writes sentences made by rules, split for training and honest testing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..corpus import write_splits
from ..settings import require_range
from ..store.card import quoted
from . import options as opt
from .console import note, say, say_json

_MEANINGS = {
    "train": "学習",
    "valid": "検証",
    "test-random": "テスト: 無作為",
    "test-length": "テスト: 学習より長い文",
    "test-composition": "テスト: 初めての組み合わせ",
    "test-spelling": "テスト: 別の書き方",
}


_SHORTEST = 8
"""The rules make too few shorter sentences for every split."""


def corpus(
    directory: Annotated[Path, opt.argument("書き出し先のフォルダー")],
    count: opt.Count = 40_000,
    seed: opt.Seed = None,
    max_length: opt.MaxLength = 50,
    train_length: opt.TrainLength = 32,
    lexicon: opt.LexiconDir = None,
    as_json: opt.Json = False,
) -> None:
    seed = seed or 0
    require_range("count", count, 100, 100_000_000)  # fewer could not be split into train, valid and tests
    require_range("seed", seed, 0, 2**63 - 1)
    require_range("max_length", max_length, _SHORTEST + 1, 100_000)
    require_range("train_length", train_length, _SHORTEST, max_length - 1)
    if not as_json:
        note(f"{count:,} 文を作っています（1 万文あたり数秒）…")
    report = write_splits(directory, count, seed, max_length, train_length, lexicon=lexicon)
    if as_json:
        say_json({"directory": str(directory), "counts": report.counts, "tags": report.tags, "seed": seed})
        return
    for name, size in report.counts.items():
        say(f"  {name + '.tsv':<22}{size:>8,} 文  {_MEANINGS.get(name, '')}")
    if empty := [name for name, size in report.counts.items() if not size]:
        note(f"警告: {'、'.join(empty)} は、文が少なすぎて 0 文です。--count を増やしてください。")
    say(f"書き出しました: {directory}（タグ {report.tags:,} 種類、seed {seed}）")
    say("規則から作った文です。ろう者による確認はまだ受けていません。")
    say(
        f"学習する: jsl-seq2seq train --data {quoted(directory / 'train.tsv')} "
        f"--valid {quoted(directory / 'valid.tsv')} --preset small"
    )
