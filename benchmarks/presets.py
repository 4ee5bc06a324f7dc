"""What each preset costs: parameters, files, training speed and memory, on the CPU, WebGPU and CUDA.

    python benchmarks/presets.py                      # every preset and backend that is here, about 4 minutes
    python benchmarks/presets.py --presets tiny small --backends ndarray --seconds 5

Each preset trains on each backend in a process of its own, with the preset's own batch size, on sentences of the
shipped grammar (up to 50 characters, as ``jsl-seq2seq corpus`` writes them). The first pass over the batches, in which
kernels are compiled and steps are captured, is not timed; the second is, over the same batches. Both end after
``--seconds``, on a GPU the first after three times that. Memory is the process's largest resident set, and of a GPU
what the process holds on it at the end (nvidia-smi).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.corpus.generate import generate_pairs
from jsl_seq2seq.data.batching import EncodedPair, epoch_order
from jsl_seq2seq.errors import JslError
from jsl_seq2seq.model import count_parameters
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import ModelConfig, TrainingConfig
from jsl_seq2seq.settings.presets import PRESETS, preset_options
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.training import Trainer
from timing import write_json

BACKENDS = ("ndarray", "wgpu", "torch")
SENTENCES = 3_000
EPOCH = 40_000
"""Sentences of an epoch in the printed table: what ``jsl-seq2seq corpus`` writes unless told otherwise."""


@dataclass(frozen=True)
class Cost:
    """What one preset costs on one backend.

    Attributes:
        parameters: their number.
        sentences_per_second: of training, similar lengths together.
        first_pass: seconds of the pass that is not timed.
        host_mib: largest resident set of the process; 0 where the system does not say.
        device_mib: GPU memory of the process; 0 without a GPU.
    """

    preset: str
    backend: str
    device: str
    parameters: int
    sentences_per_second: float
    first_pass: float
    host_mib: float
    device_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--seconds", type=float, default=6.0, help="of the timed pass, at most")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", nargs=2, metavar=("PRESET", "BACKEND"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(asdict(measure(arguments.measure[0], arguments.measure[1], arguments.seconds))))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {platform.machine()}")
    costs = []
    for backend in arguments.backends:
        for preset in arguments.presets:
            cost = _in_a_process(preset, backend, arguments.seconds)
            if cost is not None:
                costs.append(cost)
                _show(cost)
    write_json(arguments.json, {"costs": [asdict(cost) for cost in costs]})


def measure(preset: str, backend_name: str, seconds: float) -> Cost:
    """Train in this process."""
    backend = choose_backend(backend_name)
    options = preset_options(preset)
    config, training, pairs = _setting(options)
    trainer = Trainer(backend, config, training, initial_parameters(config, seed=0))
    order = list(epoch_order(pairs, training.batch_size, seed=0, epoch=0))
    started = time.perf_counter()
    seen = _pass(trainer, pairs, order, seconds if backend_name == "ndarray" else 3 * seconds)
    first = time.perf_counter() - started
    started = time.perf_counter()
    seen = _pass(trainer, pairs, order[:seen], seconds)
    elapsed = time.perf_counter() - started
    sentences = sum(len(indices) for indices in order[:seen])
    return Cost(
        preset,
        backend_name,
        trainer.ops.device,
        count_parameters(config),
        sentences / elapsed,
        first,
        _host_mib(),
        _device_mib() if backend_name != "ndarray" else 0.0,
    )


def _setting(options: dict[str, Any]) -> tuple[ModelConfig, TrainingConfig, Sequence[EncodedPair]]:
    """The preset's model and recipe, and the sentences as its tokenizers encode them."""
    made = generate_pairs(SENTENCES, seed=1)
    tokenizers = Tokenizers().learn(made)
    pairs = [
        EncodedPair(tokenizers.source.encode(one.source).ids, tokenizers.target.ids_of(one.tags))
        for one in made
    ]
    config = ModelConfig(tokenizers.size, **_fields_of(ModelConfig, options))
    return config, TrainingConfig(**_fields_of(TrainingConfig, options)), pairs


def _fields_of(kind: Any, options: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in options.items() if name in names}


def _pass(
    trainer: Trainer, pairs: Sequence[EncodedPair], order: Sequence[Iterable[int]], seconds: float
) -> int:
    """Train on the batches in order, until the time is over; how many there were.

    The loss of each eighth batch is read: what was sent to a device is then computed.
    """
    end = time.perf_counter() + seconds
    for number, indices in enumerate(order, start=1):
        loss = trainer.update(trainer.batch([pairs[index] for index in indices]))
        if number % 8 == 0 or number == len(order):
            trainer.ops.to_host(loss)
        if time.perf_counter() > end:
            trainer.ops.to_host(loss)
            return number
    return len(order)


def _host_mib() -> float:
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ImportError:
        return 0.0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _device_mib() -> float:
    """What this process holds on NVIDIA GPUs, by its id; by all processes where a container hides the id."""
    query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0.0
    used = {}
    for line in answer.splitlines():
        pid, _, mib = line.partition(",")
        if mib.strip().isdigit():
            used[int(pid)] = float(mib)
    if used:
        return used.get(os.getpid(), sum(used.values()))
    total = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return sum(map(float, subprocess.run(total, capture_output=True, text=True, check=True).stdout.split()))


def _in_a_process(preset: str, backend: str, seconds: float) -> Cost | None:
    """The same in a process of its own, so that memory is this preset's alone; ``None`` if there is no such backend."""
    command = [sys.executable, __file__, "--measure", preset, backend, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        print(f"{preset} on {backend}: left out ({reason[0]})", flush=True)
        return None
    return Cost(**json.loads(done.stdout.strip().splitlines()[-1]))


def _show(cost: Cost) -> None:
    minutes = EPOCH / cost.sentences_per_second / 60
    print(
        f"{cost.preset:<13} {cost.backend:<8} {cost.parameters:>10,} parameters, "
        f"model {4 * cost.parameters / 1e6:6.2f} MB, with training state {12 * cost.parameters / 1e6:6.2f} MB, "
        f"{cost.sentences_per_second:8,.0f} sentences/s, {minutes:6.2f} min for {EPOCH:,}, "
        f"first pass {cost.first_pass:5.1f} s, "
        f"{cost.host_mib:6,.0f} MiB, on the device {cost.device_mib:6,.0f} MiB ({cost.device})",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except JslError as error:
        sys.exit(f"{error.what} {error.hint}")
