"""The server as a process of its own: its clients, its signals, and connections that mean no good."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from libretranslatepy import LibreTranslateAPI

from jsl_seq2seq.store import load_model, save_model

from ..processes import POSIX, environment, program, run_program
from ..small_models import trained_small, translator_of

pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

import uvicorn

from jsl_seq2seq.serve import server as server_module
from jsl_seq2seq.serve.app import create_app
from jsl_seq2seq.serve.guard import Limits
from jsl_seq2seq.serve.models import Models
from jsl_seq2seq.serve.server import PlainFormatter, _Protocol


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stderr is not None
        first = process.stderr.readline().decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", first)
        assert found, first + process.stderr.read().decode()
        self.url, self.port = found[0], int(found[1])

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, content, {"Content-Type": "application/json", **headers}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def text(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read().decode()

    def raw(self, request: bytes) -> bytes:
        """What comes back for the bytes, behind which a request follows that asks to close the connection."""
        with self.connect() as connection:
            connection.sendall(
                request + b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            found = b""
            with suppress(ConnectionError):
                while part := connection.recv(1 << 16):
                    found += part
            return found

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)


Start = Callable[..., Server]


@pytest.fixture
def start(saved: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a server in a process: arguments, and environment variables."""
    with ExitStack() as stack:

        def started(*arguments: str, backend: str = "ndarray", **changes: str) -> Server:
            process = subprocess.Popen(
                program("serve", "--model", f"main={saved}", "--port", "0", "--backend", backend, *arguments),
                cwd=tmp_path,
                env=environment(**changes),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            stack.callback(_end, process)
            return Server(process)

        yield started


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_the_unmodified_libretranslate_client(start: Start) -> None:
    server = start(JSL_SEQ2SEQ_TOKEN="himitsu")
    client = LibreTranslateAPI(server.url, "himitsu")
    assert client.translate("わたしはたべます", "ja", "jsl") == "<私> <食べる>"
    assert client.detect("ありがとう") == [{"confidence": 100, "language": "ja"}]
    assert [one["code"] for one in client.languages()] == ["ja", "jsl"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        LibreTranslateAPI(server.url, "wrong").translate("わたしはたべます", "ja", "jsl")
    assert refused.value.code == 401
    refused.value.close()


@POSIX
def test_reading_models_again(start: Start, saved: Path) -> None:
    server = start()
    before = server.ask("v1/model")["sha256"]
    model = trained_small()
    first = next(iter(model.parameters))
    changed = {**model.parameters, first: model.parameters[first] * 1.0000001}
    save_model(replace(model, parameters=changed), saved)
    server.process.send_signal(signal.SIGHUP)
    _eventually(lambda: server.ask("v1/model")["sha256"] != before)
    assert server.ask("v1/translate", {"text": "ありがとう"})["tags"][0]["tag"] == "ありがとう"


@POSIX
def test_no_request_is_dropped_while_models_are_read_again(start: Start) -> None:
    server = start()
    over = threading.Event()
    expected = server.ask("v1/translate", {"text": ["わたしはたべます", "ありがとう"]})

    def client() -> int:
        asked = 0
        while not over.is_set() or not asked:
            assert server.ask("v1/translate", {"text": ["わたしはたべます", "ありがとう"]}) == expected
            asked += 1
        return asked

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client) for _ in range(8)]
        assert server.process.stderr is not None
        server.process.stderr.readline()  # what the output is not
        for _ in range(5):
            server.process.send_signal(signal.SIGHUP)
            assert "モデルを読み直しました" in server.process.stderr.readline().decode()
        over.set()
        assert all(one.result() for one in clients)


@pytest.mark.timeout(1200)
def test_numba_computes_once_it_has_compiled(start: Start) -> None:
    pytest.importorskip("numba")
    server = start(backend="auto")
    before = server.ask("v1/translate", {"text": "わたしはたべます"})
    _eventually(
        lambda: server.ask("v1/model")["backend"] == "numba", 1000
    )  # on a busy machine, the first time
    after = server.ask("v1/translate", {"text": "わたしはたべます"})
    assert [one["tag"] for one in after["tags"]] == [one["tag"] for one in before["tags"]]
    assert after["probability"] == pytest.approx(before["probability"], abs=1e-4)


