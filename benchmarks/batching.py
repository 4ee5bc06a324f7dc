"""What batching gives: 48 sentences in one step against 48 steps of one sentence (the original: 8.6 times).

python benchmarks/batching.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.data import read_starter_corpus
from jsl_seq2seq.data.batching import make_batch
from jsl_seq2seq.data.encoding import encode_pairs
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import ModelConfig, TrainingConfig
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.training import Trainer
from timing import Contender, race_workers, ratio, show, write_json

SENTENCES = 48
ALONE, TOGETHER = "one by one", "48 in one step"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", default="ndarray")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seconds, _ = race_workers(
        {
            ALONE: Contender("batching:steps", (arguments.backend, 1)),
            TOGETHER: Contender("batching:steps", (arguments.backend, SENTENCES)),
        },
        arguments.rounds,
    )
    show(f"Training on {SENTENCES} sentences once, backend {arguments.backend}", seconds, 1e-3, "ms")
    times = ratio(seconds, ALONE, TOGETHER)
    print(f"  throughput ratio: {times:.1f} times")
    write_json(arguments.json, {"backend": arguments.backend, "ratio": times})


def steps(backend: str, size: int) -> Callable[[], float]:
    """A worker's turn: one update for every ``size`` of the sentences."""
    corpus = read_starter_corpus()
    tokenizers = Tokenizers().learn(corpus.pairs)
    pairs = encode_pairs(corpus.pairs, tokenizers)[:SENTENCES]
    config = ModelConfig(tokenizers.size)
    trainer = Trainer(choose_backend(backend), config, TrainingConfig(), initial_parameters(config, seed=0))
    batches = [make_batch(pairs[start : start + size]) for start in range(0, SENTENCES, size)]
    return lambda: float(trainer.ops.to_host([trainer.update(batch) for batch in batches][-1]))


if __name__ == "__main__":
    main()
