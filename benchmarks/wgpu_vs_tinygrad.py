"""A training step of the reference model: our WebGPU backend against tinygrad's ``WEBGPU`` on the same adapter.

tinygrad is the only Python library with automatic differentiation on WebGPU, and is needed for this alone:

    pip install tinygrad==0.14.0 dawn-python==0.3.0
    export WEBGPU_PATH=...                  # libwebgpu_dawn_x86_64.so of dawn-python, in site-packages/pydawn/lib
    PYTHONPATH=src python benchmarks/wgpu_vs_tinygrad.py

The same model, batch and Adam on both sides, each in a process of its own, TinyJit around tinygrad's whole step.
Every step of both is waited for. tinygrad takes seconds a step on a software adapter, so there are few of them.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import resource
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from timing import Contender, race_workers, ratio, show, write_json

os.environ.setdefault("DEV", "WEBGPU")
OURS, THEIRS = "wgpu (ours)", "tinygrad WEBGPU, TinyJit"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    contenders = {
        OURS: Contender("wgpu_vs_tinygrad:our_step"),
        THEIRS: Contender("wgpu_vs_tinygrad:their_step"),
    }
    # TinyJit records in its second call and replays from its third
    seconds, results = race_workers(contenders, arguments.rounds, warm_up=3)
    if THEIRS not in seconds:
        return
    show("Reference model, batch 8, one training step", seconds, 1e-3, "ms")
    times = ratio(seconds, THEIRS, OURS)
    print(f"  ours is {times:.0f} times as fast")
    for who, result in results.items():
        print(f"  {who} on {result['device']}: loss {result['loss']:.3f}, {result['memory']:.0f} MiB at most")
    write_json(
        arguments.json,
        {"times": times, **{who: statistics.median(values) for who, values in seconds.items()}},
    )


def our_step() -> Callable[[], dict[str, Any]]:
    """A worker's turn: a step of ours."""
    from jsl_seq2seq.backends.tape import Tape  # noqa: PLC0415  tinygrad's process does without
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415
    from wgpu_step import SIZES, OurStep, _batch  # noqa: PLC0415

    batch = _batch(SIZES["reference"], np.random.default_rng(1))
    ours = OurStep(WgpuOps(Tape()), SIZES["reference"], dropout=0.0)
    return lambda: {"loss": ours.run(batch, 1), "device": ours.ops.device, "memory": _peak_memory()}


def their_step() -> Callable[[], dict[str, Any]]:
    """A worker's turn: a step of tinygrad's."""
    from wgpu_step import SIZES, _batch  # noqa: PLC0415

    batch = _batch(SIZES["reference"], np.random.default_rng(1))
    theirs = TinygradStep(SIZES["reference"])
    return lambda: {"loss": theirs(batch), "device": theirs.device, "memory": _peak_memory()}


class TinygradStep:
    """The same Transformer in tinygrad: Pre-LN, sinusoids, causal and padding masks, Adam, clipping."""

    def __init__(self, size: Any) -> None:
        tinygrad: Any = importlib.import_module("tinygrad")
        self._context, self._tensor, self._nn = tinygrad.Context, tinygrad.Tensor, tinygrad.nn
        config, nn = size.config, tinygrad.nn
        self.device = tinygrad.Device.DEFAULT
        self.heads, self.width = config.n_heads, config.d_model
        self.parameters: list[Any] = []
        vocabulary = config.vocab_size
        self.source_embedding = self._keep(nn.Embedding(vocabulary.source, config.d_model))
        self.target_embedding = self._keep(nn.Embedding(vocabulary.target, config.d_model))
        self.encoder = [self._layer(config, cross=False) for _ in range(config.n_layers)]
        self.decoder = [self._layer(config, cross=True) for _ in range(config.n_layers)]
        self.norms = [self._keep(nn.LayerNorm(config.d_model)) for _ in range(2)]
        self.projection = self._keep(nn.Linear(config.d_model, vocabulary.target))
        angles = np.arange(64)[:, None] / 10000 ** (np.arange(0, config.d_model, 2) / config.d_model)
        waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(64, -1)
        self.positions = self._tensor(waves.astype(np.float32)).realize()
        self.optimizer = nn.optim.Adam(self.parameters, lr=1e-4, b1=0.9, b2=0.98, eps=1e-9)

        @tinygrad.TinyJit
        def step(source: Any, target_in: Any, target_out: Any) -> Any:
            self.optimizer.zero_grad()
            loss = self._logits(source, target_in).sparse_categorical_crossentropy(target_out, ignore_index=0)
            loss.backward()
            norm = self._tensor.zeros(1)
            for parameter in self.parameters:
                norm = norm + parameter.grad.square().sum()
            factor = (1.0 / norm.sqrt()).minimum(1.0)
            for parameter in self.parameters:
                parameter.grad = parameter.grad * factor
            return loss.realize(*self.optimizer.schedule_step())

        self._step = step

    def __call__(self, batch: list[np.ndarray]) -> float:
        with self._context(TRAINING=1):
            ids = [self._tensor(part.astype(np.int32)).realize() for part in batch]
            return float(self._step(*ids).item())

    def _keep(self, module: Any) -> Any:
        self.parameters += self._nn.state.get_parameters(module)
        return module

    def _layer(self, config: Any, cross: bool) -> dict[str, Any]:
        nn, width = self._nn, config.d_model
        names = ["self", "cross"] if cross else ["self"]
        layer: dict[str, Any] = {
            f"{name}.{part}": self._keep(nn.Linear(width, width)) for name in names for part in "qkvo"
        }
        layer |= {f"norm.{name}": self._keep(nn.LayerNorm(width)) for name in [*names, "feed"]}
        layer["in"], layer["out"] = (
            self._keep(nn.Linear(width, config.d_ff)),
            self._keep(nn.Linear(config.d_ff, width)),
        )
        return layer

    def _attend(self, layer: dict[str, Any], name: str, x: Any, memory: Any, mask: Any) -> Any:
        def heads(y: Any) -> Any:
            return y.reshape(y.shape[0], y.shape[1], self.heads, -1).transpose(1, 2)

        query, key, value = (
            heads(layer[f"{name}.{part}"](y)) for part, y in zip("qkv", (x, memory, memory), strict=True)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(self.width // self.heads)
        mixed = mask.where(scores, -1e9).softmax() @ value
        return layer[f"{name}.o"](mixed.transpose(1, 2).reshape(*x.shape))

    def _feed(self, layer: dict[str, Any], x: Any) -> Any:
        return x + layer["out"](layer["in"](layer["norm.feed"](x)).relu())

    def _logits(self, source: Any, target: Any) -> Any:
        root = math.sqrt(self.width)
        memory = self.source_embedding(source) * root + self.positions[: source.shape[1]]
        padding = (source != 0).reshape(source.shape[0], 1, 1, source.shape[1])
        for layer in self.encoder:
            normed = layer["norm.self"](memory)
            memory = self._feed(layer, memory + self._attend(layer, "self", normed, normed, padding))
        memory = self.norms[0](memory)
        length = target.shape[1]
        causal = self._tensor.ones(length, length).tril().cast("bool")
        x = self.target_embedding(target) * root + self.positions[:length]
        for layer in self.decoder:
            normed = layer["norm.self"](x)
            x = x + self._attend(layer, "self", normed, normed, causal)
            x = x + self._attend(layer, "cross", layer["norm.cross"](x), memory, padding)
            x = self._feed(layer, x)
        return self.projection(self.norms[1](x))


def _peak_memory() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
