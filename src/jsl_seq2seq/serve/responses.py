"""Answers as JSON; errors as RFC 9457 problem details, in Japanese or in English as the client prefers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from ..errors import Failure, JslError, UserError
from ..io.text import format_json

MEDIA_TYPE = "application/problem+json"

STATUS = {
    "body-timeout": 408,
    "body-too-large": 413,
    "deadline-exceeded": 503,
    "host-not-allowed": 421,
    "media-type": 415,
    "method-not-allowed": 405,
    "no-such-model": 404,
    "no-such-path": 404,
    "origin-not-allowed": 403,
    "queue-full": 503,
    "request-invalid": 422,
    "server-failed": 500,
    "server-stopping": 503,
    "token-wrong": 401,
}
"""HTTP status of an error that has one of its own; of all others 422 for the request's, 500 for the server's."""

ENGLISH: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "body-timeout": lambda facts: f"The body did not arrive within {facts['seconds']:g} seconds.",
    "body-too-large": lambda facts: f"The body is larger than {facts['limit']} bytes.",
    "deadline-exceeded": lambda facts: f"The result was not there within {facts['seconds']:g} seconds.",
    "dictionary-line": lambda facts: "An entry of the dictionary cannot be read.",
    "dictionary-without-open-words": lambda facts: "This model cannot be given a dictionary.",
    "host-not-allowed": lambda facts: "The server does not answer under this host name.",
    "media-type": lambda facts: f"Send the body as {' or '.join(facts['usable'])}.",
    "method-not-allowed": lambda facts: "This path has no such method.",
    "n-best-over-beam": lambda facts: "n_best is larger than beam.",
    "no-such-model": lambda facts: f"There is no model of that name; there are {', '.join(facts['names'])}.",
    "no-such-path": lambda facts: "There is nothing under this path.",
    "nothing-to-translate": lambda facts: "The text has no character that the model can translate.",
    "origin-not-allowed": lambda facts: "Pages of this origin may not use the server.",
    "queue-full": lambda facts: "Too many requests wait. Try again in a moment.",
    "request-invalid": lambda facts: f"The request is not as documented: {facts['reason']}",
    "server-failed": lambda facts: "Something went wrong in the server.",
    "server-stopping": lambda facts: "The server is stopping.",
    "text-too-long": lambda facts: (
        f"The text has {facts['found']} characters; {facts['limit']} are possible."
    ),
    "text-too-long-to-explain": lambda facts: (
        f"The text has {facts['found']} characters; attention is shown for up to {facts['limit']}."
    ),
    "token-wrong": lambda facts: "The token is missing or wrong.",
    "translation-out-of-memory": lambda facts: "The server's memory does not suffice for this text.",
    "unknown-tag": lambda facts: f"The model has no tag {facts['tag']!r}.",
}
"""Code -> the words in English, from the error's facts. Sorted by code."""

_INTERNAL = frozenset({"path", "directory"})
"""Facts about the server's machine, which no client sees."""

_RETRY_SECONDS = 1


def status_of(error: JslError) -> int:
    """The HTTP status of an error."""
    return STATUS.get(error.code, 422 if isinstance(error, UserError) else 500)


def problem(error: JslError, language: str) -> dict[str, Any]:
    """The members of the problem details.

    Args:
        language: ``ja`` or ``en``.
    """
    values = error.to_dict()
    facts = {name: value for name, value in values["facts"].items() if name not in _INTERNAL}
    english = ENGLISH.get(error.code)
    words = english(error.facts) if english and language == "en" else error.what
    return {
        "type": f"urn:jsl-seq2seq:error:{error.code}",
        "title": words,
        "status": status_of(error),
        "detail": error.hint if language == "ja" or not english else "",
        "code": error.code,
        "facts": facts,
    }


def problem_response(
    error: JslError, accept_language: str = "", headers: Mapping[str, str] | None = None, /, **members: Any
) -> Response:
    """The answer to a request that failed.

    Args:
        members: further members of the problem details.
    """
    language = preferred_language(accept_language)
    values = problem(error, language) | members
    more = {"Content-Language": language, "Vary": "Accept-Language", **(headers or {})}
    if values["status"] == 503:
        more["Retry-After"] = str(_RETRY_SECONDS)
    if values["status"] == 401:
        more["WWW-Authenticate"] = "Bearer"
    return Response(
        format_json(values).encode("utf-8"),
        values["status"],
        more,
        MEDIA_TYPE,
    )


def preferred_language(accept_language: str) -> str:
    """``en`` if a client prefers English to Japanese, else ``ja`` (RFC 9110, 12.5.4)."""
    quality = {"ja": 0.0, "en": 0.0}
    for part in accept_language[:1000].lower().split(","):
        tag, _, parameter = part.strip().partition(";")
        name = tag.split("-")[0].strip()
        if name in quality:
            try:
                weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
            except ValueError:
                weight = 0.0
            quality[name] = max(quality[name], weight)
    return "en" if quality["en"] > quality["ja"] else "ja"


def json_response(values: Any, status: int = 200) -> Response:
    """Plain values as JSON. A lone surrogate is written as its escape sequence."""
    return Response(format_json(values, compact=True).encode("utf-8"), status, media_type="application/json")


def request_invalid(reason: str, japanese: str) -> UserError:
    """The error of a request that is not as documented.

    Args:
        reason: what is wrong with it, in English.
        japanese: the same in Japanese.
    """
    return UserError(
        f"要求の形が正しくありません: {japanese}",
        "正しい形は /openapi.json にあります。",
        code="request-invalid",
        reason=reason,
    )


def media_type(found: str, usable: Sequence[str]) -> UserError:
    """The error of a body of a type that the path does not take."""
    return UserError(
        f"この形式の要求は読めません: {found[:100]}",
        "本文の形式を Content-Type に書いて送ってください。",
        code="media-type",
        found=found[:100],
        usable=tuple(usable),
    )


def token_wrong() -> UserError:
    """The error of a request without the server's token."""
    return UserError(
        "トークンがないか、違っています。",
        "Authorization: Bearer にトークンを付けて送ってください。",
        code="token-wrong",
    )


def server_failed() -> Failure:
    """The error of a fault in the program: it tells nothing, since the details may hold what people said."""
    return Failure(
        "サーバーの中でエラーが起きました。", "サーバーの記録を見てください。", code="server-failed"
    )
