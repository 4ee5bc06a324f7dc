"""Decoding on the CPU: ours against Hugging Face ``generate`` and CTranslate2, side by side.

    PYTHONPATH=src python benchmarks/cpu_decode.py --sentences FILE --json cpu_decode.json     # all, some minutes
    PYTHONPATH=src python benchmarks/cpu_decode.py --parts cells --settings small-1 --rounds 3 # seconds

Each runs in a process of its own, bound to as many cores as it has threads, one after another in turns. Four parts:

- ``cells``: greedy decoding of 25 tags for each sentence of 25 characters, whatever the model thinks of an end, on one
  thread. Ours and CTranslate2 compute in float32 and with weights of 8 bits, Hugging Face in float32. The time is that
  from ids in ordinary memory to tags in ordinary memory, encoder included. CTranslate2 gets our model's own weights,
  and the script counts how many tags come out as NumPy's do. Hugging Face gets a Marian model with as many random
  weights.
- ``beams``: a sentence with 4 beams, 50 tags against 10.
- ``threads``: batches of 32 on two threads, on two physical cores, against one.
- ``real``: the first ``--count`` lines of a file of real sentences with the shipped model. Ours begins with text and
  ends with tags as text, CTranslate2 begins and ends with ids; both stop where the model does.

Behind a ratio stands the interval in which its median over the rounds lies with 95 % probability. Needs transformers,
ctranslate2 and, for what is compiled, numba; whichever is missing is left out.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jsl_seq2seq import Translator
from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.errors import JslError
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.model.layers import sinusoid
from jsl_seq2seq.search import beam_search, greedy
from jsl_seq2seq.settings import EOS, PAD, SOS, ModelConfig, VocabSize
from jsl_seq2seq.store import load_model, shipped_model
from timing import Contender, Rounds, physical_cores, race_workers, ratio, ratio_interval, threads, write_json

OURS, OURS_COMPILED, OURS_INT8 = "ours fp32 (NumPy)", "ours fp32 (Numba)", "ours int8 (Numba)"
GENERATE, CTRANSLATE, CTRANSLATE_INT8 = "Hugging Face generate", "CTranslate2 fp32", "CTranslate2 int8"
BACKEND = {OURS: ("ndarray", "fp32"), OURS_COMPILED: ("numba", "fp32"), OURS_INT8: ("ndarray", "int8")}
COMPILED = (OURS_COMPILED, OURS_INT8)
PARTS = ("cells", "beams", "threads", "real")
TAGS = SOURCE = 25
_NEVER = -1e3
_MOST_TAGS = 64

Write = Callable[[], list[list[int]]]
"""A worker's turn: writes the tags of a batch, [B, 25]."""


@dataclass(frozen=True)
class Setting:
    """A model and how many sentences are translated side by side."""

    config: ModelConfig
    batch: int


