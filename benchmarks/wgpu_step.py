"""A training step on WebGPU against stock PyTorch eager (CUDA if there is one, else CPU) and NumPy.

    PYTHONPATH=src python benchmarks/wgpu_step.py                  # all sizes that fit, 10 rounds each
    PYTHONPATH=src python benchmarks/wgpu_step.py --sizes reference --profile

The contenders take turns, each in a process of its own; medians and ratios are printed. A step is forward,
backward, clipping and Adam on float32; nobody reads the loss back before the round ends. For WebGPU the time that
the GPU itself reports and the time that telling it takes stand beside the wall clock's: their sum against the wall's
shows what limits.
``--profile`` times every dispatch on the GPU and adds them up by kernel.

Needs wgpu and, for the comparison, torch; leaves out what is missing or does not fit.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jsl_seq2seq.backends.interface import Array
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.backends.wgpu import WgpuOps
from jsl_seq2seq.backends.wgpu.capture import CapturedStep, CommandRecording, HostArray
from jsl_seq2seq.backends.wgpu.engine import Commands
from jsl_seq2seq.errors import JslError
from jsl_seq2seq.model import Dropout, Transformer, flatten, parameter_shapes
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import ModelConfig, VocabSize
from timing import Contender, race_workers, ratio, show, write_json

WGPU, TORCH, NUMPY = "wgpu (ours)", "PyTorch nn.Transformer eager", "NumPy (ours)"


@dataclass(frozen=True)
class Size:
    """One model with one batch; ``steps`` per round."""

    config: ModelConfig
    batch: int
    source: int
    target: int
    steps: int
    numpy_steps: int


SIZES = {
    "reference": Size(ModelConfig(VocabSize(80, 168)), 8, 10, 5, 50, 20),
    "one": Size(ModelConfig(VocabSize(80, 168)), 1, 10, 5, 64, 64),
    "reference-64": Size(ModelConfig(VocabSize(80, 168)), 64, 10, 5, 50, 5),
    "medium": Size(ModelConfig(VocabSize(500, 500), 64, 4, 4, 256), 32, 24, 16, 20, 1),
    "large": Size(ModelConfig(VocabSize(2000, 1000), 256, 8, 6, 1024), 64, 50, 25, 10, 0),
}
"""``large``: d_model 256, 8 heads, 6 + 6 layers, d_ff 1024, batch 64, 50 source and 25 target tokens."""


class OurStep:
    """A whole training step on one of our backends."""

    def __init__(self, ops: Any, size: Size, dropout: float) -> None:
        self.ops = ops
        shapes = parameter_shapes(size.config)
        flat = flatten(initial_parameters(size.config, seed=0), shapes)
        self.parameters = ops.array(flat)
        m, v = ops.zeros(flat.shape), ops.zeros(flat.shape)
        named = ops.named_views(self.parameters, shapes)
        model = Transformer(ops, named, size.config)

        def step(source: Array, target_in: Array, target_out: Array, rates: Array, key: Array) -> Array:
            arrays = [ops.array(ids) for ids in (source, target_in, target_out)]
            loss = model.loss(*arrays, drop=Dropout(ops, dropout, ops.array(key)))
            gradient = ops.clip_norm(ops.gradients(loss, named), 1.0)
            ops.adam_update(self.parameters, gradient, m, v, ops.array(rates), (0.9, 0.98))
            return loss

        self.step = ops.capture(step)
        self.rates = np.array([1e-4, 1e-9], np.float32)
        self.key = np.array([1], np.uint32)

    def __call__(self, batch: list[np.ndarray]) -> Array:
        self.key = self.key + np.uint32(1)
        return self.step(*batch, self.rates, self.key)

    def run(self, batch: list[np.ndarray], steps: int) -> float:
        """So many steps, and the last one's loss."""
        loss = None
        for _ in range(steps):
            loss = self(batch)
        return float(self.ops.to_host(loss))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--sizes", nargs="+", choices=SIZES, default=[name for name in SIZES if name != "one"]
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--dropout", type=float, default=0.0, help="of all contenders (default: none)")
    parser.add_argument("--device", help="a WebGPU adapter, by index or part of its name")
    parser.add_argument("--profile", action="store_true", help="GPU time of every kernel")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    ops = WgpuOps(device=arguments.device)
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, WebGPU on {ops.device}")
    figures: dict[str, Any] = {"adapter": ops.device}
    for name in arguments.sizes:
        try:
            figures[name] = measure(name, SIZES[name], arguments)
        except JslError as problem:
            print(f"\n{name}: left out, {problem}")
    if "reference" in arguments.sizes:
        figures["batching"] = batching(arguments)
    write_json(arguments.json, figures)