@POSIX
def test_stopping_while_numba_compiles(start: Start, tmp_path: Path) -> None:
    """Seconds that nobody waits for: LLVM cannot be interrupted."""
    pytest.importorskip("numba")
    server = start(backend="auto", NUMBA_CACHE_DIR=str(tmp_path / "kernels"))
    assert server.ask("v1/translate", {"text": "ありがとう"})["tags"][0]["tag"] == "ありがとう"
    assert server.ask("v1/model")["backend"] == "ndarray"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    assert server.process.stderr is not None and b"Traceback" not in server.process.stderr.read()


@POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_answers_what_was_accepted(start: Start, number: signal.Signals) -> None:
    server = start()
    body = json.dumps({"text": ["わたしはたべます" * 10] * 64}).encode()
    with server.connect() as connection:
        head = "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        _eventually(lambda: "jsl_batch_items_count 1" in server.text("metrics"))
        server.process.send_signal(number)
        answer = _read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK") and answer.count("わたしは".encode()) >= 64
    assert server.process.wait(60) == 0
    assert server.process.stderr is not None and b"Traceback" not in server.process.stderr.read()


def test_a_client_that_goes_away_and_garbage_harm_nobody(start: Start) -> None:
    server = start()
    body = json.dumps({"text": ["わたしはたべます" * 10] * 64}).encode()
    head = "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for end in (10, len(body)):
        with server.connect() as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:end])
    for garbage in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\x00" * 5000, b"GET / HTTP/9.9\r\n\r\n"):
        with server.connect() as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            assert not _read_all(connection).startswith(b"HTTP/1.1 5")
    assert server.ask("v1/translate", {"text": "ありがとう"})["tags"][0]["tag"] == "ありがとう"


OUTSIDE = [
    "/assets/../../../../etc/passwd",
    "/assets/%2e%2e/%2e%2e/page.py",
    "/assets/..%2f..%2fpage.py",
    "/assets/..\\..\\page.py",
    "/assets/....//page.py",
    "/assets//etc/passwd",
    "/assets/style.css%00.html",
    "/assets/%c0%ae%c0%ae/page.py",
    "/tour/../assets/style.css",
    "/tour/10.html",
    "/tour/model/config.json",
    "//etc/passwd",
    "/assets",
]


def test_how_to_allow_a_page_is_printed_once(start: Start) -> None:
    server = start()
    for origin in ["http://localhost:3000"] * 2 + ["null"]:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            server.ask("v1/translate", {"text": "ありがとう"}, Origin=origin)
    server.process.terminate()
    said = server.process.communicate()[1].decode()
    assert said.count("--allow-origin") == said.count("--allow-origin http://localhost:3000 ") == 1


def test_no_path_leads_out(start: Start) -> None:
    server = start()
    for path in OUTSIDE:
        answer = server.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404 ") and b'"no-such-path"' in answer, path


TWO = b"GET /v1/model HTTP/1.1\r\nHost: localhost\r\n\r\n"
INJECTIONS = [
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\rSet-Cookie: a=b\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nAccept-Language: en\nSet-Cookie: a=b\r\n\r\n",
    b"GET /%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health\rSet-Cookie: a=b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/model?model=%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS /v1/translate HTTP/1.1\r\nHost: localhost\r\nOrigin: http://x%0d%0aSet-Cookie:a=b\r\n"
    b"Access-Control-Request-Method: POST%0d%0aSet-Cookie:a=b\r\n\r\n",
    b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + TWO,
    b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 51\r\n\r\n" + TWO,
    b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + TWO,
]
"""Lines in headers that are more than one, and a second request in the body of the first."""


def test_nothing_is_put_into_headers(start: Start) -> None:
    server = start()
    assert b"sha256" in server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + TWO)
    for request in INJECTIONS:
        answer = server.raw(request)
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert not answer.startswith(b"HTTP/1.1 5") and b"\nset-cookie" not in head, request
        assert b"sha256" not in answer, request  # what the second request asks for
    assert server.ask("health") == {"status": "ok"}


