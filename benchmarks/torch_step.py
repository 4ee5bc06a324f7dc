"""A whole training step on PyTorch: ours against PyTorch's own nn.Transformer and Hugging Face's Marian.

    PYTHONPATH=src python benchmarks/torch_step.py --json step.json        # CUDA if there is one, about 5 minutes
    PYTHONPATH=src python benchmarks/torch_step.py --settings tiny --no-compile --rounds 2        # CPU, seconds

A step is forward, backward, clipping the gradient's norm and Adam, without dropout. The contenders take turns;
medians, ratios, and what the GPU's arithmetic alone would take are printed. Ours gets its batch from ordinary
memory each time, the others find it on the GPU. The compiled contender has PyTorch's fused Adam, the eager ones
its default. Needs torch; Marian needs transformers and is left out without it.
"""

# ruff: noqa: E402  the stand-ins come first

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
from torch_peer import PeerTrainer, TorchPeer, marian

stand_in("safetensors", "safetensors.numpy", "filelock")  # nothing is read or saved here

from jsl_seq2seq.backends.registry import Backend
from jsl_seq2seq.backends.torch import CudaOps, open_ops
from jsl_seq2seq.data.batching import Batch
from jsl_seq2seq.model import count_parameters
from jsl_seq2seq.model.attention import attention
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import PAD, SOS, ModelConfig, TrainingConfig, VocabSize
from jsl_seq2seq.training.trainer import Trainer

FP32, BF16 = "ours fp32", "ours bf16"
EAGER, COMPILED, MARIAN = "nn.Transformer eager fp32", "nn.Transformer compiled bf16", "Marian eager fp32"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TURN = 0.15
"""Seconds that a contender runs in one round, about."""

Step = Callable[[], Any]
"""One training step; its loss, on the device."""


@dataclass(frozen=True)
class Setting:
    """A model and a batch of it."""

    config: ModelConfig
    batch: int
    source: int
    target: int


def _config(vocabulary: VocabSize, d_model: int, n_heads: int, n_layers: int, d_ff: int) -> ModelConfig:
    return ModelConfig(vocabulary, d_model=d_model, n_heads=n_heads, n_layers=n_layers, d_ff=d_ff)


SETTINGS = {
    "reference": Setting(_config(VocabSize(80, 168), 16, 2, 4, 32), 8, 10, 5),
    "d64": Setting(_config(VocabSize(500, 500), 64, 4, 4, 256), 32, 50, 25),
    "d256": Setting(_config(VocabSize(2000, 1000), 256, 8, 6, 1024), 64, 50, 25),
    "deep": Setting(_config(VocabSize(2000, 1000), 256, 8, 12, 1024), 128, 50, 25),
    "tiny": Setting(_config(VocabSize(20, 20), 8, 2, 1, 16), 2, 6, 4),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--settings", nargs="+", choices=SETTINGS, default=["reference", "d64", "d256", "deep"]
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--no-compile", action="store_true", help="leave the compiled contender out (CPU, tests)"
    )
    parser.add_argument("--profile", action="store_true", help="count ours' kernels and their time, by name")
    parser.add_argument("--seconds", type=float, default=330, help="start no further contender after so long")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    started = time.perf_counter()
    where = torch.cuda.get_device_name() if DEVICE == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"Python {platform.python_version()}, PyTorch {torch.__version__}, {where}")
    attention_difference = _attention_agrees()
    rate = _matmul_rate()
    print(f"bf16 matrix product: {rate / 1e12:.1f} TFLOP/s measured")
    figures: dict[str, Any] = {"device": where, "torch": torch.__version__, "bf16_flops": rate}
    figures["attention_difference"] = attention_difference
    for name in arguments.settings:
        figures[name] = _measure(name, arguments, rate, started + arguments.seconds)
        write_json(arguments.json, figures)  # what there is, should a later setting take too long
    print(f"\n{time.perf_counter() - started:.0f} s in all")