def measure(name: str, size: Size, arguments: argparse.Namespace) -> dict[str, Any]:
    """All contenders at one size."""
    ours = OurStep(WgpuOps(Tape(), arguments.device), size, arguments.dropout)  # refuses what does not fit
    shared = (arguments.dropout,)
    contenders = {
        WGPU: Contender("wgpu_step:wgpu_steps", (name, 1, size.steps, *shared, arguments.device)),
        TORCH: Contender("wgpu_step:torch_steps", (name, size.steps, *shared)),
    }
    if size.numpy_steps:
        contenders[NUMPY] = Contender("wgpu_step:numpy_steps", (name, size.numpy_steps, *shared))
    seconds, _ = race_workers(contenders, arguments.rounds)
    counts = {WGPU: size.steps, TORCH: size.steps, NUMPY: size.numpy_steps}
    seconds = {who: [value / counts[who] for value in values] for who, values in seconds.items()}

    config = size.config
    title = (
        f"\n{name}: d_model {config.d_model}, {config.n_heads} heads, {config.n_layers}+{config.n_layers} layers, "
        f"d_ff {config.d_ff}, batch {size.batch}, {size.source} source and {size.target} target tokens"
    )
    show(title, seconds, 1e-3, "ms per step")
    result: dict[str, Any] = {who: statistics.median(values) for who, values in seconds.items()}
    for other in (TORCH, NUMPY):
        if other in seconds:
            result[f"times faster than {other}"] = ratio(seconds, other, WGPU)
            print(f"  wgpu is {ratio(seconds, other, WGPU):.2f} times as fast as {other}")

    batch = _batch(size, np.random.default_rng(1))
    ours.run(batch, 3)
    recording = _recording(ours.step)
    gpu, host = _gpu_time(ours, batch), _host_time(ours, batch)
    result |= {"gpu": gpu, "host": host, "dispatches": recording.dispatches, "jobs": recording.jobs}
    shown = "not reported by this adapter" if gpu is None else f"{gpu * 1e3:.3f} ms"
    print(f"  of a wgpu step: GPU {shown}, host (Python and encoding) {host * 1e3:.3f} ms,")
    memory = ours.ops.engine.memory  # type: ignore[attr-defined]
    print(
        f"  {recording.jobs} jobs in {recording.dispatches} dispatches, "
        f"{memory.in_use / 2**20:.0f} MiB of device memory in use"
    )
    if arguments.profile and gpu is not None:
        result["kernels"] = profile(ours, recording)
    return result


def batching(arguments: argparse.Namespace) -> dict[str, float]:
    """64 sentences one by one on NumPy against one batch of them on WebGPU (the original claims 15.5 times)."""
    names = ("64 sentences one by one, NumPy", "64 sentences in one step, wgpu")
    seconds, _ = race_workers(
        {
            names[0]: Contender("wgpu_step:numpy_steps", ("one", 64, arguments.dropout)),
            names[1]: Contender(
                "wgpu_step:wgpu_steps", ("reference-64", 2, 16, arguments.dropout, arguments.device)
            ),
        },
        arguments.rounds,
    )
    seconds[names[1]] = [value / 16 for value in seconds[names[1]]]
    show("\nBatching, reference model", seconds, 1e-3, "ms")
    print(f"  batched wgpu is {ratio(seconds, *names):.1f} times as fast as unbatched NumPy")
    return {"ratio": ratio(seconds, *names)}


def wgpu_steps(name: str, seed: int, steps: int, dropout: float, device: str | None) -> Callable[[], float]:
    """A worker's turn: ours on WebGPU."""
    batch = _batch(SIZES[name], np.random.default_rng(seed))
    ours = OurStep(WgpuOps(Tape(), device), SIZES[name], dropout)
    return lambda: ours.run(batch, steps)


def numpy_steps(name: str, steps: int, dropout: float) -> Callable[[], float]:
    """A worker's turn: ours on NumPy."""
    batch = _batch(SIZES[name], np.random.default_rng(1))
    ours = OurStep(NumpyOps(Tape()), SIZES[name], dropout)
    return lambda: ours.run(batch, steps)


def torch_steps(name: str, steps: int, dropout: float) -> Callable[[], float]:
    """A worker's turn: stock PyTorch."""
    import torch  # noqa: PLC0415  ours runs without it

    import torch_peer  # noqa: PLC0415

    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    where = torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads"
    print(f"PyTorch {torch.__version__} on {where}; TF32 off, as is PyTorch's default")
    config, batch = SIZES[name].config, _batch(SIZES[name], np.random.default_rng(1))
    vocabularies = (config.vocab_size.source, config.vocab_size.target)
    shape = (config.d_model, config.n_heads, config.n_layers, config.d_ff)
    peer = torch_peer.PeerTrainer(
        torch_peer.TorchPeer(*vocabularies, *shape, dropout=dropout).to(device), 1e-4, 0, 1.0
    )
    tensors = [torch.from_numpy(ids).long().to(device) for ids in batch]

    def run() -> float:
        loss = torch.tensor(0.0)
        for _ in range(steps):
            loss = peer.update(*tensors)
        return float(loss)

    return run


