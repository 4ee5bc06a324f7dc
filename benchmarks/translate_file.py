"""A file of sentences on the CPU: ours against Hugging Face ``generate`` and CTranslate2, with our weights.

    PYTHONPATH=src python benchmarks/translate_file.py                         # the shipped model, a minute or two
    PYTHONPATH=src python benchmarks/translate_file.py --load DIR --json file.json

The sentences come from the corpus's grammar, with another seed than the shipped model's, so they are as long as
sentences are, and all of them stop where the model ends; how many write the same tags as ours in float32 is
counted. Hugging Face gets batches of 32, once in the file's order, as its pipelines do, and once sorted by length;
ours and CTranslate2 sort by themselves, and come in float32 and in 8 bits. Each runs in a process of its own with
one thread. Needs transformers,
ctranslate2 and, for our 8 bits, numba; whichever is missing is left out.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cpu_decode import translating
from jsl_seq2seq import Translator
from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.corpus import generate_pairs
from jsl_seq2seq.model import count_parameters
from jsl_seq2seq.settings import EOS, PAD, SOS
from jsl_seq2seq.store import load_model, shipped_model
from timing import Contender, race_workers, ratio, threads, write_json

OURS, OURS_INT8 = "ours fp32 (NumPy)", "ours int8 (Numba)"
IN_ORDER, SORTED = "Hugging Face, file order", "Hugging Face, sorted"
CTRANSLATE, CTRANSLATE_INT8 = "CTranslate2 fp32", "CTranslate2 int8"
_MOST_TAGS = 64

Write = Callable[[], list[list[int]]]
"""A worker's turn: writes the tags of every sentence, as ids."""


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
    given = {
        OURS: ("ours", "fp32"),
        OURS_INT8: ("ours", "int8"),
        IN_ORDER: ("generate", "in order"),
        SORTED: ("generate", "sorted"),
        CTRANSLATE: ("ctranslate2", "float32"),
        CTRANSLATE_INT8: ("ctranslate2", "int8"),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sentences.json"
        file.write_text(json.dumps({"texts": texts, "ids": sources}), encoding="utf-8")
        directory = str(arguments.load or shipped_model())
        contenders = {
            who: Contender(
                f"translate_file:{function}", (directory, str(file), arguments.batch, kind), threads(1)
            )
            for who, (function, kind) in given.items()
        }
        seconds, written = race_workers(contenders, arguments.rounds)
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


def ours(directory: str, file: str, _: int, precision: str) -> Write:
    """Our translator."""
    model = load_model(Path(directory))
    translating_for = count_parameters(model.config) if precision == "int8" else None
    name = "auto" if precision == "int8" else "ndarray"
    translator = Translator(model, choose_backend(name, translating=translating_for, precision=precision))
    texts = json.loads(Path(file).read_text(encoding="utf-8"))["texts"]
    ids = translator.tokenizers.target.vocabulary
    return lambda: [list(ids.ids_of(one.tags)) for one in translator.translate_batch(texts)]


def generate(directory: str, file: str, size: int, kind: str) -> Write:
    """Hugging Face's ``generate`` with our weights, in batches of ``size``."""
    import torch  # noqa: PLC0415  may be missing

    from pre_norm_peer import pre_norm_peer  # noqa: PLC0415

    torch.set_num_threads(1)
    found = load_model(Path(directory))
    model = pre_norm_peer(found.config, found.parameters)
    sources = json.loads(Path(file).read_text(encoding="utf-8"))["ids"]
    order = list(range(len(sources)))
    if kind == "sorted":
        order.sort(key=lambda index: len(sources[index]))

    def write() -> list[list[int]]:
        found: dict[int, list[int]] = {}
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
                found[index] = row[: row.index(EOS)] if EOS in row else row
        return [found[index] for index in range(len(sources))]

    return write


def ctranslate2(directory: str, file: str, size: int, kind: str) -> Write:
    """CTranslate2 with our weights."""
    found = load_model(Path(directory))
    sources = json.loads(Path(file).read_text(encoding="utf-8"))["ids"]
    translate = translating(found.config, found.parameters, sources, threads=1, kind=kind)
    return lambda: translate(max_decoding_length=_MOST_TAGS, max_batch_size=size)


if __name__ == "__main__":
    main()
