"""Greedy decoding on the CPU: ours against Hugging Face ``generate`` and CTranslate2, side by side.

    PYTHONPATH=src python benchmarks/cpu_decode.py --json cpu_decode.json                  # a few minutes
    PYTHONPATH=src python benchmarks/cpu_decode.py --settings small-1 --rounds 3           # seconds

Each runs in a process of its own, all with the same number of threads (one, unless ``--threads`` says otherwise), and
writes 25 tags for each sentence of 25 characters, whatever the model thinks of an end. Ours and CTranslate2 compute
in float32 and with weights of 8 bits, Hugging Face in float32. The time is that from ids in ordinary memory to tags
in ordinary memory, encoder included. CTranslate2 gets our model's own weights, and the script counts how many tags
come out as ours in float32 do. Hugging Face gets a Marian model with as many random weights. Needs transformers,
ctranslate2 and, for our 8 bits, numba; whichever is missing is left out.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.model.layers import sinusoid
from jsl_seq2seq.search import greedy
from jsl_seq2seq.settings import EOS, PAD, SOS, ModelConfig, VocabSize
from timing import Contender, Rounds, race_workers, ratio, threads, write_json

OURS, OURS_INT8, GENERATE = "ours fp32 (NumPy)", "ours int8 (Numba)", "Hugging Face generate"
CTRANSLATE, CTRANSLATE_INT8 = "CTranslate2 fp32", "CTranslate2 int8"
TAGS = SOURCE = 25
_NEVER = -1e3

Write = Callable[[], list[list[int]]]
"""A worker's turn: writes the tags of a batch, [B, 25]."""


@dataclass(frozen=True)
class Setting:
    """A model and how many sentences are translated side by side."""

    config: ModelConfig
    batch: int


_SIZE = VocabSize(1500, 1100)
_SMALL = ModelConfig(_SIZE, d_model=64, n_heads=4, n_layers=4, d_ff=256)
_LARGE = ModelConfig(_SIZE, d_model=256, n_heads=8, n_layers=6, d_ff=1024)
SETTINGS = {
    f"{name}-{batch}": Setting(config, batch)
    for name, config in {"small": _SMALL, "large": _LARGE}.items()
    for batch in (1, 32)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {arguments.threads} thread(s)")
    figures: dict[str, Any] = {"threads": arguments.threads, "numpy": np.__version__}
    for name in arguments.settings:
        figures[name] = _measure(name, arguments.rounds, arguments.threads)
        write_json(arguments.json, figures)


def _measure(name: str, rounds: int, count: int) -> dict[str, Any]:
    setting = SETTINGS[name]
    config = setting.config
    print(
        f"\n{name}: d_model {config.d_model}, {config.n_heads} heads, {config.n_layers}+{config.n_layers} layers, "
        f"d_ff {config.d_ff}, batch {setting.batch}"
    )
    given = {
        OURS: ("ours", "fp32"),
        OURS_INT8: ("ours", "int8"),
        GENERATE: ("generate", ""),
        CTRANSLATE: ("ctranslate2", "float32"),
        CTRANSLATE_INT8: ("ctranslate2", "int8"),
    }
    contenders = {
        who: Contender(f"cpu_decode:{function}", (name, kind, count), threads(count))
        for who, (function, kind) in given.items()
    }
    seconds, written = race_workers(contenders, rounds)
    for who, values in seconds.items():
        low, middle, high = (1e3 * pick(values) for pick in (min, statistics.median, max))
        print(f"  {who:<22} {low:9.2f} {middle:9.2f} {high:9.2f} ms (min, median, max)")
    return _compared(seconds, {who: np.array(tags) for who, tags in written.items()})


def _source(setting: Setting) -> list[list[int]]:
    """Random sentences, [B, 25]."""
    size = (setting.batch, SOURCE)
    return np.random.default_rng(0).integers(3, setting.config.vocab_size.source, size).tolist()


def _compared(seconds: Rounds, written: dict[str, np.ndarray]) -> dict[str, Any]:
    """Medians, and how many times as long as ours the others take."""
    found: dict[str, Any] = {"ms": {who: 1e3 * statistics.median(values) for who, values in seconds.items()}}
    for ours in (OURS, OURS_INT8):
        for who in (OURS, GENERATE, CTRANSLATE, CTRANSLATE_INT8):
            if who != ours and ours in seconds and who in seconds:
                found[f"{who} / {ours}"] = times = ratio(seconds, who, ours)
                print(f"  {who} / {ours}: {times:.2f} times")
    for who in (OURS_INT8, CTRANSLATE, CTRANSLATE_INT8):
        if who in written:
            found[f"same tags: {who}"] = same = float((written[who][:, : TAGS - 1] == written[OURS]).mean())
            print(f"  tags that {who} writes as {OURS}, with the same untrained weights: {same:.1%}")
    return found


def _parameters(config: ModelConfig) -> dict[str, np.ndarray]:
    values = initial_parameters(config, seed=0)
    # flat logits: without this an untrained model's choices are a matter of rounding
    values["decoder.output_projection.weight"] *= 5
    values["decoder.output_projection.bias"][[PAD, SOS, EOS]] = _NEVER
    return values


def ours(name: str, precision: str, _: int) -> Write:
    """Our greedy decoding on the CPU."""
    setting = SETTINGS[name]
    ops = choose_backend("ndarray", translating=0, precision=precision).open(None)
    model = Transformer(ops, _parameters(setting.config), setting.config)
    sentences = _source(setting)
    # one tag fewer: ours also asks whether the end comes after the last one
    return lambda: [list(one.ids) for one in greedy(ops, model, sentences, TAGS - 1)]


def generate(name: str, _: str, count: int) -> Write:
    """Hugging Face's, with random weights."""
    import torch  # noqa: PLC0415  may be missing

    from torch_peer import generating, marian  # noqa: PLC0415

    torch.set_num_threads(count)
    setting = SETTINGS[name]
    write = generating(marian(setting.config), np.array(_source(setting)), TAGS)
    return lambda: write().tolist()


def ctranslate2(name: str, kind: str, count: int) -> Write:
    """CTranslate2's, with our weights."""
    setting = SETTINGS[name]
    translate = translating(setting.config, _parameters(setting.config), _source(setting), count, kind)
    options = {"min_decoding_length": TAGS, "max_decoding_length": TAGS, "max_batch_size": setting.batch}
    return lambda: translate(**options)


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