def test_the_log_of_what_a_proxy_says(start: Start) -> None:
    server = start("--access-log", "--trusted-proxy", "127.0.0.1")
    for said in (b"10.0.0.7", b"\x1b[31mred\x07", b"1.1.1.1\r2026-01-01 forged", "\u202e\u2028".encode()):
        server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: " + said + b"\r\n\r\n")
    server.text("languages")
    assert server.process.stderr is not None
    lines = []
    while not lines or " /languages " not in lines[-1]:
        lines.append(server.process.stderr.readline().decode().removesuffix("\n"))
    assert all(line.isprintable() for line in lines) and any(
        " 10.0.0.7 GET /health " in line for line in lines
    )
    assert not any(line.startswith("2026-01-01 forged") for line in lines)


def test_a_header_that_never_ends(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the next test, with less patience: a byte now and then does not keep the connection."""
    monkeypatch.setattr(server_module, "HEADER_SECONDS", 0.5)
    models = Models({"main": saved}, lambda directory: translator_of(load_model(directory)))
    config = uvicorn.Config(create_app(models, Limits()), http=_Protocol, port=0, log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    _eventually(lambda: server.started)
    address = server.servers[0].sockets[0].getsockname()
    try:
        with ExitStack() as stack:
            slow = [stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(50)]
            for one in slow:
                one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            with urllib.request.urlopen(f"http://localhost:{address[1]}/health", timeout=60) as answer:
                assert answer.status == 200
            closed = 0
            for one in slow:
                with suppress(ConnectionError):
                    for _ in range(100):
                        one.sendall(b"X")
                        time.sleep(0.01)
                closed += _read_all(one) == b""
            assert closed == len(slow)
    finally:
        server.should_exit = True
        thread.join(60)


@pytest.mark.slow
def test_slow_requests_are_closed(start: Start) -> None:
    """A header that never ends within 10 seconds, a body within 10 more."""
    server = start()
    with server.connect() as silent, server.connect() as slow, server.connect() as body:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        body.sendall(
            b"POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        for _ in range(9):
            time.sleep(1)
            slow.sendall(b"X-Y: z\r\n")
        assert _read_all(silent) == _read_all(slow) == b""
        assert _read_all(body).startswith(b"HTTP/1.1 408")


def _read_all(connection: socket.socket) -> bytes:
    """All until the server closes the connection, or until the answer that its header announces is there."""
    found = b""
    try:
        while part := connection.recv(1 << 16):
            found += part
            head, _, rest = found.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            if length and len(rest) >= int(length[1]):
                break
    except ConnectionError:
        pass
    return found


def _eventually(condition: Callable[[], bool], seconds: int = 60) -> None:
    for _ in range(10 * seconds):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail(f"it did not happen within {seconds} seconds")


MISTAKES: list[tuple[list[str], str]] = [
    (["--host", "0.0.0.0"], "--token-file"),
    (["--host", "no.such.host.invalid"], "トークン"),
    (["--port", "99999"], "--port"),
    (["--load", "nothing"], "nothing"),
    (["--model", "x"], "--model 名前=フォルダー"),
    (["--token-file", "nothing"], "nothing"),
]


@pytest.mark.parametrize(("arguments", "named"), MISTAKES)
def test_mistakes_before_it_starts(tmp_path: Path, arguments: list[str], named: str) -> None:
    done = run_program(["serve", *arguments], tmp_path)
    assert done.returncode == 2 and named in done.stderr.decode()
    assert b"Traceback" not in done.stderr and done.stdout == b""


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_program(["serve", "--port", str(taken.getsockname()[1])], tmp_path)
    assert done.returncode == 2 and "待ち受けられません" in done.stderr.decode()


def test_the_log_is_plain_whatever_a_name_holds() -> None:
    name = "models/\x1b[31mred\x07\n2026-01-01 forged\u202e"
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s: %s", ("main", name), None)
    written = PlainFormatter("%(asctime)s %(message)s").format(record)
    assert written.isprintable() and "forged" in written and len(written.splitlines()) == 1


def test_without_the_extra(tmp_path: Path) -> None:
    blocked = tmp_path / "sitecustomize.py"
    blocked.write_text(
        "import importlib.util as u\n_find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'fastapi' else _find(name, *rest)\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = run_program(["serve"], tmp_path, PYTHONPATH=path)
    assert done.returncode == 1 and "jsl-seq2seq[serve]" in done.stderr.decode()
