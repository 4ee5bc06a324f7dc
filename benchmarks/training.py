"""Training the starter corpus with ``jsl-seq2seq --train`` against the same in stock PyTorch, on the CPU.

    python benchmarks/training.py            # 5 rounds of the whole commands, and of single steps

Whole commands are timed from process start to exit, imports and saving included; steps are timed alone.
Needs the ``test`` extra (PyTorch).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.data import read_starter_corpus
from jsl_seq2seq.data.batching import encode_pairs, epoch_order, make_batch
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import ModelConfig, TrainingConfig
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.training import Trainer
from timing import race, ratio, show, write_json
from torch_peer import PeerTrainer, TorchPeer

OURS, THEIRS = "jsl-seq2seq (NumPy)", "PyTorch nn.Transformer eager"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    steps = _race_steps(arguments.rounds)
    show("One epoch of training steps (11 batches of 8)", steps, unit=1e-3, unit_name="ms")
    print(f"  ratio ours / PyTorch: {ratio(steps, OURS, THEIRS):.2f}\n")
    commands = _race_commands(arguments.rounds, arguments.epochs)
    show(f"The whole command, {arguments.epochs} epochs", commands)
    print(f"  ratio ours / PyTorch: {ratio(commands, OURS, THEIRS):.2f}")
    write_json(
        arguments.json,
        {"steps": ratio(steps, OURS, THEIRS), "command": ratio(commands, OURS, THEIRS), "seconds": commands},
    )


def _race_steps(rounds: int) -> dict[str, list[float]]:
    corpus = read_starter_corpus()
    tokenizers = Tokenizers().learn(corpus.pairs)
    pairs = encode_pairs(corpus.pairs, tokenizers)
    config, training = ModelConfig(tokenizers.size), TrainingConfig()
    order = epoch_order(pairs, training.batch_size, seed=0, epoch=0)
    batches = [make_batch([pairs[index] for index in indices]) for indices in order]
    tensors = [
        [torch.from_numpy(ids).long() for ids in (one.source, one.target_in, one.target_out)]
        for one in batches
    ]
    trainer = Trainer(choose_backend("ndarray"), config, training, initial_parameters(config, seed=0))
    peer = PeerTrainer(
        TorchPeer(
            *(config.vocab_size.source, config.vocab_size.target),
            *(config.d_model, config.n_heads, config.n_layers, config.d_ff),
            dropout=0.0,
        ),
        training.learning_rate,
        training.warmup_steps,
        training.clip_norm,
    )
    return race(
        {
            OURS: lambda: [trainer.update(batch) for batch in batches],
            THEIRS: lambda: [peer.update(*ids) for ids in tensors],
        },
        rounds=10 * rounds,
    )


def _race_commands(rounds: int, epochs: int) -> dict[str, list[float]]:
    peer = Path(__file__).with_name("torch_peer.py")
    with tempfile.TemporaryDirectory() as folder:
        ours = [sys.executable, "-m", "jsl_seq2seq", "--train", f"--epochs={epochs}", f"--save={folder}/ours"]
        theirs = [sys.executable, str(peer), f"--epochs={epochs}", f"--save={folder}/theirs.pt"]
        return race({OURS: lambda: _run(ours), THEIRS: lambda: _run(theirs)}, rounds)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
