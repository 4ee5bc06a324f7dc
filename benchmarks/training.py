"""Training the starter corpus with ``jsl-seq2seq --train`` against the same in stock PyTorch, on the CPU.

    python benchmarks/training.py            # 5 rounds of the whole commands, and 50 of an epoch of steps

Whole commands are timed from process start to exit, imports and saving included; steps are timed alone, each
contender in a process of its own. Needs the ``test`` extra (PyTorch).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from jsl_seq2seq.data import read_starter_corpus
from jsl_seq2seq.data.batching import Batch, epoch_order, make_batch
from jsl_seq2seq.data.encoding import encode_pairs
from jsl_seq2seq.settings import ModelConfig, TrainingConfig
from jsl_seq2seq.tokenize import Tokenizers
from timing import Contender, race, race_workers, ratio, show, threads, write_json

OURS, THEIRS = "jsl-seq2seq (NumPy)", "PyTorch nn.Transformer eager"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--threads", type=int, help="of both contenders; by default what each takes")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    environment = threads(arguments.threads) if arguments.threads else {}
    steps, _ = race_workers(
        {
            OURS: Contender("training:our_epoch", environment=environment),
            THEIRS: Contender("training:their_epoch", environment=environment),
        },
        rounds=10 * arguments.rounds,
    )
    show("One epoch of training steps (11 batches of 8)", steps, unit=1e-3, unit_name="ms")
    print(f"  ratio ours / PyTorch: {ratio(steps, OURS, THEIRS):.2f}\n")
    commands = _race_commands(arguments.rounds, arguments.epochs, environment)
    show(f"The whole command, {arguments.epochs} epochs", commands)
    print(f"  ratio ours / PyTorch: {ratio(commands, OURS, THEIRS):.2f}")
    write_json(
        arguments.json,
        {"steps": ratio(steps, OURS, THEIRS), "command": ratio(commands, OURS, THEIRS), "seconds": commands},
    )


def _setting() -> tuple[ModelConfig, TrainingConfig, list[Batch]]:
    """The reference model, the default recipe and the batches of the first epoch."""
    corpus = read_starter_corpus()
    tokenizers = Tokenizers().learn(corpus.pairs)
    pairs = encode_pairs(corpus.pairs, tokenizers)
    training = TrainingConfig()
    order = epoch_order(pairs, training.batch_size, seed=0, epoch=0)
    batches = [make_batch([pairs[index] for index in indices]) for indices in order]
    return ModelConfig(tokenizers.size), training, batches


def our_epoch() -> Callable[[], float]:
    """A worker's turn: ours on every batch."""
    from jsl_seq2seq.backends.registry import choose_backend  # noqa: PLC0415
    from jsl_seq2seq.model.initialization import initial_parameters  # noqa: PLC0415
    from jsl_seq2seq.training import Trainer  # noqa: PLC0415

    config, training, batches = _setting()
    trainer = Trainer(choose_backend("ndarray"), config, training, initial_parameters(config, seed=0))
    return lambda: [float(trainer.ops.to_host(trainer.update(batch))) for batch in batches][-1]


def their_epoch() -> Callable[[], float]:
    """A worker's turn: stock PyTorch on every batch."""
    import torch  # noqa: PLC0415  ours runs without it

    from torch_peer import PeerTrainer, TorchPeer  # noqa: PLC0415

    config, training, batches = _setting()
    tensors = [
        [torch.from_numpy(ids).long() for ids in (one.source, one.target_in, one.target_out)]
        for one in batches
    ]
    sizes = (config.vocab_size.source, config.vocab_size.target)
    shape = (config.d_model, config.n_heads, config.n_layers, config.d_ff)
    peer = PeerTrainer(
        TorchPeer(*sizes, *shape, dropout=0.0),
        training.learning_rate,
        training.warmup_steps,
        training.clip_norm,
    )
    return lambda: [float(peer.update(*ids)) for ids in tensors][-1]


def _race_commands(rounds: int, epochs: int, environment: dict[str, str]) -> dict[str, list[float]]:
    peer = Path(__file__).with_name("torch_peer.py")
    with tempfile.TemporaryDirectory() as folder:
        # the backend is named: with a GPU here, `auto` would take that
        ours = [sys.executable, "-m", "jsl_seq2seq", "--train", "--backend=ndarray", f"--epochs={epochs}"]
        theirs = [sys.executable, str(peer), f"--epochs={epochs}", f"--save={folder}/theirs.pt"]
        return race(
            {
                OURS: lambda: _run([*ours, f"--save={folder}/ours"], environment),
                THEIRS: lambda: _run(theirs, environment),
            },
            rounds,
        )


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})


if __name__ == "__main__":
    main()
