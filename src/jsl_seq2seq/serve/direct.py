"""The routes that compute, called without the framework's layers.

FastAPI describes them in the OpenAPI document. What it does around each call (its middleware, the search for the
route, dependencies, copies of default values) takes longer than reading a short request, validating it and writing
its answer: 0.3 ms against 0.1 ms of the processor, where the shipped model needs 0.6 ms to translate a sentence in a
batch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import get_type_hints

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .responses import media_type
from .schemas import RequestBody

_JSON = "application/json"


class Direct:
    """ASGI application: a POST to a route that takes a :class:`RequestBody` calls its function; all else ``app`` does.

    The function's errors are raised, for the guard to answer.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._posts: dict[str, _Post] = {}
        for route in app.routes:
            if isinstance(route, APIRoute) and route.methods == {"POST"}:
                shape = get_type_hints(route.endpoint).get("body")
                if isinstance(shape, type) and issubclass(shape, RequestBody):
                    self._posts[route.path] = _Post(route, shape)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        post = self._posts.get(scope["path"]) if scope["type"] == "http" else None
        if post is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
        else:
            await post(scope, receive, send)


class _Post:
    def __init__(self, route: APIRoute, shape: type[RequestBody]) -> None:
        self._route, self._shape = route, shape
        self._endpoint: Callable[[Request, RequestBody], Awaitable[Response]] = route.endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self._route  # what logs and counters call it by
        request = Request(scope, receive)
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind.lower() != _JSON:
            raise media_type(kind, [_JSON])
        response = await self._endpoint(request, self._shape.read(await request.body()))
        await response(scope, receive, send)
