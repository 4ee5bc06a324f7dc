# ruff: noqa: E402  the stand-ins come first
"""Greedy decoding on PyTorch: ours against Hugging Face's ``generate`` on a Marian model of the same size.

    PYTHONPATH=src python benchmarks/torch_decode.py --json decode.json    # CUDA if there is one, about a minute
    PYTHONPATH=src python benchmarks/torch_decode.py --settings tiny --rounds 2                   # CPU, seconds

Both write 25 tags for each sentence, whatever the model thinks of an end, in float32. The time is that from ids in
ordinary memory to tags in ordinary memory, encoder included. Needs torch, and transformers for the comparison.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from timing import race, ratio, stand_in, write_json
from torch_peer import generating, marian

stand_in("safetensors", "safetensors.numpy", "filelock")  # nothing is read or saved here

from jsl_seq2seq.backends.interface import GraphDecodingOps
from jsl_seq2seq.backends.torch import open_ops
from jsl_seq2seq.model import Transformer, flatten, parameter_shapes
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.search import GraphGreedy, greedy
from jsl_seq2seq.settings import EOS, ModelConfig, VocabSize

OURS, GENERATE = "ours", "Hugging Face generate"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TAGS = 25

Write = Callable[[], np.ndarray]
"""Writes the tags of a batch, [B, 25]."""


@dataclass(frozen=True)
class Setting:
    """A model and a batch of sentences of one length."""

    config: ModelConfig
    batch: int
    source: int


_D256 = ModelConfig(VocabSize(2000, 1000), d_model=256, n_heads=8, n_layers=6, d_ff=1024)
_REFERENCE = ModelConfig(VocabSize(80, 168))
SETTINGS = {
    "reference-1": Setting(_REFERENCE, 1, 10),
    "d256-1": Setting(_D256, 1, 50),
    "d256-64": Setting(_D256, 64, 50),
    "tiny": Setting(ModelConfig(VocabSize(20, 20), d_model=8, n_heads=2, n_layers=1, d_ff=16), 2, 6),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--settings", nargs="+", choices=SETTINGS, default=["reference-1", "d256-1", "d256-64"]
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    where = torch.cuda.get_device_name() if DEVICE == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"Python {platform.python_version()}, PyTorch {torch.__version__}, {where}; {TAGS} tags each")
    figures: dict[str, Any] = {"device": where, "torch": torch.__version__}
    for name in arguments.settings:
        figures[name] = _measure(name, arguments.rounds)
        write_json(arguments.json, figures)


def _measure(name: str, rounds: int) -> dict[str, Any]:
    setting = SETTINGS[name]
    config = setting.config
    print(
        f"\n{name}: d_model {config.d_model}, {config.n_heads} heads, {config.n_layers}+{config.n_layers} layers, "
        f"batch {setting.batch}, {setting.source} source tokens"
    )
    source = np.random.default_rng(0).integers(3, config.vocab_size.source, (setting.batch, setting.source))
    contenders: dict[str, Callable[[Setting, np.ndarray], Write]] = {
        OURS: _ours,
        GENERATE: lambda setting, source: generating(marian(setting.config), source, TAGS, DEVICE),
    }
    ready: dict[str, Write] = {}
    for who, make in contenders.items():
        try:
            began = time.perf_counter()
            write = make(setting, source)
            first = write().shape
            once = time.perf_counter() - began
            for _ in range(4):
                write()
            ready[who] = write
            print(f"  {who:<24} first {first} after {once:.2f} s")
        except Exception:
            traceback.print_exc(limit=-3)
            print(f"  {who:<24} failed")
    seconds = race(ready, rounds)
    for who, values in seconds.items():
        low, middle, high = (1e3 * pick(values) for pick in (min, statistics.median, max))
        print(f"  {who:<24} {low:9.2f} {middle:9.2f} {high:9.2f} ms (min, median, max)")
    found: dict[str, Any] = {"ms": {who: 1e3 * statistics.median(values) for who, values in seconds.items()}}
    if len(seconds) == 2:
        found["ratio"] = ratio(seconds, GENERATE, OURS)
        print(f"  {GENERATE} / {OURS}: {found['ratio']:.1f} times")
    return found


def _ours(setting: Setting, source: np.ndarray) -> Write:
    config, ops = setting.config, open_ops(None, DEVICE)
    values = initial_parameters(config, seed=0)
    values["decoder.output_projection.bias"][EOS] = -1e3  # as generate's min_new_tokens
    shapes = parameter_shapes(config)
    model = Transformer(ops, ops.named_views(ops.array(flatten(values, shapes)), shapes), config)
    graph = GraphGreedy(ops, model) if isinstance(ops, GraphDecodingOps) else None
    sentences = source.tolist()

    def write() -> np.ndarray:
        # one tag fewer: ours also asks whether the end comes after the last one
        found = greedy(ops, model, sentences, TAGS - 1, graph)
        return np.array([one.ids for one in found])

    return write


if __name__ == "__main__":
    main()
