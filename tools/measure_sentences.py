"""How well the rule-based analyser, or a model, agrees with reference tags.

    python tools/measure_sentences.py everyday-dev.tsv …           # the analyser, on reference files
    python tools/measure_sentences.py everyday-dev.tsv --model     # the shipped model; or --model DIRECTORY
    python tools/measure_sentences.py --grammar 3000               # the analyser, on what the grammar generates

A reference file has a sentence, its tags, and optionally a group and other right tags (``reference=other``). The
mark ``+`` of open words is ignored, because the lexicon grows; so are the borders between words ("text" below).
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from jsl_seq2seq import Translator
from jsl_seq2seq.corpus.analyser import Analyser
from jsl_seq2seq.corpus.generate import generate_pairs


def read_reference(path: Path) -> list[tuple[str, list[str], dict[str, str], str]]:
    """Sentence, tags, alternatives and group of each row."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        cells = line.split("\t")
        tags = [tag[1:-1] for tag in cells[1].split()]
        others = (
            dict(pair.split("=", 1) for pair in cells[3].split() if "=" in pair) if len(cells) > 3 else {}
        )
        rows.append((cells[0], tags, others, cells[2] if len(cells) > 2 else ""))
    return rows


def variants(tags: list[str], others: dict[str, str]) -> set[str]:
    """Every right answer as one text without ``+`` and without borders."""
    plain = [tag.lstrip("+") for tag in tags]
    choices = [(tag, others[tag]) if tag in others else (tag,) for tag in plain]
    return {"".join(choice) for choice in itertools.islice(itertools.product(*choices), 4096)}


Labels = Callable[[list[str]], list[tuple[Sequence[str], bool]]]
"""Sentences -> their tags, and whether they are marked as uncertain."""


def by_analyser(analyser: Analyser, sentences: list[str]) -> list[tuple[Sequence[str], bool]]:
    return [(found.tags, not found.certain) for found in map(analyser.label, sentences)]


def by_model(translator: Translator, sentences: list[str]) -> list[tuple[Sequence[str], bool]]:
    return [(found.tags, found.uncertain) for found in translator.translate_batch(sentences)]


def measure_file(labels: Labels, path: Path, quiet: bool) -> None:
    rows = read_reference(path)
    exact = kept = unknown = 0
    rights: list[bool] = []
    marks: list[bool] = []
    groups: dict[str, list[bool]] = {}
    for (sentence, tags, others, group), (found, marked) in zip(
        rows, labels([row[0] for row in rows]), strict=True
    ):
        got = [tag.lstrip("+") for tag in found]
        right = "".join(got) in variants(tags, others)
        exact += got == [tag.lstrip("+") for tag in tags]
        rights.append(right)
        marks.append(marked)
        groups.setdefault(group, []).append(right)
        for tag in tags:
            if tag.startswith("+"):
                unknown += 1
                kept += tag[1:] in "".join(got) or others.get(tag[1:], "\0") in "".join(got)
        if not right and not quiet:
            print(
                f"- {sentence}\n    wanted {' '.join(tags)}\n    got    {' '.join(found)}{'  (?)' * marked}"
            )
    unmarked = [right for right, marked in zip(rights, marks, strict=True) if not marked]
    print(f"{path.name}: {len(rows)} sentences")
    print(
        f"  exact tags {exact}/{len(rows)}  right (borders and alternatives allowed) {sum(rights)}/{len(rows)}"
    )
    print(f"  unmarked ones right {sum(unmarked)}/{len(unmarked)}  right ones marked", end=" ")
    print(f"{sum(rights) - sum(unmarked)}/{sum(rights)}")
    print(f"  unknown words kept {kept}/{unknown}")
    for group, found in groups.items():
        print(f"  {group or '-'}: {sum(found)}/{len(found)}")


def measure_grammar(analyser: Analyser, count: int, seed: int, show: int) -> None:
    pairs = generate_pairs(count, seed)
    shown = 0
    totals: Counter[str] = Counter()
    agreed: Counter[str] = Counter()
    for pair in pairs:
        got = analyser.label(pair.source)
        same = tuple(tag.lstrip("+") for tag in got.tags) == pair.tags
        for key in (pair.spelling, f"{pair.spelling}:{pair.phenomenon}"):
            totals[key] += 1
            agreed[key] += same
        if not same and pair.spelling == "kanji" and shown < show:
            shown += 1
            print(f"- {pair.source}\n    grammar  {' '.join(pair.tags)}\n    analyser {' '.join(got.tags)}")
            print(f"    {pair.pattern}")
    for key in sorted(totals, key=lambda key: (":" in key, agreed[key] / totals[key])):
        print(f"  {key}: {agreed[key]}/{totals[key]} = {agreed[key] / totals[key]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--grammar", type=int, default=0, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="print this many disagreements with the grammar")
    parser.add_argument("--quiet", action="store_true", help="print totals only")
    parser.add_argument(
        "--model", nargs="?", const="", metavar="DIRECTORY", help="measure a model, not the analyser"
    )
    options = parser.parse_args()
    if options.model is not None:
        labels = partial(by_model, Translator.load(options.model or None, backend="ndarray"))
    else:
        labels = partial(by_analyser, Analyser())
    for path in options.files:
        measure_file(labels, path, options.quiet)
    if options.grammar:
        measure_grammar(Analyser(), options.grammar, options.seed, options.show)


if __name__ == "__main__":
    main()
