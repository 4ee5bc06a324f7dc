"""Makes the model that ships with the package, from nothing, and measures it.

    python tools/train_shipped.py OUTPUT            # a GPU makes it minutes instead of hours

Writes OUTPUT/corpus (the generated sentences, split), OUTPUT/model (what goes to
src/jsl_seq2seq/assets/model) and OUTPUT/figures.json. The hand-written sentences are only measured on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.cli.progress import LineReporter
from jsl_seq2seq.corpus import write_splits
from jsl_seq2seq.data import read_corpus, read_starter_corpus
from jsl_seq2seq.evaluation import evaluate
from jsl_seq2seq.settings.presets import preset_options
from jsl_seq2seq.store import SavedModel, load_model, save_model
from jsl_seq2seq.tokenize import format_tags
from jsl_seq2seq.training import TrainingJob, TrainingRequest
from jsl_seq2seq.translate.translator import Translator

TESTS = ("test-random", "test-composition", "test-spelling", "test-length")
_POLISHED, _POLISHING_EPOCHS = 60_000, 6
_MEANINGS = {
    "test-random": "合成文・無作為",
    "test-composition": "合成文・初めての組み合わせ",
    "test-spelling": "合成文・別の書き方（漢字とかな）",
    "test-length": "合成文・学習より長い文（41〜50 文字）",
    "handwritten": "人が書いた文（405 文）",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=320_000)
    parser.add_argument(
        "--train-length", type=int, default=40, help="longest training sentence, in characters"
    )
    parser.add_argument("--corpus", type=Path, help="what an earlier run wrote to OUTPUT/corpus")
    parser.add_argument("--first", type=Path, help="what an earlier run wrote to OUTPUT/first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="base")
    parser.add_argument("--epochs", type=int, default=28)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.0015)
    parser.add_argument("--position-shift", type=int, default=24)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()

    corpus = arguments.corpus or arguments.output / "corpus"
    started = time.monotonic()
    if arguments.corpus is None:
        report = write_splits(corpus, arguments.count, arguments.seed, train_length=arguments.train_length)
        print(f"corpus: {report.counts} in {time.monotonic() - started:.0f} s", flush=True)
    first = arguments.first or arguments.output / "first"
    if arguments.first is None:
        save_model(replace(_train(_first(arguments, corpus)), moments=None), first)
        print(f"trained in {time.monotonic() - started:.0f} s", flush=True)
    model = _train(_polishing(arguments, corpus, first))
    print(f"polished in {time.monotonic() - started:.0f} s, {model.n_parameters:,} parameters", flush=True)
    figures = measure(Translator(model, choose_backend(arguments.backend)), corpus)
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    save_model(shippable(model, figures), arguments.output / "model")


def _first(arguments: argparse.Namespace, corpus: Path) -> TrainingRequest:
    """The training proper."""
    options = preset_options(arguments.preset) | {
        "epochs": arguments.epochs,
        "batch_size": arguments.batch_size,
        "learning_rate": arguments.learning_rate,
        "position_shift": arguments.position_shift,
        "keep": "average",
        "average": 3,
        "seed": arguments.seed,
    }
    return TrainingRequest(
        options,
        backend=arguments.backend,
        precision=arguments.precision,
        data=corpus / "train.tsv",
        valid=corpus / "valid.tsv",
    )


def _polishing(arguments: argparse.Namespace, corpus: Path, first: Path) -> TrainingRequest:
    """A few epochs without label smoothing, so that probabilities mean what they say, and with the starter
    sentences, which are shorter than what the grammar makes."""
    known = load_model(first).tokenizers.target.vocabulary
    starter = [pair for pair in read_starter_corpus().pairs if all(tag in known for tag in pair.tags)]
    pairs = [*read_corpus(corpus / "train.tsv").pairs[:_POLISHED], *starter]
    data = arguments.output / "polish.tsv"
    data.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{pair.source}\t{format_tags(pair.tags)}\n" for pair in pairs)
    data.write_text("".join(lines), encoding="utf-8")
    options = {
        "epochs": _POLISHING_EPOCHS,
        "learning_rate": 0.0003,
        "warmup_steps": 100,
        "label_smoothing": 0.0,
        "keep": "last",
    }
    return TrainingRequest(
        options,
        backend=arguments.backend,
        precision=arguments.precision,
        data=data,
        valid=corpus / "valid.tsv",
        load=first,
    )


def _train(request: TrainingRequest) -> SavedModel:
    with LineReporter() as reporter:
        return TrainingJob(request).run(reporter).model


def shippable(model: SavedModel, figures: Mapping[str, float]) -> SavedModel:
    """The model without its training state, with a card that says what it is and how good."""
    card = {
        "evaluation": {_MEANINGS[name]: value for name, value in figures.items()},
        "made_by": "python tools/train_shipped.py OUTPUT --backend torch --precision bf16",
    }
    return replace(
        model,
        moments=None,
        metadata=model.metadata | card,
        data_name="規則から作った文（jsl-seq2seq corpus、ろう者による確認なし）",
    )


def measure(translator: Translator, corpus: Path) -> dict[str, float]:
    """Exact match, greedy, of every test set and of the hand-written sentences, 0 to 1."""
    figures = {}
    for name in TESTS:
        figures[name] = evaluate(translator, read_corpus(corpus / f"{name}.tsv")).scores.exact_rate
        print(f"{name}: {figures[name]:.2%}", flush=True)
    handwritten = resources.files("jsl_seq2seq") / "assets" / "handwritten.tsv"
    with resources.as_file(handwritten) as path:
        figures["handwritten"] = evaluate(translator, read_corpus(path)).scores.exact_rate
    print(f"handwritten: {figures['handwritten']:.2%}", flush=True)
    return figures


if __name__ == "__main__":
    main()
