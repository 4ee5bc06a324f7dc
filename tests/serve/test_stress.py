"""Many clients at once, of which most mean no good: every accepted request is answered right, and memory stays flat.

The short run is the long one with fewer clients and rounds; run the long one, five minutes of 200 clients, with
``pytest -m slow tests/serve/test_stress.py``.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jsl_seq2seq.store import load_model

from ..small_models import translator_of
from .test_server import Server, Start, start  # noqa: F401  a fixture

SENTENCES = ["ありがとう", "わたしはたべます", "わたしはたべます。ありがとう", "わたし♪は<b>", "。"]
SECRET = "ひみつのことば"
"""In what is sent, and to be found in no log."""


@dataclass
class Rounds:
    """What the clients share.

    Attributes:
        expected: sentence -> its tags; ``None`` for one that cannot be translated.
        over: whether to begin no further round.
        seen: how often each client's way and each status was seen.
    """

    port: int
    expected: dict[str, list[str] | None]
    over: Callable[[int], bool]
    seen: Counter[str] = field(default_factory=Counter)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def check(self, status: int, header: bytes, body: bytes, texts: Sequence[str]) -> None:
        """Fail for an answer that is wrong: all of them 200, or 503 with the time to wait."""
        self.seen[f"status {status}"] += 1
        if status == 503:
            assert b"retry-after: " in header.lower() and json.loads(body)["code"] == "queue-full"
            return
        assert status == 200, (status, body)
        found = json.loads(body)["translations"]
        assert [one["text"] for one in found] == list(texts)
        for text, one in zip(texts, found, strict=True):
            tags = [tag["tag"] for tag in one["tags"]] if "tags" in one else None
            assert tags == self.expected[text], one


def request(texts: Sequence[str], more: str = "") -> bytes:
    body = json.dumps({"text": list(texts)}).encode()
    head = "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def answer(reader: asyncio.StreamReader, piece: int = 0) -> tuple[int, bytes, bytes]:
    """Status, header and body; the body so many bytes at a time, with a pause behind each."""
    header = await reader.readuntil(b"\r\n\r\n")
    length = int(re.findall(rb"content-length: (\d+)", header.lower())[0])
    body = b""
    while len(body) < length:
        body += await reader.readexactly(min(piece or length, length - len(body)))
        if piece:
            await asyncio.sleep(0.01)
    return int(header.split()[1]), header, body


async def asks(rounds: Rounds, chance: random.Random, number: int) -> None:
    """Asks again and again on one connection."""
    reader, writer = await rounds.connect()
    for _ in range(20):
        texts = chance.choices(SENTENCES, k=chance.randint(1, 4))
        writer.write(request(texts))
        rounds.check(*await answer(reader), texts)
    writer.close()


async def reads_slowly(rounds: Rounds, chance: random.Random, number: int) -> None:
    """Asks for much, and takes it in small pieces."""
    reader, writer = await rounds.connect()
    texts = chance.choices(SENTENCES, k=32)
    writer.write(request(texts))
    rounds.check(*await answer(reader, 200), texts)
    writer.close()


async def goes_away(rounds: Rounds, chance: random.Random, number: int) -> None:
    """Closes the connection somewhere in its request, or before the answer."""
    _, writer = await rounds.connect()
    content = request(chance.choices([*SENTENCES, SECRET], k=16))
    writer.write(content[: chance.randint(0, len(content))] if chance.random() < 0.5 else content)
    await writer.drain()
    await asyncio.sleep(chance.random() / 20)
    writer.transport.abort()


async def sends_garbage(rounds: Rounds, chance: random.Random, number: int) -> None:
    """What is no HTTP, no JSON or too much of it; the answer is a refusal, or the connection is closed."""
    reader, writer = await rounds.connect()
    json_head = b"POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    garbage = chance.choice(
        [
            chance.randbytes(chance.randint(1, 3000)) + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: " + SECRET.encode() + b"\r\n\r\n",
            json_head + b"Content-Length: 8\r\n\r\n" + chance.randbytes(8),
            json_head + b"Content-Length: 99999999\r\n\r\n",
            json_head + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n" + b"[" * 70_000,
            json_head + b"Content-Length: -1\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(200),
            b"GET /" + SECRET.encode() + b"/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ]
    )
    try:
        writer.write(garbage)
        writer.write_eof()
        found = await reader.read(1 << 16)
        assert not found or found.startswith(b"HTTP/1.1 4"), found
        rounds.seen["refused" if found else "closed"] += 1
    except ConnectionError:
        rounds.seen["closed"] += 1
    writer.transport.abort()


async def drips(rounds: Rounds, chance: random.Random, number: int) -> None:
    """A request byte by byte, right or given up in the middle."""
    reader, writer = await rounds.connect()
    texts = chance.choices(SENTENCES, k=1)
    content = request(texts)
    stop = chance.choice([len(content), len(content) // 2])
    for at in range(0, stop, 8):
        writer.write(content[at : min(at + 8, stop)])
        await writer.drain()
        await asyncio.sleep(0.02)
    if stop == len(content):
        rounds.check(*await answer(reader), texts)
    writer.transport.abort()


Way = Callable[[Rounds, random.Random, int], Awaitable[None]]
WAYS: tuple[Way, ...] = (asks, asks, reads_slowly, goes_away, sends_garbage, drips)


async def stressed(rounds: Rounds, clients: int) -> None:
    async def client(number: int) -> None:
        chance = random.Random(number)
        way = WAYS[number % len(WAYS)]
        done = 0
        while not rounds.over(done):
            await way(rounds, chance, number)
            rounds.seen[getattr(way, "__name__", "")] += 1
            done += 1

    await asyncio.gather(*(client(number) for number in range(clients)))


def stress(server: Server, saved: Path, clients: int, over: Callable[[int], bool]) -> Counter[str]:
    translator = translator_of(load_model(saved))
    found = dict(zip(SENTENCES, translator.translate_each(SENTENCES), strict=True))
    expected = {text: list(one.tags) if hasattr(one, "tags") else None for text, one in found.items()}
    assert expected["。"] is None and expected["ありがとう"] == ["ありがとう"]
    rounds = Rounds(server.port, expected, over)
    asyncio.run(stressed(rounds, clients))
    return rounds.seen


def resident(server: Server) -> int:
    """Bytes of memory that the server's process has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