def _measure(name: str, arguments: argparse.Namespace, rate: float, until: float) -> dict[str, Any]:
    """All contenders at one setting."""
    setting = SETTINGS[name]
    config = setting.config
    parameters = count_parameters(config)
    print(
        f"\n{name}: d_model {config.d_model}, {config.n_heads} heads, {config.n_layers}+{config.n_layers} layers, "
        f"d_ff {config.d_ff}, batch {setting.batch}, {setting.source}/{setting.target} tokens, "
        f"{parameters / 1e6:.2f} M parameters"
    )
    contenders: dict[str, Callable[[Setting, Batch], Step]] = {
        FP32: lambda s, b: _ours(s, b, "fp32"),
        BF16: lambda s, b: _ours(s, b, "bf16"),
        EAGER: lambda s, b: _stock(s, b, compiled=False),
        COMPILED: lambda s, b: _stock(s, b, compiled=True),
        MARIAN: _marian,
    }
    if arguments.no_compile:
        del contenders[COMPILED]
    turns, failures, losses = {}, {}, {}
    batch = _batch(setting)
    for who, make in contenders.items():
        if time.perf_counter() > until:
            failures[who] = "left out: out of time"
            continue
        try:
            began = time.perf_counter()
            step = make(setting, batch)
            losses[who] = [float(step()) for _ in range(8)]
            ready = time.perf_counter() - began
            turns[who] = _turn(step)
            print(f"  {who:<30} ready in {ready:5.1f} s, loss {losses[who][0]:.3f} -> {losses[who][-1]:.3f}")
        except Exception as error:
            traceback.print_exc(limit=-3)
            failures[who] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            print(f"  {who:<30} failed: {failures[who]}")
    if arguments.profile and DEVICE == "cuda" and BF16 in turns:
        _profile(turns[BF16].step)
    return _report(setting, turns, arguments.rounds, rate) | {"losses": losses, "failures": failures}


def _report(setting: Setting, turns: dict[str, Turn], rounds: int, rate: float) -> dict[str, Any]:
    rounds_of = race({who: turn.run for who, turn in turns.items()}, rounds)
    seconds = {who: [value / turns[who].steps for value in values] for who, values in rounds_of.items()}
    limit = _flops(setting) / rate
    found: dict[str, Any] = {"ms": {}, "limit_ms": limit * 1e3}
    for who, values in seconds.items():
        middle = statistics.median(values)
        found["ms"][who] = middle * 1e3
        print(
            f"  {who:<30} {min(values) * 1e3:9.3f} {middle * 1e3:9.3f} {max(values) * 1e3:9.3f} ms"
            f" (min, median, max); arithmetic alone {limit * 1e3:.3f} ms, {limit / middle:.1%} of it"
        )
    found["ratios"] = {
        f"{theirs} / {ours}": ratio(seconds, theirs, ours)
        for ours in (FP32, BF16)
        for theirs in (EAGER, COMPILED, MARIAN)
        if ours in seconds and theirs in seconds
    }
    for pair, times in found["ratios"].items():
        print(f"  {pair}: {times:.2f} times")
    return found


@dataclass(frozen=True)
class Turn:
    """A contender that is warm.

    Attributes:
        steps: how many one turn has.
    """

    step: Step
    steps: int

    def run(self) -> None:
        """So many steps, and wait until they are done."""
        loss = None
        for _ in range(self.steps):
            loss = self.step()
        float(loss)  # type: ignore[arg-type]


def _turn(step: Step) -> Turn:
    turn = Turn(step, 5)
    turn.run()
    began = time.perf_counter()
    turn.run()
    return Turn(step, max(2, round(5 * TURN / (time.perf_counter() - began))))


def _batch(setting: Setting) -> Batch:
    """Random sentences; every other one is a little shorter than the batch."""
    generator = np.random.default_rng(0)
    sizes = setting.config.vocab_size
    source = generator.integers(3, sizes.source, (setting.batch, setting.source)).astype(np.int32)
    target = generator.integers(3, sizes.target, (setting.batch, setting.target)).astype(np.int32)
    target_in = np.concatenate([np.full((setting.batch, 1), SOS, np.int32), target[:, :-1]], axis=1)
    source[::2, -2:] = PAD
    target[::2, -1] = PAD
    return Batch(source, target_in, target, int((target != PAD).sum()))


def _ours(setting: Setting, batch: Batch, precision: str) -> Step:
    backend = Backend("torch", lambda recorder: open_ops(recorder, DEVICE, precision), "benchmark")
    values = initial_parameters(setting.config, seed=0)
    trainer = Trainer(backend, setting.config, TrainingConfig(), values)
    return lambda: trainer.update(batch)


def _on_device(batch: Batch) -> list[torch.Tensor]:
    parts = (batch.source, batch.target_in, batch.target_out)
    return [torch.from_numpy(part).long().to(DEVICE) for part in parts]


