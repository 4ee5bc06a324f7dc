"""The application: its routes, as the OpenAPI document describes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from ..errors import JslError, UserError
from ..translate import Translation
from ..translate.dictionary import Dictionary, Entry
from ..version import __version__
from . import schemas
from .batching import Batcher, Work
from .direct import Direct
from .guard import LOG, Guard, Limits, route_of
from .libretranslate import add_libretranslate
from .metrics import CONTENT_TYPE, Metrics
from .models import Diagnosing, Models, Scoring, Translating
from .page import add_page
from .responses import (
    MEDIA_TYPE,
    json_response,
    preferred_language,
    problem,
    problem_response,
    request_invalid,
    server_failed,
)

_WATCHED_AFTER = 0.1
"""Seconds after which a waiting request looks whether its client is still there."""

_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "RFC 9457 の形のエラー",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}

_DESCRIPTION = """日本語の文を、日本手話のタグの列に訳します。

**出力はタグであって、日本手話そのものではありません**（表情・空間・同時性は含まれません）。

エラーは RFC 9457 の形で、`code` は版が上がっても変わりません（docs/errors.md）。
言葉は `Accept-Language` で日本語か英語になります。
`/translate`・`/languages`・`/detect`・`/frontend/settings` は LibreTranslate と同じ形です。"""


class Service:
    """What the routes share.

    Args:
        models: the models on offer.
        limits: whom to answer, and how much to take.
    """

    def __init__(self, models: Models, limits: Limits, batch: int = 64, capacity: int = 512) -> None:
        self.models, self.limits = models, limits
        self.metrics = Metrics()
        self._batch, self._capacity = batch, capacity
        self._batcher: Batcher | None = None

    @property
    def ready(self) -> bool:
        """Whether requests are accepted."""
        return self._batcher is not None

    @property
    def waiting(self) -> int:
        """Texts that wait."""
        return self._batcher.waiting if self._batcher else 0

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Compute while the body runs; at its end, what was accepted is finished."""
        self._batcher = batcher = Batcher(self._batch, self._capacity, self.metrics.batch)
        batcher.start()
        try:
            yield
        finally:
            self._batcher = None
            await batcher.stop()

    async def compute(self, request: Request, work: Work, items: Sequence[Any]) -> Sequence[Any]:
        """The results of the items, together with other requests'. Cancelled if the client goes away.

        Raises what :meth:`Batcher.compute` raises; ConnectionResetError if the client went away.
        """
        assert self._batcher is not None
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        watching: list[asyncio.Task[None]] = []
        gone = False

        async def watch() -> None:
            nonlocal gone
            while (await request.receive())["type"] != "http.disconnect":
                pass
            gone = True
            task.cancel()

        timer = loop.call_later(_WATCHED_AFTER, lambda: watching.append(loop.create_task(watch())))
        try:
            return await self._batcher.compute(work, items, self.limits.seconds)
        except asyncio.CancelledError:
            if gone:
                task.uncancel()
                raise ConnectionResetError from None
            raise
        finally:
            timer.cancel()
            for one in watching:
                one.cancel()