def log_of(server: Server) -> list[bytes]:
    """The lines of its log as they come, read by a thread: a full pipe would stop the server."""
    assert server.process.stderr is not None
    lines: list[bytes] = []
    threading.Thread(target=lines.extend, args=(server.process.stderr,), daemon=True).start()
    return lines


def after(server: Server, log: Sequence[bytes]) -> None:
    """A server that answers as on the first day, holds nothing, and wrote down nobody's words."""
    assert server.ask("v1/translate", {"text": "ありがとう"})["tags"][0]["tag"] == "ありがとう"
    metrics = server.text("metrics")
    assert "jsl_queue_items 0" in metrics and 'status="500"' not in metrics
    said = b"".join(log).decode()
    assert SECRET not in said and "わたし" not in said and "Traceback" not in said


def test_a_few_of_each(start: Start, saved: Path) -> None:  # noqa: F811
    server = start()
    log = log_of(server)
    seen = stress(server, saved, 2 * len(WAYS), lambda done: done == 2)
    assert all(seen[getattr(way, "__name__", "")] for way in WAYS) and seen["status 200"]
    after(server, log)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_clients_for_five_minutes(start: Start, saved: Path) -> None:  # noqa: F811
    server = start()
    log = log_of(server)
    began = time.monotonic()
    warm = stress(server, saved, 200, lambda done: time.monotonic() > began + 60)
    before = resident(server)
    seen = stress(server, saved, 200, lambda done: time.monotonic() > began + 300)
    grown = resident(server) - before
    print(
        f"\n{warm + seen}\nresident memory {before / 2**20:.1f} MiB after 1 minute, {grown / 2**20:+.1f} after 5"
    )
    assert grown < 0.1 * before
    after(server, log)
