"""Folders over HTTP, and a browser that may reach nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@contextmanager
def served(folder: Path, policy: str = "") -> Iterator[str]:
    """The address of a folder.

    Args:
        policy: the Content-Security-Policy of every file.
    """

    class Handler(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            if policy:
                self.send_header("Content-Security-Policy", policy)
            super().end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def watched_page(browser: Any, address: str, host: str = "", **options: Any) -> Iterator[Any]:
    """A page of its own context. A request to elsewhere, and what a script leaves uncaught, fail the test.

    Args:
        host: an address of the host that may be asked, if it is not the page's.
    """
    wrong: list[str] = []
    context = browser.new_context(**options)
    context.on("request", lambda one: urlsplit(one.url).netloc in ("", own) or wrong.append(one.url))
    own = urlsplit(host or address).netloc
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        yield page
    finally:
        context.close()
    assert wrong == []


def slow_network(page: Any, mbit: float, latency_ms: float = 40) -> list[int]:
    """Slow a page of Chromium down to so many Mbit/s; the list grows by the bytes of every answer, headers included."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    rate = mbit * 1e6 / 8
    conditions = {
        "offline": False,
        "latency": latency_ms,
        "downloadThroughput": rate,
        "uploadThroughput": rate,
    }
    session.send("Network.emulateNetworkConditions", conditions)
    received: list[int] = []
    session.on("Network.loadingFinished", lambda told: received.append(int(told["encodedDataLength"])))
    return received