def _host_time(ours: OurStep, batch: list[np.ndarray]) -> float:
    """Seconds until a step has been asked for, when the device has nothing else to do: median of 20."""
    engine = ours.ops.engine  # type: ignore[attr-defined]
    times = []
    for _ in range(20):
        engine.wait()
        started = time.perf_counter()
        ours(batch)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _gpu_time(ours: OurStep, batch: list[np.ndarray]) -> float | None:
    """Seconds between the begin and the end of a step's compute pass by the GPU's own clock: median of 20."""
    engine = ours.ops.engine  # type: ignore[attr-defined]
    clock = Clock.for_engine(engine, 2)
    if clock is None:
        return None
    recording = _recording(ours.step)
    leaves = [HostArray(values) for values in (*batch, ours.rates, ours.key)]
    times = []
    for _ in range(20):
        recording.replay(leaves, clock.writes(0))
        times.append(clock.spans()[0])
    return statistics.median(times)


def profile(ours: OurStep, recording: CommandRecording) -> dict[str, float]:
    """GPU time of each dispatch alone, added up by kernel; and the products that take longest."""
    engine = ours.ops.engine  # type: ignore[attr-defined]
    dispatches = recording._plan.dispatches
    clock = Clock.for_engine(engine, 2 * len(dispatches))
    if clock is None:
        return {}
    commands = [Commands([dispatch], engine.pipelines) for dispatch in dispatches]
    rounds = []
    for _ in range(5):
        encoder = engine.device.create_command_encoder()
        for index, command in enumerate(commands):
            command.encode(encoder, recording._table.bind_group(), clock.writes(index))
        engine.device.queue.submit([encoder.finish()])
        rounds.append(clock.spans())
    seconds = [statistics.median(times) for times in zip(*rounds, strict=True)]
    totals: defaultdict[str, list[float]] = defaultdict(list)
    for dispatch, taken in zip(dispatches, seconds, strict=True):
        totals[dispatch.kernel].append(taken)
    print(f"  GPU time by kernel, each dispatch in a pass of its own ({sum(seconds) * 1e3:.3f} ms together):")
    for kernel, times in sorted(totals.items(), key=lambda item: -sum(item[1])):
        print(f"    {kernel:<24} {sum(times) * 1e3:8.3f} ms in {len(times):3d} dispatches")
    products = [
        (taken, dispatch) for dispatch, taken in zip(dispatches, seconds, strict=True) if _flops(dispatch)
    ]
    print("  the longest matrix products:")
    seen = set()
    for taken, dispatch in sorted(products, key=lambda item: -item[0]):
        shapes = tuple(
            tuple(job.fields[name] for name in ("batches", "m", "n", "k", "splits", "terms"))
            for job in dispatch.jobs
        )
        if (dispatch.kernel, shapes) in seen or len(seen) == 24:
            continue
        seen.add((dispatch.kernel, shapes))
        rate = _flops(dispatch) / taken / 1e12
        listed = ", ".join("{}x[{}x{}x{}]/{}*{}".format(*shape) for shape in shapes[:4])
        more = f" and {len(shapes) - 4} more" if len(shapes) > 4 else ""
        print(f"    {taken * 1e6:7.1f} us {rate:6.2f} Tflop/s {dispatch.kernel}: {listed}{more}")
    return {kernel: sum(times) for kernel, times in totals.items()}


class Clock:
    """The GPU's own clock: pairs of time stamps around compute passes."""

    def __init__(self, engine: Any, count: int) -> None:
        import wgpu  # noqa: PLC0415

        self._device, self._count = engine.device, count
        self._queries = self._device.create_query_set(type="timestamp", count=count)
        usage = wgpu.BufferUsage.QUERY_RESOLVE | wgpu.BufferUsage.COPY_SRC
        self._buffer = self._device.create_buffer(size=8 * count, usage=usage)

    @classmethod
    def for_engine(cls, engine: Any, count: int) -> Clock | None:
        """``None`` where the adapter has no clock."""
        return cls(engine, count) if "timestamp-query" in engine.device.features else None

    def writes(self, index: int) -> dict[str, Any]:
        """What to hand to a compute pass."""
        return {
            "query_set": self._queries,
            "beginning_of_pass_write_index": 2 * index,
            "end_of_pass_write_index": 2 * index + 1,
        }

    def spans(self) -> list[float]:
        """Seconds from begin to end of every pass."""
        encoder = self._device.create_command_encoder()
        encoder.resolve_query_set(self._queries, 0, self._count, self._buffer, 0)
        self._device.queue.submit([encoder.finish()])
        stamps = np.frombuffer(self._device.queue.read_buffer(self._buffer), np.uint64).astype(np.float64)
        return ((stamps[1::2] - stamps[::2]) * 1e-9).tolist()


def _recording(step: Any) -> CommandRecording:
    assert isinstance(step, CapturedStep)
    return next(iter(step.recordings.values()))


def _flops(dispatch: Any) -> float:
    if not dispatch.kernel.startswith("matmul"):
        return 0.0
    names = ("batches", "m", "n", "k", "terms")
    return sum(2.0 * np.prod([job.fields[name] for name in names]) for job in dispatch.jobs)


def _batch(size: Size, generator: np.random.Generator) -> list[np.ndarray]:
    vocabulary = size.config.vocab_size
    shapes = ((vocabulary.source, size.source), (vocabulary.target, size.target))
    source, target = (
        generator.integers(3, entries, (size.batch, length), np.int32) for entries, length in shapes
    )
    return [source, target, np.roll(target, -1, axis=1)]


if __name__ == "__main__":
    main()
