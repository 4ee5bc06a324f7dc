# ruff: noqa: E402  the number of threads must stand before NumPy is imported
"""A file of sentences on the CPU: ours against Hugging Face ``generate`` and CTranslate2, with our weights.

    PYTHONPATH=src python benchmarks/translate_file.py                         # the shipped model, a minute or two
    PYTHONPATH=src python benchmarks/translate_file.py --load DIR --json file.json

The sentences come from the corpus's grammar, with another seed than the shipped model's, so they are as long as
sentences are, and all of them stop where the model ends; how many write the same tags as ours in float32 is
counted. Hugging Face gets batches of 32, once in the file's order, as its pipelines do, and once sorted by length;
ours and CTranslate2 sort by themselves, and come in float32 and in 8 bits. One thread. Needs transformers,
ctranslate2 and, for our 8 bits, numba; whichever is missing is left out.
"""

from __future__ import annotations

import argparse
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cpu_decode import translating
from jsl_seq2seq import Translator
from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.corpus import generate_pairs
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.settings import EOS, PAD, SOS, ModelConfig
from jsl_seq2seq.store import SavedModel, load_model, shipped_model
from timing import race, ratio, write_json

OURS, OURS_INT8 = "ours fp32 (NumPy)", "ours int8 (Numba)"
IN_ORDER, SORTED = "Hugging Face, file order", "Hugging Face, sorted"
CTRANSLATE, CTRANSLATE_INT8 = "CTranslate2 fp32", "CTranslate2 int8"
_MOST_TAGS = 64

Ids = Sequence[int]
Write = Callable[[], list[tuple[int, ...]]]
"""Writes the tags of every sentence."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--load", type=Path, help="a model directory; without it the shipped model")
    parser.add_argument("--sentences", type=int, default=512)
    parser.add_argument("--batch", type=int, default=32, help="Hugging Face's and CTranslate2's batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    model = load_model(arguments.load or shipped_model())
    translator = Translator(model, choose_backend("ndarray"))
    texts = [pair.source for pair in generate_pairs(arguments.sentences, seed=12345)]
    sources = [translator.encode(text).ids for text in texts]
    lengths = [len(source) for source in sources]
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}; {len(texts)} sentences of "
        f"{statistics.mean(lengths):.1f} characters ({min(lengths)} to {max(lengths)})"
    )
    ready: dict[str, Write] = {OURS: lambda: _ours(translator, texts)}
    written = {OURS: ready[OURS]()}
    weights = model.parameters
    for who, make in {
        OURS_INT8: lambda: _ours_int8(model, texts),
        IN_ORDER: lambda: _generate(translator.config, weights, sources, arguments.batch, in_order=True),
        SORTED: lambda: _generate(translator.config, weights, sources, arguments.batch, in_order=False),
        CTRANSLATE: lambda: _ctranslate2(translator.config, weights, sources, arguments.batch, "float32"),
        CTRANSLATE_INT8: lambda: _ctranslate2(translator.config, weights, sources, arguments.batch, "int8"),
    }.items():
        try:
            ready[who] = make()
            written[who] = ready[who]()
        except (ImportError, UserError) as error:
            print(f"  {who}: left out ({error})")
    seconds = race(ready, arguments.rounds)
    figures: dict[str, Any] = {"sentences": len(texts), "numpy": np.__version__}
    for who, values in seconds.items():
        low, middle, high = (1e3 * pick(values) for pick in (min, statistics.median, max))
        same = np.mean([one == other for one, other in zip(written[who], written[OURS], strict=True)])
        print(
            f"  {who:<26} {low:9.0f} {middle:9.0f} {high:9.0f} ms (min, median, max), "
            f"{len(texts) / middle * 1e3:6.0f} sentences/s, {same:.1%} translated as ours"
        )
        figures[who] = {"ms": middle, "same": float(same)}
    for ours in (OURS, OURS_INT8):
        for who in seconds:
            if who not in (ours, OURS_INT8) and ours in seconds:
                figures[f"{who} / {ours}"] = times = ratio(seconds, who, ours)
                print(f"  {who} / {ours}: {times:.2f} times")
    write_json(arguments.json, figures)


def _ours(translator: Translator, texts: list[str]) -> list[tuple[int, ...]]:
    ids = translator.tokenizers.target.vocabulary
    return [ids.ids_of(one.tags) for one in translator.translate_batch(texts)]


def _ours_int8(model: SavedModel, texts: list[str]) -> Write:
    backend = choose_backend(translating=model.n_parameters, precision="int8")
    translator = Translator(model, backend)
    return lambda: _ours(translator, texts)


def _generate(
    config: ModelConfig, weights: dict[str, np.ndarray], sources: Sequence[Ids], size: int, in_order: bool
) -> Write:
    import torch  # noqa: PLC0415  may be missing

    from pre_norm_peer import pre_norm_peer  # noqa: PLC0415

    torch.set_num_threads(1)
    model = pre_norm_peer(config, weights)
    order = list(range(len(sources)))
    if not in_order:
        order.sort(key=lambda index: len(sources[index]))

    def write() -> list[tuple[int, ...]]:
        found: dict[int, tuple[int, ...]] = {}
        for start in range(0, len(order), size):
            indices = order[start : start + size]
            longest = max(len(sources[index]) for index in indices)
            ids = torch.full((len(indices), longest), PAD)
            for row, index in enumerate(indices):
                ids[row, : len(sources[index])] = torch.tensor(sources[index])
            with torch.inference_mode():
                tags = model.generate(
                    input_ids=ids,
                    attention_mask=(ids != PAD).long(),
                    max_new_tokens=_MOST_TAGS,
                    do_sample=False,
                    num_beams=1,
                    suppress_tokens=[PAD, SOS],
                )
            for index, row in zip(indices, tags[:, 1:].tolist(), strict=True):
                found[index] = tuple(row[: row.index(EOS)] if EOS in row else row)
        return [found[index] for index in range(len(sources))]

    return write


def _ctranslate2(
    config: ModelConfig, weights: dict[str, np.ndarray], sources: Sequence[Ids], size: int, kind: str
) -> Write:
    translate = translating(config, weights, sources, threads=1, kind=kind)
    return lambda: [tuple(row) for row in translate(max_decoding_length=_MOST_TAGS, max_batch_size=size)]


if __name__ == "__main__":
    main()
