"""Running the application: sockets, signals and what is logged."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..errors import Failure, UserError
from .guard import LOG, Limits
from .models import Models

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

HEADER_SECONDS = 10
"""In which the header of a request must arrive."""
_STOP_SECONDS = 30
"""In which accepted requests are finished when the server stops."""
_SWITCH_SECONDS = 0.001
"""Python's switch interval: how long the compute thread keeps the interpreter while a request arrives."""


@dataclass(frozen=True)
class Listening:
    """Where and how to listen.

    Attributes:
        port: 0 for any free one.
        trusted_proxies: addresses whose X-Forwarded-For is believed, in the access log.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    trusted_proxies: Sequence[str] = ()


def require_token(host: str, limits: Limits) -> None:
    """Raise UserError for a server that others could reach without a token (``token-required``)."""
    if limits.token or host == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise UserError(
        f"ほかの機械から使える場所（{host}）で待ち受けるには、トークンが要ります。",
        "トークンを決めて渡すか、127.0.0.1 で待ち受けてください。",
        code="token-required",
        host=host,
    )


def bind(listening: Listening) -> socket.socket:
    """The socket that listens. Raises UserError if the address cannot be had (``address-unusable``)."""
    try:
        family = socket.getaddrinfo(listening.host, listening.port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family)
        if sys.platform != "win32":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((listening.host, listening.port))
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{listening.host} のポート {listening.port} で待ち受けられません（{error}）。",
            "別のポートを指定するか、使っているプログラムを止めてください。",
            code="address-unusable",
            host=listening.host,
            port=listening.port,
        ) from None
    return found


def run(app: ASGIApp, models: Models, listening: Listening, started: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; SIGHUP reads the models again, where the system has it.

    Args:
        started: called with the address as soon as requests are accepted.

    Raises:
        UserError: the address cannot be had.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    listener = bind(listening)
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(listening.trusted_proxies),
        forwarded_allow_ips=list(listening.trusted_proxies),
        timeout_graceful_shutdown=_STOP_SECONDS,
        limit_concurrency=1000,
        backlog=1024,
    )
    server = _Server(config)
    server.on_started = lambda: started(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    server.reload = lambda: _reload(models)
    server.run([listener])
    if not server.started:
        raise Failure("サーバーを始められませんでした。", code="server-not-started")


class _Server(uvicorn.Server):
    """Ends without an error after Ctrl-C and SIGTERM, when accepted requests are finished."""

    on_started: Callable[[], None]
    reload: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if hasattr(signal, "SIGHUP"):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, self.reload))
        self.on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def _reload(models: Models) -> None:
    errors = models.reload()
    for name in models.names:
        if name in errors:
            LOG.warning("%s: モデルを読み直せなかったので、前のまま使います: %s", name, errors[name].what)
        else:
            LOG.warning("%s: モデルを読み直しました", name)


class _Protocol(HttpToolsProtocol):
    """Closes a connection whose request header does not arrive in time: uvicorn itself would wait for ever."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._header_is_there()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._deadline is None:
            self._wait_for_header()

    def on_headers_complete(self) -> None:
        self._header_is_there()
        super().on_headers_complete()

    def _wait_for_header(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _header_is_there(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class PlainFormatter(logging.Formatter):
    """One line for each message, without control characters: a file's name could send them to a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub("□", super().formatMessage(record))


def log_to_stderr() -> None:
    """Write what the server has to say, and uvicorn's warnings, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(message)s"))
    for name in (LOG.name, "uvicorn.error"):
        logging.getLogger(name).addHandler(handler)
    LOG.setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
