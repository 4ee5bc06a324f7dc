"""Tries a user's dictionary of a thousand words: each is used, nothing else changes, and what it costs.

    python tools/measure_dictionary.py [MODEL] [--count 1000]       # without MODEL: the one that ships; needs [corpus]

Generated sentences that hold a word outside the lexicon give the entries: nouns as they are written, verbs and
adjectives by their dictionary form. Prints the share of sentences in which the entry's tag stands, whether sentences
without any entry are translated as before, the time with the dictionary over the time without, and whether two and
three sentences in one input give what each gives alone.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from importlib import resources
from pathlib import Path
from random import Random

from jsl_seq2seq.corpus import generate_pairs
from jsl_seq2seq.data import read_corpus
from jsl_seq2seq.translate.translator import Translator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="a model directory")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    entries, sentences = entries_of(arguments.count, arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dictionary.tsv"
        file.write_text("".join(f"{word}\t<{tag}>\n" for word, tag in entries.items()), encoding="utf-8")
        plain = load(arguments.model)
        equipped = load(arguments.model, [file])
    found = equipped.translate_batch([sentence for sentence, _ in sentences])
    missed = [
        (sentence, word, one.tags)
        for (sentence, word), one in zip(sentences, found, strict=True)
        if entries[word] not in one.tags
    ]
    print(f"entries used: {len(sentences) - len(missed)} of {len(sentences)}")
    for sentence, word, tags in missed[:10]:
        print(f"    {sentence} ({word}): {' '.join(tags)}")

    with resources.as_file(resources.files("jsl_seq2seq") / "assets" / "handwritten.tsv") as path:
        others = [pair.source for pair in read_corpus(path).pairs]
    before, after = plain.translate_batch(others), equipped.translate_batch(others)
    untouched = [
        (one, other)
        for one, other in zip(before, after, strict=True)
        if not any(detail.entry for detail in other.details)
    ]
    changed = sum(one.tags != other.tags for one, other in untouched)
    print(f"without an entry: {changed} of {len(untouched)} changed")

    ratios = []
    for _ in range(7):
        seconds = []
        for translator in (plain, equipped):
            started = time.process_time()
            translator.translate_batch(others)
            seconds.append(time.process_time() - started)
        ratios.append(seconds[1] / seconds[0])
    print(f"time with / without: {statistics.median(ratios):.3f}")

    random, lost = Random(arguments.seed), 0
    alone = {source: one.tags for source, one in zip(others, before, strict=True)}
    ended = [source for source in others if source.endswith(("。", "！", "？"))] or [
        f"{one}。" for one in others
    ]
    alone |= {source: one.tags for source, one in zip(ended, plain.translate_batch(ended), strict=True)}
    groups = [random.sample(ended, size) for size in (2, 3) for _ in range(200)]
    for group, one in zip(groups, plain.translate_batch(["".join(group) for group in groups]), strict=True):
        lost += one.tags != tuple(tag for source in group for tag in alone[source])
    print(f"two and three sentences joined: {lost} of {len(groups)} differ from one by one")


def load(model: Path | None, dictionary: list[Path] | None = None) -> Translator:
    """The model at a path, or the one that ships, on NumPy."""
    return Translator.load(*([model] if model else []), backend="ndarray", dictionary=dictionary or [])


def entries_of(count: int, seed: int) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """``count`` words outside the lexicon with tags of their own, and a generated sentence with each."""
    entries: dict[str, str] = {}
    sentences: list[tuple[str, str]] = []
    for pair in generate_pairs(count * 6, seed, open_words=0.3):
        words = [tag[1:] for tag in pair.tags if tag.startswith("+")]
        if len(words) == 1 and words[0] not in entries and len(words[0]) > 1:
            entries[words[0]] = f"辞書{len(entries)}"
            sentences.append((pair.source, words[0]))
        if len(entries) == count:
            break
    return entries, sentences


if __name__ == "__main__":
    main()
