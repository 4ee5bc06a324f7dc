"""``jsl-seq2seq corpus``: writes sentences made by rules, split for training and honest testing."""

from __future__ import annotations

from pathlib import Path

from ..corpus import write_splits
from ..errors import UserError
from .console import note, say, say_json

_MEANINGS = {
    "train": "学習",
    "valid": "検証",
    "test-random": "テスト: 無作為",
    "test-length": "テスト: 学習より長い文",
    "test-composition": "テスト: 初めての組み合わせ",
    "test-spelling": "テスト: 別の書き方",
}


def run_corpus(
    directory: Path,
    count: int,
    seed: int,
    max_length: int,
    train_length: int,
    lexicon: Path | None,
    as_json: bool,
) -> None:
    """Generate, split, write, and say what came out."""
    if count < 100:
        raise UserError(
            f"--count が小さすぎます（{count}）。", "テストにも分けるので 100 以上にしてください。"
        )
    if not as_json:
        note(f"{count:,} 文を作っています（1 万文あたり数秒）…")
    report = write_splits(directory, count, seed, max_length, train_length, lexicon=lexicon)
    if as_json:
        say_json({"directory": str(directory), "counts": report.counts, "tags": report.tags, "seed": seed})
        return
    for name, size in report.counts.items():
        say(f"  {name + '.tsv':<22}{size:>8,} 文  {_MEANINGS.get(name, '')}")
    say(f"書き出しました: {directory}（タグ {report.tags:,} 種類、seed {seed}）")
    say("規則から作った文です。ろう者による確認はまだ受けていません。")
    say(
        f"学習する: jsl-seq2seq train --data {directory / 'train.tsv'} --valid {directory / 'valid.tsv'} "
        "--preset small"
    )
