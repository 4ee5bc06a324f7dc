"""``jsl-seq2seq corpus``: writes sentences made by rules, split for training and honest testing; labels real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..corpus import write_splits
from ..data.formats.format import read_lines
from ..errors import Failure, UserError
from ..io.files import new_file
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

_LARGEST = 1 << 30
"""Bytes of a file whose sentences are labelled: it is read at once."""


def corpus(
    directory: Annotated[Path | None, opt.argument("書き出し先のフォルダー")] = None,
    count: opt.Count = 40_000,
    seed: opt.Seed = None,
    max_length: opt.MaxLength = 50,
    train_length: opt.TrainLength = 32,
    lexicon: opt.LexiconDir = None,
    open_words: opt.OpenWords = 0.0,
    katakana: opt.Katakana = 0.0,
    label: opt.Label = None,
    output: opt.Output = None,
    as_json: opt.Json = False,
) -> None:
    if label is not None:
        _label(label, output, lexicon)
        return
    if directory is None:
        raise UserError(
            "書き出し先のフォルダーがありません。",
            "たとえば: jsl-seq2seq corpus corpus。文にタグの下書きを付けるなら --label FILE です。",
            code="corpus-directory-missing",
        )
    seed = seed or 0
    require_range("open_words", open_words, 0, 0.9)
    require_range("katakana", katakana, 0, 0.9)
    require_range("count", count, 100, 100_000_000)  # fewer could not be split into train, valid and tests
    require_range("seed", seed, 0, 2**63 - 1)
    require_range("max_length", max_length, _SHORTEST + 1, 100_000)
    require_range("train_length", train_length, _SHORTEST, max_length - 1)
    if not as_json:
        note(f"{count:,} 文を作っています（1 万文あたり数秒）…")
    report = write_splits(
        directory,
        count,
        seed,
        max_length,
        train_length,
        lexicon=lexicon,
        open_words=open_words,
        katakana=katakana,
    )
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


def _label(path: Path, output: Path | None, lexicon: Path | None) -> None:
    """Write draft tags for the sentences of a file, one a line, to a file or to standard output."""
    from ..corpus.analyser import label_lines  # noqa: PLC0415  an extra

    texts = read_lines(path, "文のファイル", _LARGEST)
    lines = label_lines((text for text in texts if text.strip()), lexicon)
    if output is None:
        for line in lines:
            say(line)
    else:
        try:
            with new_file(output) as file:  # what cannot be written to is noticed before the work
                for line in lines:
                    file.write(f"{line}\n".encode("utf-8", "replace"))
        except OSError as error:
            raise Failure(
                f"書き出せませんでした: {output}（{error.strerror}）",
                "書き込める場所を指定してください。",
                code="label-not-written",
                path=str(output),
            ) from None
        note(f"書き出しました: {output}")
    note("タグは規則による下書きです。人が確かめてから使ってください（3 列目の ? は、とくに）。")
