"""Makes the model that ships with the package, from nothing, and measures it.

    python tools/train_shipped.py OUTPUT --sentences FILE              # everything; a GPU makes it minutes
    python tools/train_shipped.py OUTPUT --sentences FILE --prepare    # the data alone (needs jsl-seq2seq[corpus])
    python tools/train_shipped.py OUTPUT                               # the model, from the data that is in OUTPUT
    python tools/train_shipped.py OUTPUT --stage first                 # one stage: first, second or polish

FILE holds plain Japanese sentences, one a line; docs/corpus.md says where anyone gets the ones that were used.
tools/everyday.txt beside this program holds more, of the kind that is said at counters, at work and at home. Writes
OUTPUT/corpus (generated sentences, split), OUTPUT/data (what is trained on, each sentence with its origin),
OUTPUT/model (what goes to src/jsl_seq2seq/assets/model) and OUTPUT/figures.json. Hand-written sentences are only
measured on.

The data come from four sources: sentences of the grammar, some of whose words are outside the lexicon; real
sentences, and everyday ones that a language model wrote, both labelled by the rule-based analyser; and variants of all
of them, which teach copying (corpus/augment.py). Training has three stages: with label smoothing, the same again from a
lower learning rate (a warm restart, Loshchilov and Hutter 2017), then without smoothing, so that probabilities mean
what they say, and with less dropout. Each stage leaves OUTPUT/STAGE; one that is there already is not repeated, so that
the work can be cut where a machine's time ends.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.cli.progress import LineReporter
from jsl_seq2seq.corpus import read_lexicon, write_splits
from jsl_seq2seq.corpus.augment import NounSwapper, sprinkle, with_latin, with_number, with_slots
from jsl_seq2seq.corpus.evidence import covered, evidence
from jsl_seq2seq.corpus.open_words import read_open_words
from jsl_seq2seq.data import Corpus, read_corpus
from jsl_seq2seq.evaluation import evaluate
from jsl_seq2seq.model import count_parameters
from jsl_seq2seq.settings.presets import preset_options
from jsl_seq2seq.store import Example, SavedModel, load_model, save_model
from jsl_seq2seq.tokenize import Tokenizers, format_tags
from jsl_seq2seq.tokenize.normalize import katakana, normalize
from jsl_seq2seq.tokenize.tokenizer import OpenTagTokenizer
from jsl_seq2seq.training import TrainingJob, TrainingRequest
from jsl_seq2seq.translate.translator import Translator

if TYPE_CHECKING:
    from jsl_seq2seq.corpus.analyser import Analyser

STAGES = ("first", "second", "polish")
TESTS = ("test-random", "test-composition", "test-spelling", "test-length")
OPEN_WORDS, KATAKANA = 0.18, 0.06
"""Shares of words outside the lexicon, and of sentences in katakana, in the generated corpus."""
EVERYDAY_TIMES = 4
"""How often the everyday sentences are varied: there are fewer of them than real ones."""
LONGEST = 72
"""Characters, and tokens of the target, of the longest pair that is trained on."""
EVERYDAY = Path(__file__).with_name("everyday.txt")
JUDGED = Path(__file__).with_name("judged.tsv")
"""Sentences whose translations were judged, in the first column; kept out of what is trained on."""
HELD_OUT, HELD_OUT_EVERYDAY = 2_000, 500
"""Real and everyday sentences that are kept for validation, and as many for a test."""
FILLERS = ("えっと、", "あの、", "えー、", "その、", "まあ、", "えーと、", "あのー、", "うーん、")
_MEANINGS = {
    "test-random": "合成文・無作為",
    "test-composition": "合成文・初めての組み合わせ",
    "test-spelling": "合成文・別の書き方（漢字とかな）",
    "test-length": "合成文・学習より長い文（41〜50 文字）",
    "test-real": "実際の文（正解は規則による解析器のもので、人は確かめていない）",
    "test-everyday": "言語モデルが書いた日常の文（正解は規則による解析器のもの）",
    "handwritten": "人が書いた文（405 文）",
}

Row = tuple[str, tuple[str, ...], str]
"""A sentence, its tags, and where it comes from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--sentences", type=Path, help="plain Japanese sentences, one a line")
    parser.add_argument("--prepare", action="store_true", help="make the data and stop")
    parser.add_argument("--count", type=int, default=440_000, help="generated sentences")
    parser.add_argument("--train-length", type=int, default=40, help="longest generated training sentence")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="base")
    parser.add_argument("--d-model", type=int, default=144)
    parser.add_argument("--n-heads", type=int, default=9)
    parser.add_argument("--d-ff", type=int, default=576)
    parser.add_argument("--stage", choices=STAGES, help="stop after this one")
    parser.add_argument(
        "--epochs", type=int, nargs=3, default=(22, 25, 24), metavar=("FIRST", "SECOND", "POLISH")
    )
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=0.0018)
    parser.add_argument("--position-shift", type=int, default=24)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()
    output: Path = arguments.output
    if arguments.sentences is not None:
        prepare(arguments)
    if arguments.prepare:
        return
    model = train(arguments)
    if arguments.stage in (None, STAGES[-1]):
        model = calibrated(with_evidence(model, output), output)
        translator = Translator(model, choose_backend("ndarray"))
        figures = measure(translator, output)
        (output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        save_model(shippable(model, figures, examples(translator, output)), output / "model")


def prepare(arguments: argparse.Namespace) -> None:
    """Write the generated corpus, and the data that all stages train on and are measured on."""
    output, random = arguments.output, Random(arguments.seed)
    started = time.monotonic()
    corpus, data = output / "corpus", output / "data"
    report = write_splits(
        corpus,
        arguments.count,
        arguments.seed,
        train_length=arguments.train_length,
        open_words=OPEN_WORDS,
        katakana=KATAKANA,
    )
    print(f"corpus: {report.counts} in {time.monotonic() - started:.0f} s", flush=True)
    real = labelled(arguments.sentences, "実文")
    everyday = labelled(EVERYDAY, "日常文")
    print(f"labelled: {len(real)} and {len(everyday)} in {time.monotonic() - started:.0f} s", flush=True)
    test, valid, real = held_out(real, HELD_OUT, random)
    test_everyday, valid_everyday, everyday = held_out(everyday, HELD_OUT_EVERYDAY, random)
    write(data / "test-real.tsv", test)
    write(data / "test-everyday.tsv", test_everyday)
    write(data / "valid-everyday.tsv", valid_everyday)
    kept_apart = {bare(row[0]) for name in TESTS for row in rows_of(corpus / f"{name}.tsv")}
    kept_apart |= {bare(row[0]) for row in [*test, *valid, *test_everyday, *valid_everyday]}
    kept_apart |= {bare(pair.source) for pair in handwritten().pairs}
    kept_apart |= {bare(line.partition("\t")[0]) for line in JUDGED.read_text(encoding="utf-8").splitlines()}
    generated = list(rows_of(corpus / "train.tsv"))
    train = [
        row
        for row in (
            *varied(generated, random),
            *joined(generated, [*real, *everyday], random),
            *varied_real(real, random),
            *(row for _ in range(EVERYDAY_TIMES) for row in varied_real(everyday, random)),
            *with_other_nouns([*real, *(everyday * EVERYDAY_TIMES)], random),
        )
        if fits(row) and bare(row[0]) not in kept_apart
    ]
    random.shuffle(train)
    write(data / "train.tsv", train)
    write(data / "valid.tsv", [*valid[:1_000], *valid_everyday, *list(rows_of(corpus / "valid.tsv"))[:600]])
    seen = ((source, tags) for source, tags, _ in [*generated, *real, *everyday])
    pieces = covered(evidence(read_lexicon()), seen)
    (data / "evidence.json").write_text(json.dumps(pieces, ensure_ascii=False), encoding="utf-8")
    origins = Counter(origin if origin in ("実文", "日常文", "連結") else "文法" for _, _, origin in train)
    print(f"data: {dict(origins)} in {time.monotonic() - started:.0f} s", flush=True)


def labelled(path: Path, origin: str) -> list[Row]:
    """The sentences of a file that the analyser labels without a doubt, each once."""
    sentences = dict.fromkeys(normalize(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [
        (sentence, tags, origin) for sentence, tags in zip(sentences, labels(sentences), strict=True) if tags
    ]


def labels(sentences: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The analyser's tags of each sentence; none where it is in doubt, or where the pair does not fit."""
    with ProcessPoolExecutor() as processes:
        yield from processes.map(_label, sentences, chunksize=500)


def _label(sentence: str) -> tuple[str, ...]:
    found = _analyser().label(sentence)
    tags = tuple(normalize(tag) if tag.startswith("+") else tag for tag in found.tags)
    return tags if found.certain and fits((sentence, tags, "")) else ()


@cache
def _analyser() -> Analyser:
    from jsl_seq2seq.corpus.analyser import Analyser  # noqa: PLC0415  an extra, needed for the data alone

    return Analyser()


def held_out(rows: list[Row], count: int, random: Random) -> tuple[list[Row], list[Row], list[Row]]:
    """Rows for a test, for validation (``count`` each) and the others, in random order."""
    random.shuffle(rows)
    return rows[:count], rows[count : 2 * count], rows[2 * count :]


def with_other_nouns(rows: Sequence[Row], random: Random) -> Iterator[Row]:
    """Variants of labelled sentences with other nouns, where the analyser has the same tags for them."""
    lexicon = read_lexicon()
    nouns = NounSwapper(lexicon, read_open_words(lexicon).surfaces("名"))
    variants = {
        normalize(variant[0]): (variant[1], origin)
        for source, tags, origin in rows
        if (variant := nouns.swapped(source, tags, random)) is not None
    }
    for (sentence, (tags, origin)), found in zip(variants.items(), labels(variants), strict=True):
        if found == tags:
            yield sentence, tags, origin


def varied(rows: Sequence[Row], random: Random) -> Iterator[Row]:
    """Generated sentences, and a variant of some of those with open words."""
    for source, tags, origin in rows:
        yield source, tags, origin
        choice = random.random()
        variant = None
        if choice < 0.12:
            variant = with_slots(source, tags, random)
        elif choice < 0.34:
            variant = sprinkle(source, tags, random)
        elif choice < 0.44:
            variant = with_latin(source, tags, random)
        else:
            variant = with_number(source, tags, random)
        if variant is not None:
            yield *variant, origin


def varied_real(rows: Sequence[Row], random: Random) -> Iterator[Row]:
    """Real sentences as they are, with other marks at the end, with fillers, in katakana, and with other words."""
    for source, tags, origin in rows:
        yield source, tags, origin
        choice, open_ended = random.random(), source.rstrip("。！")
        if choice < 0.5:
            yield open_ended, tags, origin
        elif choice < 0.65:
            yield open_ended + "！", tags, origin
        for share, variant in (
            (0.4, with_slots(source, tags, random)),
            (0.8, sprinkle(source, tags, random, 0.6)),
            (0.4, with_latin(source, tags, random)),
            (0.7, with_number(source, tags, random)),
        ):
            if variant is not None and random.random() < share:
                yield *variant, origin
        if random.random() < 0.06:
            yield katakana(source), tags, origin
        if random.random() < 0.06:
            yield random.choice(FILLERS) + source, tags, origin


def joined(
    generated: Sequence[Row], real: Sequence[Row], random: Random, count: int = 50_000
) -> Iterator[Row]:
    """Two sentences in one line: sentences longer than the grammar's."""
    short = [row for row in generated if len(row[0]) <= 34]
    for _ in range(count):
        (one, first, _), (other, second, _) = (
            random.choice(short),
            random.choice(random.choice((short, real))),
        )
        if first[-1] != "?":
            yield f"{one.rstrip('。！？')}。{other}", (*first, *second), "連結"


def rows_of(path: Path) -> Iterator[Row]:
    for pair in read_corpus(path).pairs:
        yield pair.source, pair.tags, pair.phenomenon


def handwritten() -> Corpus:
    with resources.as_file(resources.files("jsl_seq2seq") / "assets" / "handwritten.tsv") as path:
        return read_corpus(path)


def fits(row: Row) -> bool:
    """Whether a pair is neither empty nor too long to be trained on."""
    source, tags, _ = row
    length = sum(len(tag) + 1 if tag.startswith("+") else 1 for tag in tags)
    return 0 < len(source) <= LONGEST and 0 < length <= LONGEST and not re.search(r"[<>\s]", "".join(tags))


def bare(sentence: str) -> str:
    """A sentence without its marks, by which equal ones are recognized."""
    return re.sub(r"[。、！？!?,. ]", "", normalize(sentence))


def write(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{source}\t{format_tags(tags)}\t{origin}\n" for source, tags, origin in rows)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def train(arguments: argparse.Namespace) -> SavedModel:
    """The stages up to the one that is asked for; the model of the last."""
    output: Path = arguments.output
    data = output / "data"
    common = {"backend": arguments.backend, "precision": arguments.precision, "valid": data / "valid.tsv"}
    kept = {"batch_size": arguments.batch_size, "schedule": "cosine", "keep": "average", "average": 3}
    options = {
        "first": preset_options(arguments.preset)
        | kept
        | {
            "target_units": "open-tags",
            "d_model": arguments.d_model,
            "n_heads": arguments.n_heads,
            "d_ff": arguments.d_ff,
            "max_seq_len": 128,
            "learning_rate": arguments.learning_rate,
            "warmup_steps": 800,
            "position_shift": arguments.position_shift,
            "seed": arguments.seed,
        },
        "second": kept | {"learning_rate": arguments.learning_rate / 2, "warmup_steps": 400},
        "polish": kept
        | {"learning_rate": 0.0008, "warmup_steps": 200, "label_smoothing": 0.0, "dropout": 0.05},
    }
    stage = STAGES[0]
    for stage, before, epochs in zip(STAGES, (None, *STAGES), arguments.epochs, strict=False):
        started = time.monotonic()
        if not (output / stage).exists():
            load = None if before is None else output / before
            settings = options[stage] | {"epochs": epochs}
            save_model(
                _run(TrainingRequest(settings, data=data / "train.tsv", load=load, **common)), output / stage
            )
            print(f"{stage}: {time.monotonic() - started:.0f} s", flush=True)
        if stage == arguments.stage:
            break
    model = load_model(output / stage)
    print(f"{stage}: {count_parameters(model.config):,} parameters", flush=True)
    return model


def _run(request: TrainingRequest) -> SavedModel:
    with LineReporter() as reporter:
        return TrainingJob(request).run(reporter).model


def with_evidence(model: SavedModel, output: Path) -> SavedModel:
    """The model with the pieces of text that give evidence for its tags."""
    pieces: dict[str, list[str]] = json.loads((output / "data" / "evidence.json").read_text(encoding="utf-8"))
    target = model.tokenizers.target
    known = {tag: found for tag, found in pieces.items() if tag in target.vocabulary}
    return replace(
        model,
        tokenizers=Tokenizers(
            model.tokenizers.source, OpenTagTokenizer(target.vocabulary, target.normalizer, known)
        ),
    )


def calibrated(model: SavedModel, output: Path) -> SavedModel:
    """The model with the temperature and the threshold that suit everyday validation sentences.

    The temperature minimizes the expected calibration error of sentence probabilities (Guo et al. 2017, §4.2), among a
    few values; the threshold marks 15 % of the sentences that are right.
    """
    pairs = read_corpus(output / "data" / "valid-everyday.tsv", model.tokenizers).pairs
    tried = []
    for temperature in (1.0, 1.2, 1.4, 1.6, 1.8, 2.1, 2.4):
        candidate = replace(model, config=replace(model.config, temperature=temperature))
        found = Translator(candidate, choose_backend("ndarray")).translate_batch(
            [pair.source for pair in pairs]
        )
        right = np.array([one.tags == pair.tags for one, pair in zip(found, pairs, strict=True)])
        sure = np.exp([one.log_prob for one in found])
        tried.append((expected_calibration_error(sure, right), temperature, sure, right))
        print(f"temperature {temperature}: ECE {tried[-1][0]:.3f}", flush=True)
    _, temperature, sure, right = min(tried, key=lambda one: one[0])
    threshold = round(float(np.quantile(sure[right], 0.15)), 3)
    unmarked = sure >= threshold
    print(
        f"below {threshold}: {np.mean(~unmarked):.1%} marked, {np.mean(right[unmarked]):.1%} of the others right"
    )
    return replace(model, config=replace(model.config, temperature=temperature, uncertain_below=threshold))


def expected_calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Σ |bin| / n · |accuracy - mean confidence| over equally wide bins (Guo et al. 2017, §2, eq. 3)."""
    places = np.minimum((sure * bins).astype(int), bins - 1)
    return sum(
        np.mean(places == place) * abs(right[places == place].mean() - sure[places == place].mean())
        for place in np.unique(places)
    )


def examples(translator: Translator, output: Path, count: int = 5) -> tuple[Example, ...]:
    """What the model makes of a few real test sentences, the first ones of the file."""
    pairs = list(read_corpus(output / "data" / "test-real.tsv").pairs)[:count]
    found = translator.translate_batch([pair.source for pair in pairs])
    return tuple(Example(pair.source, pair.tags, one.tags) for pair, one in zip(pairs, found, strict=True))


def shippable(model: SavedModel, figures: Mapping[str, float], examples: tuple[Example, ...]) -> SavedModel:
    """The model without its training state and its record of sentences, with a card that says how good it is."""
    card = {
        "evaluation": {_MEANINGS[name]: value for name, value in figures.items()},
        "made_by": "python tools/train_shipped.py OUTPUT --sentences FILE --backend torch --precision bf16",
    }
    return replace(
        model,
        moments=None,
        trained_on=np.zeros(0, np.uint64),  # as many bytes of JSON as a third of the weights
        examples=examples,
        metadata=model.metadata | card,
        data_name="規則から作った文と、解析器がタグを付けた実際の文・日常の文（ろう者による確認なし）",
    )


def measure(translator: Translator, output: Path) -> dict[str, float]:
    """Exact match, greedy, of every test set and of the hand-written sentences, 0 to 1."""
    tests = {name: read_corpus(output / "corpus" / f"{name}.tsv") for name in TESTS}
    tests |= {name: read_corpus(output / "data" / f"{name}.tsv") for name in ("test-real", "test-everyday")}
    tests["handwritten"] = handwritten()
    figures = {}
    for name, corpus in tests.items():
        figures[name] = evaluate(translator, corpus).scores.exact_rate
        print(f"{name}: {figures[name]:.2%}", flush=True)
    return figures


if __name__ == "__main__":
    main()
