"""What every request passes before it reaches the application: host, origin, token, size and time of the body.

A page of another site must not use a server on the visitor's own machine: the Host header must name this machine
(DNS rebinding), and a request with an Origin of elsewhere is refused.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import JslError, UserError
from .responses import problem_response, server_failed, token_wrong

LOG = logging.getLogger("jsl_seq2seq.serve")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:]{2,39}\])(?::\d{1,5})?", re.ASCII)

OPEN_PATHS = frozenset({"/", "/health", "/ready", "/languages", "/frontend/settings", "/openapi.json"})
"""What is answered without the token: nothing that computes or counts."""
_OPEN_FOLDERS = ("/assets/", "/tour/")

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Sent with every answer."""
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


@dataclass(frozen=True)
class Limits:
    """Whom a server answers, and how much it takes.

    Attributes:
        hosts: names of the Host header besides ``localhost`` and addresses.
        origins: whose pages may use the server, as ``https://example.jp``.
        token: to be sent with what computes; empty for none.
        body_bytes: of the largest body.
        body_seconds: in which a body must arrive.
        seconds: in which a result must be there.
    """

    hosts: Collection[str] = ()
    origins: Collection[str] = ()
    token: str = field(default="", repr=False)
    body_bytes: int = 64 << 10
    body_seconds: float = 10.0
    seconds: float = 30.0

    def is_token(self, given: str) -> bool:
        """Whether it is the server's token; of a server without one, always."""
        return not self.token or hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


class Guard:
    """ASGI middleware.

    Args:
        count: called with the request's scope, its status (499 for a client that went away) and the seconds it took.
        refused: called with the origin of a page that may not use the server: scheme, host and port, nothing else.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        count: Callable[[Scope, int, float], None] = lambda *_: None,
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._app, self._limits, self._count, self._refused_origin = app, limits, count, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = _joined(scope["headers"])
        status = 0

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in _RAW_HEADERS if header[0] not in there),
                    *self._cors(headers),
                ]
            await send(message)

        try:
            self._check(scope, headers)
            if _is_preflight(scope, headers):
                await self._preflight(guarded_send)
            else:
                body = await self._body(scope, headers, receive)
                await self._app(scope, _Replay(body, receive), guarded_send)
        except JslError as error:
            await self._refuse(error, scope, headers, guarded_send)
        except ConnectionResetError:
            status = 499  # the client went away
        except Exception as error:
            # neither the message nor the traceback: both may hold what people said
            LOG.warning("%s: %s", route_of(scope), type(error).__name__)
            if status == 0:
                await self._refuse(server_failed(), scope, headers, guarded_send)
        finally:
            self._count(scope, status or 499, time.perf_counter() - began)

    def _check(self, scope: Scope, headers: Mapping[str, str]) -> None:
        host = headers.get("host", "")
        if not self._is_own_host(host):
            raise UserError(
                f"この名前では応答しません: {host[:100]}",
                "サーバーの起動時に、この名前を許してください。",
                code="host-not-allowed",
                host=host[:100],
            )
        origin = headers.get("origin")
        if origin is not None and origin not in self._limits.origins and not _is_same(origin, host):
            if _ORIGIN.fullmatch(origin):  # anything else is what no browser sends
                self._refused_origin(origin)
            raise UserError(
                f"このページからは使えません: {origin[:100]}",
                "サーバーの起動時に、このオリジンを許してください。",
                code="origin-not-allowed",
                origin=origin[:100],
            )
        if self._limits.token and not _is_preflight(scope, headers) and not _is_open(scope["path"]):
            given = headers.get("authorization", "").removeprefix("Bearer ")
            # LibreTranslate's clients send the token in the body, where its routes look for it
            if scope["path"] not in ("/translate", "/detect") and not self._limits.is_token(given):
                raise token_wrong()

    def _is_own_host(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name in self._limits.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    async def _body(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> bytes:
        """The whole body. Raises UserError for one that is too large or takes too long."""
        limit, seconds = self._limits.body_bytes, self._limits.body_seconds
        announced = headers.get("content-length", "0")
        if announced.isascii() and announced.isdecimal() and int(announced[:20]) > limit:
            raise _too_large(limit)
        if scope["method"] in ("GET", "HEAD") and announced == "0" and "transfer-encoding" not in headers:
            return b""
        parts, size = [], 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ConnectionResetError
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > limit:
                        raise _too_large(limit)
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise UserError(
                f"要求が {seconds:g} 秒以内に届きませんでした。",
                "もう一度送ってください。",
                code="body-timeout",
                seconds=seconds,
            ) from None

    def _cors(self, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        origin = headers.get("origin", "")
        if origin not in self._limits.origins:
            return []
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]

    async def _preflight(self, send: Send) -> None:
        headers = [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type, accept-language"),
            (b"access-control-max-age", b"600"),
        ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _refuse(self, error: JslError, scope: Scope, headers: Mapping[str, str], send: Send) -> None:
        more = {"Connection": "close"} if error.code in ("body-too-large", "body-timeout") else {}
        response = problem_response(error, headers.get("accept-language", ""), more)
        await response(scope, _nothing, send)


class _Replay:
    """An ASGI ``receive`` that gives a body that was already read, then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _joined(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Name -> value. What is sent twice is a list (RFC 9110, 5.3): two hosts are then the name of none."""
    headers: dict[str, str] = {}
    for name, value in ((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _too_large(limit: int) -> UserError:
    return UserError(
        f"要求が大きすぎます（{limit:,} バイトまで）。",
        "何回かに分けて送ってください。",
        code="body-too-large",
        limit=limit,
    )


def _is_same(origin: str, host: str) -> bool:
    """Whether an origin is the server's own page; its scheme may have been changed by a proxy."""
    return origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())


def _is_preflight(scope: Scope, headers: Mapping[str, str]) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(_OPEN_FOLDERS)


def route_of(scope: Scope) -> str:
    """The path as the application declares it: what a client wrote never reaches a log or a counter."""
    route = scope.get("route")
    return getattr(route, "path", "other")


async def _nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}
