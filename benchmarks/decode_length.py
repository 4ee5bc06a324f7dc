"""What a tag costs as the sentence grows: 200 tags against 50, with the KV cache.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/decode_length.py --json decode_length.json

Without a cache every tag would cost as much as all before it together: 200 tags 16 times as much as 50 or more.
With it only attention's own share grows. The bar is 4.5 times, on every backend that is here, and with int8.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jsl_seq2seq.backends.interface import DecodingOps, GraphDecodingOps
from jsl_seq2seq.backends.registry import NAMES, choose_backend
from jsl_seq2seq.errors import JslError
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.search import GraphGreedy, beam_search, greedy
from jsl_seq2seq.settings import EOS, ModelConfig, VocabSize
from timing import race, write_json

SHORT, LONG, BAR = 50, 200, 4.5
_WAYS = [*NAMES, "int8"]
_SIZE = VocabSize(1500, 1100)
SETTINGS = {
    "small": ModelConfig(_SIZE, d_model=64, n_heads=4, n_layers=4, d_ff=256, max_seq_len=256),
    "large": ModelConfig(_SIZE, d_model=256, n_heads=8, n_layers=6, d_ff=1024, max_seq_len=256),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backends", nargs="+", choices=_WAYS, default=_WAYS)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    for backend in arguments.backends:
        try:
            ops = _opened(backend)
        except (JslError, ImportError) as error:
            print(f"{backend}: left out ({error})")
            continue
        for name in arguments.settings:
            figures[f"{backend} {name}"] = _measure(
                ops, SETTINGS[name], f"{backend} {name}", arguments.rounds
            )
            write_json(arguments.json, figures)


def _opened(way: str) -> DecodingOps:
    if way == "int8":
        return choose_backend(translating=0, precision=way).open(None)
    return choose_backend(way).open(None)


def _measure(ops: DecodingOps, config: ModelConfig, title: str, rounds: int) -> dict[str, float]:
    values = initial_parameters(config, seed=0)
    values["decoder.output_projection.bias"][EOS] = -1e3  # no early end
    model = Transformer(ops, {name: ops.array(value) for name, value in values.items()}, config)
    graph = GraphGreedy(ops, model) if isinstance(ops, GraphDecodingOps) else None
    source = np.random.default_rng(0).integers(3, config.vocab_size.source, (1, 25)).tolist()

    def writing(tags: int, beams: int) -> Callable[[], object]:
        if beams == 1:
            return lambda: greedy(ops, model, source, tags - 1, graph)
        return lambda: beam_search(ops, model, source, tags - 1, beams)

    found: dict[str, float] = {}
    for beams in (1, 4):
        # each contender's own round that is not counted warms up caches and recordings
        seconds = race({str(tags): writing(tags, beams) for tags in (SHORT, LONG)}, rounds)
        short, long = (statistics.median(seconds[str(tags)]) for tags in (SHORT, LONG))
        times = statistics.median(b / a for a, b in zip(*seconds.values(), strict=True))
        found |= {f"ms {SHORT}, beam {beams}": 1e3 * short, f"ms {LONG}, beam {beams}": 1e3 * long}
        found[f"times, beam {beams}"] = times
        print(
            f"{title}, beam {beams}: {SHORT} tags {1e3 * short:.1f} ms, {LONG} tags {1e3 * long:.1f} ms: "
            f"{times:.2f} times (bar {BAR})"
        )
    return found


if __name__ == "__main__":
    main()