def _stock(setting: Setting, batch: Batch, compiled: bool) -> Step:
    config, training = setting.config, TrainingConfig()
    sizes = (config.vocab_size.source, config.vocab_size.target, config.d_model, config.n_heads)
    model = TorchPeer(*sizes, config.n_layers, config.d_ff, dropout=0.0).to(DEVICE)
    ids = _on_device(batch)
    rates = (training.learning_rate, training.warmup_steps, training.clip_norm)
    if not compiled:
        trainer = PeerTrainer(model, *rates)
        return lambda: trainer.update(*ids)
    trainer = PeerTrainer(model, *rates, fused=True)
    trainer.model = torch.compile(model, mode="reduce-overhead")  # type: ignore[assignment]

    def step() -> torch.Tensor:
        with torch.autocast(DEVICE, torch.bfloat16):
            loss = trainer.forward(*ids)
        return trainer.backward(loss)

    return step


def _marian(setting: Setting, batch: Batch) -> Step:
    training = TrainingConfig()
    model = marian(setting.config).to(DEVICE)
    trainer = PeerTrainer(model, training.learning_rate, training.warmup_steps, training.clip_norm)
    source, target_in, target_out = _on_device(batch)
    labels = target_out.masked_fill(target_out == PAD, -100)

    def step() -> torch.Tensor:
        loss = model(
            input_ids=source, attention_mask=source != PAD, decoder_input_ids=target_in, labels=labels
        ).loss
        return trainer.backward(loss)

    return step


def _attention_agrees() -> dict[str, float | str]:
    """Largest difference between fused and explicit attention here, where one sentence sees nothing at all."""
    found: dict[str, float | str] = {}
    ops: Any = CudaOps(None, DEVICE)
    mask = ops.padding_mask(ops.array(np.array([[3] * 50, [3] * 30 + [0] * 20, [0] * 50])), PAD)
    for dtype in (torch.float32, torch.bfloat16):
        heads = [torch.randn(3, 8, 50, 32, device=DEVICE, dtype=dtype, requires_grad=True) for _ in range(3)]
        name = str(dtype).removeprefix("torch.")
        try:
            query, key, value = heads
            fused = ops.fused_attention(query, key, value, mask)
            assert fused is not None
            explicit: Any = attention(ops, query, key, value, mask)[0]
            gradients = (torch.autograd.grad(one.float().square().sum(), heads) for one in (fused, explicit))
            pairs = [(fused, explicit), *zip(*gradients, strict=True)]
            found[name] = max(float((one - other).abs().max().detach()) for one, other in pairs)
            found[f"{name} where nothing is seen"] = float(fused[2].abs().max().detach())
        except Exception as error:
            found[name] = str(error)
    print(f"fused and explicit attention differ by {found}")
    return found


def _flops(setting: Setting) -> float:
    """Of the matrix products of one step: forward once, backward twice that, two per multiplication."""
    c = setting.config
    source, target = setting.batch * setting.source, setting.batch * setting.target
    d, f = c.d_model, c.d_ff
    encoder = source * (4 * d * d + 2 * d * f + 2 * setting.source * d)
    decoder = target * (6 * d * d + 2 * d * f + 2 * setting.target * d + 2 * setting.source * d)
    decoder += source * 2 * d * d  # the memory's keys and values
    return 6.0 * (c.n_layers * (encoder + decoder) + target * d * c.vocab_size.target)


def _matmul_rate() -> float:
    """Floating-point operations a second of a large product in bfloat16."""
    size = 8192 if DEVICE == "cuda" else 256
    a = torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16)
    best, b = float("inf"), a @ a
    for _ in range(8):
        began = time.perf_counter()
        for _ in range(4):
            b = a @ a
        float(b[0, 0])
        best = min(best, (time.perf_counter() - began) / 4)
    return 2 * size**3 / best


def _profile(step: Step) -> None:
    """Ours' kernels: how many a step has, and where their time goes."""
    from torch.profiler import ProfilerActivity, profile  # noqa: PLC0415  only for --profile

    steps, loss = 5, 0.0
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(steps):
            loss = step()
        float(loss)
    events = [event for event in seen.key_averages() if event.device_time_total > 0]
    total = sum(event.self_device_time_total for event in events)
    count = sum(event.count for event in events)
    print(f"  ours bf16: {count / steps:.0f} kernels a step, {total / steps / 1e3:.3f} ms of them running")
    for event in sorted(events, key=lambda event: -event.self_device_time_total)[:25]:
        each = event.self_device_time_total / event.count
        share = event.self_device_time_total / total
        print(f"    {share:6.1%} {event.count / steps:6.0f} x {each:7.2f} us  {event.key[:90]}")


if __name__ == "__main__":
    main()
