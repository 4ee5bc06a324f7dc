"""Requests a second that a server answers to 32 clients, with and without computing waiting requests together.

    python benchmarks/serve.py                    # the shipped model
    python benchmarks/serve.py --precision int8
    python benchmarks/serve.py --load models/first --seconds 10

Each server is a process of its own on one CPU where the system can bind it there, with the threads of its
libraries; the clients are this process on the others. Both servers run side by side and are measured in turns, so
that a busy machine slows both; the table has the median of the turns. Every answer is compared with the library's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from jsl_seq2seq import Translator
from jsl_seq2seq.data import read_starter_corpus
from jsl_seq2seq.store import shipped_model
from jsl_seq2seq.translate.translator import Precision

CLIENTS = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--load", type=Path, default=shipped_model())
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--precision", choices=["fp32", "int8"], default="fp32")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.load, arguments.precision, arguments.serve)
    else:
        compare(arguments.load, arguments.precision, arguments.seconds, arguments.turns)


def serve(directory: Path, precision: Precision, batch: int) -> None:
    """A server that computes at most so many texts together; prints its port."""
    from jsl_seq2seq.serve.app import create_app  # noqa: PLC0415  an extra
    from jsl_seq2seq.serve.guard import Limits  # noqa: PLC0415
    from jsl_seq2seq.serve.models import Models  # noqa: PLC0415
    from jsl_seq2seq.serve.server import Listening, run  # noqa: PLC0415

    models = Models({"model": directory}, lambda path: Translator.load(path, "ndarray", precision))
    app = create_app(models, Limits(), batch)
    run(app, models, Listening(port=0), lambda address: print(address, flush=True))


def compare(directory: Path, precision: Precision, seconds: float, turns: int) -> None:
    translator = Translator.load(directory, "ndarray", precision)
    texts = [pair.source for pair in read_starter_corpus().pairs]
    expected = {text: list(translator.translate(text).tags) for text in texts}
    servers: dict[int, tuple[subprocess.Popen[str], int]] = {}
    processors = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if processors:
        os.sched_setaffinity(
            0, {min(processors)}
        )  # what is started inherits it, threads of libraries included
    try:
        for batch in (64, 1):
            began = time.perf_counter()
            command = [sys.executable, __file__, "--load", str(directory), "--precision", precision]
            command += ["--serve", str(batch)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
            assert process.stdout is not None
            port = int(process.stdout.readline().rsplit(":", 1)[1].strip("/\n"))
            servers[batch] = process, port
            asyncio.run(ask(port, texts[:1], expected))
            print(f"batch {batch}: the first answer {time.perf_counter() - began:.2f} s after the start")
        if len(processors) > 1:
            os.sched_setaffinity(0, processors - {min(processors)})
        measured: dict[int, list[tuple[float, float, float]]] = {64: [], 1: []}
        for turn in range(turns + 1):
            for batch, (_, port) in servers.items():
                figures = asyncio.run(load(port, texts, expected, seconds))
                if turn:  # the first is a warm-up
                    measured[batch].append(figures)
        print(f"{CLIENTS} clients, {directory}, {precision}, median of {turns} turns of {seconds:g} s")
        rates = {}
        for batch, figures in measured.items():
            rate, median, late = (statistics.median(column) for column in zip(*figures, strict=True))
            rates[batch] = rate
            print(f"batch {batch:>2}: {rate:7.0f} a second, median {median:5.1f} ms, p95 {late:5.1f} ms")
        print(f"ratio {rates[64] / rates[1]:.2f}")
    finally:
        for process, _ in servers.values():
            process.terminate()
            process.wait()


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
