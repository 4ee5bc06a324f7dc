"""``jsl-seq2seq score``: how probable a model finds given translations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from ..data import read_corpus
from ..errors import JslError, UserError
from ..io.text import one_line
from ..store import load_model, model_directory
from ..tokenize import Tokenizers
from ..translate.translator import Score, Translator, dictionary_of, perplexity
from . import options as opt
from .console import NO_TAGS, error_to_dict, note, say, say_json
from .predict import open_translator
from .progress import counted

_BATCH = 512
"""Pairs that are scored before the first of them is printed."""

Pair = tuple[int, str, tuple[str, ...]]
"""The line on which it stands, the sentence, and the tags of its translation."""


def score(
    text: Annotated[str | None, opt.argument("文", "文")] = None,
    tags: Annotated[str | None, opt.argument('その訳: "<私> <食べる>"', "訳")] = None,
    load: opt.Models = None,
    data: opt.Scored = None,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Translating = "fp32",
    dictionary: opt.DictionaryFiles = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    if data is None and (text is None or tags is None):
        raise UserError(
            "文と、その訳が要ります。",
            'たとえば: jsl-seq2seq score "わたしはたべます" "<私> <食べる>"、'
            "または jsl-seq2seq score --data test.tsv",
            code="no-pair",
        )
    directories = [model_directory(one) for one in load or [None]]
    models = [load_model(directory, record=False) for directory in directories]
    tokenizers = models[0].tokenizers
    if data is None:
        pairs: list[Pair] = [(1, text or "", _parsed(tags or "", tokenizers))]
    else:
        corpus = read_corpus(data, tokenizers, repetitions=True)
        pairs = [
            (line, pair.source, pair.tags) for line, pair in zip(corpus.lines, corpus.pairs, strict=True)
        ]
    words = dictionary_of(directories, dictionary)
    translator = open_translator(models, backend, device, precision, quiet, words)
    scored: list[Score] = []
    with counted("確からしさを計算しています", "文", len(pairs), quiet or data is None) as progress:
        for (line, source, _), one in _scored(translator, pairs):
            progress(1)
            if isinstance(one, Score):
                scored.append(one)
                _show(one, tokenizers, quiet, as_json)
                continue
            if data is None:
                raise one
            note(f"{line} 行目: {one.what}")
            if as_json:
                say_json({"text": source, "line": line, **error_to_dict(one)})
            elif quiet:
                say()
    if not quiet:
        _show_total(scored, len(pairs))


def _parsed(written: str, tokenizers: Tokenizers) -> tuple[str, ...]:
    """The tags of a translation as one types it."""
    target = tokenizers.target
    try:
        return target.parse(written)
    except ValueError as error:
        raise UserError(
            f"{target.unit_name}として読めません: {error}",
            target.writing_hint,
            code="not-a-token",
            found=str(error),
            written=written,
            units=target.kind,
        ) from None


def _scored(translator: Translator, pairs: list[Pair]) -> Iterator[tuple[Pair, Score | JslError]]:
    rest = iter(pairs)
    while together := list(islice(rest, _BATCH)):
        yield from zip(
            together, translator.score_each([(text, tags) for _, text, tags in together]), strict=True
        )


def _show(one: Score, tokenizers: Tokenizers, quiet: bool, as_json: bool) -> None:
    if as_json:
        say_json(one.to_dict())
        return
    if quiet:
        say(f"{one.log_prob:.6g}")
        return
    written = one_line(tokenizers.target.join(one.tags)) or NO_TAGS
    say(f"{one_line(one.text)} → {written}（{_figures(one.log_prob, len(one.log_probs))}）")


def _figures(log_prob: float, tokens: int) -> str:
    """``対数確率 -0.1234、1 個あたり -0.0411、パープレキシティ 1.04``."""
    mean = log_prob / tokens
    found = perplexity(mean)
    shown = f"{found:.4g}" if math.isfinite(found) else "∞"
    return f"対数確率 {log_prob:.4f}、1 個あたり {mean:.4f}、パープレキシティ {shown}"


def _show_total(scored: list[Score], pairs: int) -> None:
    if len(scored) < pairs:
        note(f"{pairs:,} 文のうち {pairs - len(scored):,} 文は、確からしさを計算できませんでした。")
    if pairs > 1 and scored:
        total = _figures(sum(one.log_prob for one in scored), sum(len(one.log_probs) for one in scored))
        note(f"{len(scored):,} 文の合計: {total}")
    note("（自然対数。文の終わりも 1 個と数えます。パープレキシティは 1 に近いほど確かです）")