def create_app(
    models: Models,
    limits: Limits,
    batch: int = 64,
    capacity: int = 512,
    access_log: bool = False,
    refused: Callable[[str], None] = lambda _: None,
) -> ASGIApp:
    """The server as an ASGI application.

    Args:
        access_log: whether to log address, method, path and status of each request; never its text.
        batch: texts that are computed together, at most.
        capacity: texts that may wait.
        refused: called with the origin of a page that may not use the server.
    """
    service = Service(models, limits, batch, capacity)
    app = FastAPI(
        title="jsl-seq2seq",
        version=__version__,
        summary="日本語の文 → 日本手話のタグの列",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=service.lifespan,
        responses=_PROBLEM,
        redirect_slashes=False,
    )

    def count(scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        service.metrics.request(route, status, seconds)
        if access_log:
            address = (scope.get("client") or ("-",))[0]
            LOG.info("%s %s %s %d %.0f ms", address, scope["method"], route, status, 1000 * seconds)

    _add_errors(app)
    _add_api(app, service)
    _add_operations(app, service)
    add_libretranslate(app, service)
    add_page(app)
    _describe_problems(app)
    return Guard(Direct(app), limits, count, refused)


def _add_api(app: FastAPI, service: Service) -> None:
    @app.post("/v1/translate", response_model=schemas.Translation | schemas.Translations, tags=["翻訳"])
    async def translate(request: Request, body: schemas.TranslateRequest) -> Response:
        """文を訳します。`text` が文字列なら訳 1 つ、配列なら `translations` に同じ順の訳かエラーを返します。"""
        work = Translating(
            service.models[body.model],
            body.beam,
            body.n_best,
            body.length_penalty,
            body.attention,
        )
        dictionary = _dictionary(body.dictionary)
        if isinstance(body.text, str):
            (found,) = await service.compute(request, work, [(body.text, dictionary)])
            if isinstance(found, JslError):
                raise found
            return json_response(translation_to_dict(found))
        results = await service.compute(request, work, [(text, dictionary) for text in body.text])
        language = _language(request)
        return json_response(
            {
                "translations": [
                    {"text": text, **problem(one, language)}
                    if isinstance(one, JslError)
                    else translation_to_dict(one)
                    for text, one in zip(body.text, results, strict=True)
                ]
            }
        )

    @app.post("/v1/score", response_model=schemas.Score, tags=["翻訳"])
    async def score(request: Request, body: schemas.ScoreRequest) -> Response:
        """与えた訳の対数確率（自然対数）を返します。`log_probs` の最後は文の終わりの分、`per_token` はその平均です。"""
        work = Scoring(service.models[body.model])
        (found,) = await service.compute(request, work, [(body.text, body.tags)])
        if isinstance(found, JslError):
            raise found
        return json_response(found.to_dict())

    @app.post("/v1/diagnose", response_model=schemas.Diagnosis, tags=["翻訳"])
    async def diagnose(request: Request, body: schemas.DiagnoseRequest) -> Response:
        """1 文の訳の理由: タグごとのほかの候補、アテンション、1 文字ずつ消したときの変化（100 文字まで）。"""
        (found,) = await service.compute(request, Diagnosing(service.models[body.model]), [body.text])
        if isinstance(found, JslError):
            raise found
        return json_response(found.to_json())

    @app.get("/v1/tags", response_model=schemas.TagList, tags=["モデル"])
    async def tags(
        q: Annotated[str, Query(max_length=100, description="タグ・表記・読みの一部")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
        model: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        """モデルが書けるタグを、読みと例文つきで返します。"""
        known = await asyncio.to_thread(lambda: service.models[model].tags)
        found = [one for one in known if one.matches(q)] if q else known
        return json_response({"total": len(found), "tags": [one.to_dict() for one in found[:limit]]})

    @app.get("/v1/model", response_model=schemas.Model, tags=["モデル"])
    async def model(model: Annotated[str | None, Query(max_length=100)] = None) -> Response:
        """モデルのハッシュ、語彙の大きさ、設定を返します。"""
        values = service.models[model].to_dict()
        return json_response({**values, "models": service.models.names, "version": __version__})


def _add_operations(app: FastAPI, service: Service) -> None:
    @app.get("/health", response_model=schemas.Status, tags=["運用"])
    async def health() -> Response:
        """動いているか。"""
        return json_response({"status": "ok"})

    @app.get("/ready", response_model=schemas.Status, tags=["運用"])
    async def ready() -> Response:
        """要求を受けられるか。"""
        return json_response({"status": "ok" if service.ready else "stopping"}, 200 if service.ready else 503)

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        tags=["運用"],
    )
    async def metrics() -> Response:
        """Prometheus の形の数。文も住所も入りません。"""
        return Response(service.metrics.text(service.waiting), headers={"Content-Type": CONTENT_TYPE})


def _add_errors(app: FastAPI) -> None:
    def answered(request: Request, error: JslError, headers: Mapping[str, str] | None = None) -> Response:
        members = {"error": error.what} if request.url.path in ("/translate", "/detect") else {}
        return problem_response(error, request.headers.get("accept-language", ""), headers, **members)

    @app.exception_handler(JslError)
    async def known(request: Request, error: JslError) -> Response:
        return answered(request, error)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return answered(request, server_failed())  # and Starlette raises it again, for the guard to log

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answered(request, schemas.not_as_documented(error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return answered(
                request,
                UserError(
                    "このパスには何もありません。", "一覧は /openapi.json にあります。", code="no-such-path"
                ),
            )
        if error.status_code == 405:
            mistake = UserError(
                "このパスには使えないメソッドです。",
                "一覧は /openapi.json にあります。",
                code="method-not-allowed",
            )
            return answered(request, mistake, error.headers)
        return answered(request, request_invalid(str(error.detail), "本文を読めません。"))


def translation_to_dict(translation: Translation) -> dict[str, Any]:
    """:meth:`Translation.to_dict`, with its attention if it has one."""
    values = translation.to_dict()
    if translation.attention is not None:
        values["attention"] = {name: one.to_dict() for name, one in translation.attention.items()}
    return values


def _dictionary(entries: Sequence[schemas.DictionaryEntry]) -> Dictionary | None:
    return Dictionary(Entry(one.word, tuple(one.tags)) for one in entries) if entries else None


def _language(request: Request) -> str:
    return preferred_language(request.headers.get("accept-language", ""))


def _describe_problems(app: FastAPI) -> None:
    """Put the schema of errors, which no route declares as its own, into the OpenAPI document."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            shapes = document.setdefault("components", {}).setdefault("schemas", {})
            shapes["Problem"] = schemas.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = described