_SIZE = VocabSize(1500, 1100)
_MODELS = {
    "small": ModelConfig(_SIZE, d_model=64, n_heads=4, n_layers=4, d_ff=256),
    "large": ModelConfig(_SIZE, d_model=256, n_heads=8, n_layers=6, d_ff=1024),
}
SETTINGS = {
    f"{name}-{batch}": Setting(config, batch) for name, config in _MODELS.items() for batch in (1, 32)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument(
        "--sentences", type=Path, help="a file of real sentences, one a line; without it no real part"
    )
    parser.add_argument("--count", type=int, default=512, help="how many of its lines")
    parser.add_argument("--batch", type=int, default=32, help="CTranslate2's batch of real sentences")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, cores {physical_cores()}")
    figures: dict[str, Any] = {"numpy": np.__version__}
    rounds = arguments.rounds
    runs: list[tuple[str, Callable[[], dict[str, Any]]]] = []
    if "cells" in arguments.parts:
        runs += [(name, lambda name=name: _cell(name, rounds)) for name in arguments.settings]
    if "beams" in arguments.parts:
        runs += [(f"{name}, 4 beams", lambda name=name: _beams(name, rounds)) for name in _MODELS]
    if "threads" in arguments.parts:
        runs += [
            (f"{name}, two threads", lambda name=name: _two_threads(name, rounds))
            for name, setting in SETTINGS.items()
            if setting.batch > 1
        ]
    if "real" in arguments.parts and arguments.sentences is not None:
        runs.append(("real", lambda: _real(arguments.sentences, arguments.count, arguments.batch, rounds)))
    for name, run in runs:
        print(f"\n{name}")
        figures[name] = run()
        write_json(arguments.json, figures)


def _contender(function: str, *values: Any, cores: int = 1) -> Contender:
    return Contender(f"cpu_decode:{function}", values, threads(cores), physical_cores()[:cores])


def _raced(contenders: Mapping[str, Contender], rounds: int) -> tuple[Rounds, dict[str, Any]]:
    seconds, written = race_workers(contenders, rounds)
    for who, values in seconds.items():
        low, middle, high = (1e3 * pick(values) for pick in (min, statistics.median, max))
        print(f"  {who:<30} {low:9.2f} {middle:9.2f} {high:9.2f} ms (min, median, max)")
    return seconds, written


def _ratio(found: dict[str, Any], seconds: Rounds, who: str, ours: str) -> None:
    """Print and keep how many times as long as ``ours`` another takes, if both were measured."""
    if who in seconds and ours in seconds:
        low, high = ratio_interval(seconds, who, ours)
        found[f"{who} / {ours}"] = times = ratio(seconds, who, ours)
        print(f"  {who} / {ours}: {times:.2f} times [{low:.2f}, {high:.2f}]")


def _ms(seconds: Rounds) -> dict[str, Any]:
    return {"ms": {who: 1e3 * statistics.median(values) for who, values in seconds.items()}}


def _cell(name: str, rounds: int) -> dict[str, Any]:
    config = SETTINGS[name].config
    print(f"  d_model {config.d_model}, {config.n_heads} heads, {config.n_layers}+{config.n_layers} layers")
    contenders = {who: _contender("ours", name, *backend) for who, backend in BACKEND.items()}
    contenders[GENERATE] = _contender("generate", name)
    for who, kind in ((CTRANSLATE, "float32"), (CTRANSLATE_INT8, "int8")):
        contenders[who] = _contender("ctranslate2", name, kind)
    seconds, written = _raced(contenders, rounds)
    found = _ms(seconds)
    for ours in BACKEND:
        for who in (OURS, GENERATE, CTRANSLATE, CTRANSLATE_INT8):
            if who != ours:
                _ratio(found, seconds, who, ours)
    for who in (*COMPILED, CTRANSLATE, CTRANSLATE_INT8):
        if who in written:
            tags, wanted = (np.array(written[each])[:, : TAGS - 1] for each in (who, OURS))
            found[f"same tags: {who}"] = same = float((tags == wanted).mean())
            print(f"  tags that {who} writes as {OURS}, with the same untrained weights: {same:.1%}")
    return found


def _beams(name: str, rounds: int) -> dict[str, Any]:
    contenders = {
        f"{who}, {tags} tags": _contender("beams", name, *backend, tags)
        for who, backend in BACKEND.items()
        for tags in (10, 50)
    }
    seconds, _ = _raced(contenders, rounds)
    found = _ms(seconds)
    for who in BACKEND:
        _ratio(found, seconds, f"{who}, 50 tags", f"{who}, 10 tags")
    return found


def _two_threads(name: str, rounds: int) -> dict[str, Any]:
    contenders = {
        f"{who}, {cores} thread(s)": _contender("ours", name, *BACKEND[who], cores=cores)
        for who in COMPILED
        for cores in (1, 2)
    }
    seconds, written = _raced(contenders, rounds)
    found = _ms(seconds)
    for who in COMPILED:
        one, two = (f"{who}, {cores} thread(s)" for cores in (1, 2))
        _ratio(found, seconds, one, two)
        if one in written and two in written:
            found[f"same tags: {who}"] = same = written[one] == written[two]
            print(f"  the same tags on one thread and two: {'yes' if same else 'NO'}")
    return found


def _real(file: Path, count: int, batch: int, rounds: int) -> dict[str, Any]:
    translator = Translator(load_model(shipped_model()), choose_backend("ndarray"))
    texts, ids = [], []
    for text in filter(str.strip, file.read_text(encoding="utf-8").splitlines()):
        try:
            ids.append(translator.encode(text).ids)
        except JslError:  # nothing in it that the model reads
            continue
        texts.append(text)
        if len(texts) == count:
            break
    lengths = [len(one) for one in ids]
    print(
        f"  {len(texts)} sentences of {statistics.mean(lengths):.1f} characters ({min(lengths)} to {max(lengths)})"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentences.json"
        path.write_text(json.dumps({"texts": texts, "ids": ids}), encoding="utf-8")
        contenders = {who: _contender("ours_real", str(path), *backend) for who, backend in BACKEND.items()}
        for who, kind in ((CTRANSLATE, "float32"), (CTRANSLATE_INT8, "int8")):
            contenders[who] = _contender("ctranslate2_real", str(path), batch, kind)
        seconds, written = _raced(contenders, rounds)
    found = _ms(seconds)
    for ours in BACKEND:
        for who in (OURS, CTRANSLATE, CTRANSLATE_INT8):
            if who != ours:
                _ratio(found, seconds, who, ours)
    for who in (*COMPILED, CTRANSLATE, CTRANSLATE_INT8):
        if who in written:
            found[f"same translations: {who}"] = same = float(
                np.mean([one == other for one, other in zip(written[who], written[OURS], strict=True)])
            )
            print(f"  sentences that {who} translates as {OURS}: {same:.1%}")
    return found


def _source(setting: Setting) -> list[list[int]]:
    """Random sentences, [B, 25]."""
    size = (setting.batch, SOURCE)
    return np.random.default_rng(0).integers(3, setting.config.vocab_size.source, size).tolist()


def _parameters(config: ModelConfig) -> dict[str, np.ndarray]:
    values = initial_parameters(config, seed=0)
    # flat logits: without this an untrained model's choices are a matter of rounding
    values["decoder.output_projection.weight"] *= 5
    values["decoder.output_projection.bias"][[PAD, SOS, EOS]] = _NEVER
    return values


def _model(config: ModelConfig, backend: str, precision: str) -> tuple[Any, Transformer[Any]]:
    """The operations of a backend, and a model on them."""
    ops = choose_backend(backend, translating=0, precision=precision).open(None)
    return ops, Transformer(ops, _parameters(config), config)


def ours(name: str, backend: str, precision: str) -> Write:
    """Our greedy decoding on the CPU."""
    ops, model = _model(SETTINGS[name].config, backend, precision)
    sentences = _source(SETTINGS[name])
    # one tag fewer: ours also asks whether the end comes after the last one
    return lambda: [list(one.ids) for one in greedy(ops, model, sentences, TAGS - 1)]


def beams(name: str, backend: str, precision: str, tags: int) -> Write:
    """Our beam search for one sentence, as long as ``tags``."""
    config = _MODELS[name]
    ops, model = _model(config, backend, precision)
    sentences = _source(Setting(config, 1))
    return lambda: [list(one[0].ids) for one in beam_search(ops, model, sentences, tags - 1, 4)]


def ours_real(path: str, backend: str, precision: str) -> Write:
    """Our translator with the shipped model; tags as numbers."""
    translator = Translator(
        load_model(shipped_model()), choose_backend(backend, translating=0, precision=precision)
    )
    texts = json.loads(Path(path).read_text(encoding="utf-8"))["texts"]
    return lambda: [list(one.ids) for one in translator.translate_batch(texts)]


def generate(name: str) -> Write:
    """Hugging Face's, with random weights."""
    import torch  # noqa: PLC0415  may be missing

    from torch_peer import generating, marian  # noqa: PLC0415

    torch.set_num_threads(1)
    setting = SETTINGS[name]
    write = generating(marian(setting.config), np.array(_source(setting)), TAGS)
    return lambda: write().tolist()


def ctranslate2(name: str, kind: str) -> Write:
    """CTranslate2's, with our weights."""
    setting = SETTINGS[name]
    translate = translating(setting.config, _parameters(setting.config), _source(setting), 1, kind)
    options = {"min_decoding_length": TAGS, "max_decoding_length": TAGS, "max_batch_size": setting.batch}
    return lambda: translate(**options)


def ctranslate2_real(path: str, batch: int, kind: str) -> Write:
    """CTranslate2's with the shipped model."""
    model = load_model(shipped_model())
    ids = json.loads(Path(path).read_text(encoding="utf-8"))["ids"]
    translate = translating(model.config, model.parameters, ids, 1, kind)
    return lambda: translate(max_decoding_length=_MOST_TAGS, max_batch_size=batch)


def translating(
    config: ModelConfig,
    parameters: dict[str, np.ndarray],
    sources: Sequence[Sequence[int]],
    threads: int,
    kind: str = "float32",
) -> Callable[..., list[list[int]]]:
    """CTranslate2 with our weights on source ids; call it with its own options to get each sentence's tags.

    Raises:
        ImportError: ctranslate2 is not installed.
    """
    import ctranslate2  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  may be missing

    names = [[f"{side}{index}" for index in range(size)] for side, size in vars(config.vocab_size).items()]
    with tempfile.TemporaryDirectory() as folder:
        spec = _specification(config, parameters)
        spec.register_source_vocabulary(["<unk>", *names[0]])
        spec.register_target_vocabulary(["<unk>", *names[1]])
        spec.config.bos_token, spec.config.eos_token = names[1][SOS], names[1][EOS]
        spec.config.decoder_start_token = names[1][SOS]
        spec.config.add_source_eos = False
        spec.validate()
        spec.save(folder)
        translator = ctranslate2.Translator(folder, device="cpu", intra_threads=threads, compute_type=kind)
    sentences = [[names[0][index] for index in row] for row in sources]
    numbers = {name: index for index, name in enumerate(names[1])}

    def translate(**options: int) -> list[list[int]]:
        found = translator.translate_batch(sentences, beam_size=1, **options)
        return [[numbers[name] for name in one.hypotheses[0]] for one in found]

    return translate


def _specification(config: ModelConfig, parameters: dict[str, np.ndarray]) -> Any:
    """Our model in CTranslate2's words: Pre-LN, sinusoidal positions, weights output x input."""
    from ctranslate2.specs import TransformerSpec  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    spec: Any = TransformerSpec.from_config(config.n_layers, config.n_heads, pre_norm=True)
    positions = np.array([sinusoid(place, config.d_model) for place in range(256)], np.float32)

    def vocabulary(weight: np.ndarray, missing: float) -> np.ndarray:
        """With a row for CTranslate2's unknown word in front."""
        row = np.full((1, *weight.shape[1:]), missing, np.float32)
        return np.concatenate([row, weight.astype(np.float32)])

    def linear(target: Any, *prefixes: str) -> None:
        target.weight = np.concatenate([parameters[f"{prefix}.weight"].T for prefix in prefixes])
        target.bias = np.concatenate([parameters[f"{prefix}.bias"] for prefix in prefixes])

    def norm(target: Any, prefix: str) -> None:
        target.gamma, target.beta = parameters[f"{prefix}.weight"], parameters[f"{prefix}.bias"]

    def feed_forward(target: Any, prefix: str, norm_name: str) -> None:
        norm(target.layer_norm, f"{prefix}.{norm_name}")
        linear(target.linear_0, f"{prefix}.feed_forward.linear1")
        linear(target.linear_1, f"{prefix}.feed_forward.linear2")

    for side, stack in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        embeddings = stack.embeddings[0] if side == "encoder" else stack.embeddings
        embeddings.weight = vocabulary(parameters[f"{side}.embedding.weight"], 0.0)
        stack.position_encodings.encodings = positions
        norm(stack.layer_norm, f"{side}.final_norm")
        for index, layer in enumerate(stack.layer):
            prefix = f"{side}.layers.{index}"
            own = f"{prefix}.self_attn"
            norm(layer.self_attention.layer_norm, f"{prefix}.norm1")
            linear(layer.self_attention.linear[0], *(f"{own}.{part}_proj" for part in "qkv"))
            linear(layer.self_attention.linear[1], f"{own}.out_proj")
            if side == "decoder":
                cross = f"{prefix}.cross_attn"
                norm(layer.attention.layer_norm, f"{prefix}.norm2")
                linear(layer.attention.linear[0], f"{cross}.q_proj")
                linear(layer.attention.linear[1], f"{cross}.k_proj", f"{cross}.v_proj")
                linear(layer.attention.linear[2], f"{cross}.out_proj")
            feed_forward(layer.ffn, prefix, "norm3" if side == "decoder" else "norm2")
    projection = spec.decoder.projection
    rows = (
        parameters["decoder.embedding.weight"]
        if config.tied_embeddings
        else parameters["decoder.output_projection.weight"].T
    )
    projection.weight = vocabulary(rows, 0.0)
    projection.bias = vocabulary(parameters["decoder.output_projection.bias"], _NEVER)
    return spec


if __name__ == "__main__":
    main()
