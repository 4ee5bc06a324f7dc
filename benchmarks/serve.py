"""Translations a second of ``jsl-seq2seq serve`` with 32 clients, against one at a time, and how soon it starts.

    python benchmarks/serve.py                    # the shipped model, no option: what a user gets
    python benchmarks/serve.py --precision int8
    python benchmarks/serve.py --load models/first --seconds 10

First the command is started several times, and asked until ``/health`` answers, and until it computes as it will go on
(``/v1/model`` names the backend: NumPy at first, then Numba where it is installed; an earlier start has compiled
already). Then the command, and a server that differs from it in nothing but that it computes every text alone, run side
by side and are measured in turns, so that a busy machine slows both; the table has the median of the turns. Each server
is a process of its own on one CPU where the system can bind it there, with the threads of its libraries; the clients
are this process on the others. Every answer is compared with the tags that NumPy computes in float32.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from jsl_seq2seq import Translator
from jsl_seq2seq.data import read_starter_corpus
from jsl_seq2seq.store import shipped_model
from jsl_seq2seq.translate.translator import BackendName, Precision

CLIENTS = 32
TOGETHER, ALONE = "serve", "one at a time"
_PATIENCE = 120
"""Seconds in which a server must compute as it will go on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--load", type=Path, default=shipped_model())
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--precision", choices=["fp32", "int8"], default="fp32")
    parser.add_argument("--alone-on", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone_on is not None:
        serve_alone(arguments.load, arguments.alone_on, arguments.precision)
    else:
        compare(arguments.load, arguments.precision, arguments.seconds, arguments.turns, arguments.starts)


def serve_alone(directory: Path, backend: BackendName, precision: Precision) -> None:
    """A server that computes every text alone; prints its address."""
    from jsl_seq2seq.serve.app import create_app  # noqa: PLC0415  an extra
    from jsl_seq2seq.serve.guard import Limits  # noqa: PLC0415
    from jsl_seq2seq.serve.models import Models  # noqa: PLC0415
    from jsl_seq2seq.serve.server import Listening, run  # noqa: PLC0415

    models = Models({"default": directory}, lambda path: Translator.load(path, backend, precision))
    app = create_app(models, Limits(), batch=1)
    run(app, models, Listening(port=0), lambda address: print(address, file=sys.stderr, flush=True))


class Server:
    """A server in a process of its own.

    Attributes:
        healthy, settled: seconds from the start to the first answer, and to computing as it will go on.
        backend: what it then computes with.
    """

    def __init__(self, *command: str, settles: bool) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if found is None:
            raise SystemExit(line + self.process.stderr.read())
        self.port = int(found[1])
        while True:
            try:
                with urlopen(f"{found[0]}health"):
                    break
            except URLError:
                time.sleep(0.002)
        self.healthy = time.perf_counter() - began
        while True:
            with urlopen(f"{found[0]}v1/model") as answer:
                model = json.load(answer)
            self.backend = f"{model['backend']} {model['precision']}"
            if not settles or self.backend != "ndarray fp32" or time.perf_counter() - began > _PATIENCE:
                break
            time.sleep(0.01)
        self.settled = time.perf_counter() - began

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()


def compare(directory: Path, precision: Precision, seconds: float, turns: int, starts: int) -> None:
    translator = Translator.load(directory, "ndarray")
    texts = [pair.source for pair in read_starter_corpus().pairs]
    expected = {text: list(translator.translate(text).tags) for text in texts}
    command = ["-m", "jsl_seq2seq", "serve", "--load", str(directory), "--port", "0"]
    if precision != "fp32":
        command += ["--precision", precision]
    compiles = find_spec("numba") is not None
    started: list[Server] = []
    for _ in range(starts + 1):
        started.append(Server(*command, settles=compiles))
        started[-1].stop()
    first, *others = started
    print(f"jsl-seq2seq {' '.join(command[2:])}")
    print(f"first start: healthy after {first.healthy:.2f} s, {first.backend} after {first.settled:.2f} s")
    for name, times in (
        ("healthy", [one.healthy for one in others]),
        (others[0].backend, [one.settled for one in others]),
    ):
        print(f"{name} after {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})")

    processors = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if processors:
        # what is started inherits it, threads of libraries included
        os.sched_setaffinity(0, {min(processors)})
    servers: dict[str, Server] = {}
    try:
        servers[TOGETHER] = Server(*command, settles=compiles)
        backend = servers[TOGETHER].backend.split()[0]
        alone = [__file__, "--load", str(directory), "--precision", precision, "--alone-on", backend]
        servers[ALONE] = Server(*alone, settles=False)
        if len(processors) > 1:
            os.sched_setaffinity(0, processors - {min(processors)})
        measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in servers}
        for turn in range(turns + 1):
            for name, server in servers.items():
                figures = asyncio.run(load(server.port, texts, expected, seconds))
                if turn:  # the first is a warm-up
                    measured[name].append(figures)
        print(f"{CLIENTS} clients, one CPU for the server, median of {turns} turns of {seconds:g} s")
        rates = {}
        for name, figures in measured.items():
            rate, median, late = (statistics.median(column) for column in zip(*figures, strict=True))
            rates[name] = rate
            print(
                f"{name:>13} ({servers[name].backend}): {rate:5.0f} a second, "
                f"median {median:5.1f} ms, p95 {late:5.1f} ms"
            )
        print(f"ratio {rates[TOGETHER] / rates[ALONE]:.2f}")
    finally:
        for server in servers.values():
            server.stop()


async def load(
    port: int, texts: list[str], expected: dict[str, list[str]], seconds: float
) -> tuple[float, float, float]:
    """Requests a second, and the median and the 95th percentile of their milliseconds."""
    until = time.perf_counter() + seconds
    rotated = [texts[number % len(texts) :] + texts[: number % len(texts)] for number in range(CLIENTS)]
    found = await asyncio.gather(*(ask(port, own, expected, until) for own in rotated))
    times = sorted(one for own in found for one in own)
    return len(times) / seconds, 1000 * statistics.median(times), 1000 * times[int(len(times) * 0.95)]


async def ask(port: int, texts: list[str], expected: dict[str, list[str]], until: float = 0) -> list[float]:
    """The seconds of each request of one client, which keeps its connection and waits for each answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times: list[float] = []
    requests = []
    for text in texts:
        body = json.dumps({"text": text}).encode()
        head = "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        requests.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    while not times or time.perf_counter() < until:
        for text, request in zip(texts, requests, strict=True):
            began = time.perf_counter()
            writer.write(request)
            header = await reader.readuntil(b"\r\n\r\n")
            length = int(header.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            answer = json.loads(await reader.readexactly(length))
            times.append(time.perf_counter() - began)
            assert [one["tag"] for one in answer["tags"]] == expected[text], answer
            if time.perf_counter() >= until:
                break
    writer.close()
    return times


if __name__ == "__main__":
    main()
