"""LibreTranslate's API, so that its clients work unchanged: ``ja`` to ``jsl``, whose "language" are tags.

Source: https://libretranslate.com/docs, version 1.6. Bodies are JSON or forms.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.responses import Response

from ..errors import JslError
from ..io.text import parse_json
from ..translate import Translation
from ..translate.translator import MAX_CHARACTERS
from . import schemas
from .models import Translating
from .responses import json_response, media_type, request_invalid, token_wrong

if TYPE_CHECKING:
    from .app import Service

SOURCE, TARGET = "ja", "jsl"
LANGUAGES = [
    {"code": SOURCE, "name": "日本語 (Japanese)", "targets": [TARGET]},
    {"code": TARGET, "name": "日本手話のタグ (JSL tags, not JSL)", "targets": []},
]
MAX_ALTERNATIVES = 10
_MAX_FIELDS = schemas.MAX_TEXTS + 10

_JSON, _URLENCODED, _MULTIPART = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)
_STRING = {"type": "string", "maxLength": MAX_CHARACTERS}
_KEY = {"api_key": {"type": "string", "maxLength": 1000}}
_TRANSLATE = {
    "type": "object",
    "properties": {
        "q": {
            "anyOf": [
                _STRING,
                {"type": "array", "items": _STRING, "minItems": 1, "maxItems": schemas.MAX_TEXTS},
            ]
        },
        "source": {"enum": [SOURCE, "auto"]},
        "target": {"enum": [TARGET]},
        "format": {"enum": ["text", "html"], "default": "text"},
        "alternatives": {"type": "integer", "minimum": 0, "maximum": MAX_ALTERNATIVES, "default": 0},
        **_KEY,
    },
    "required": ["q", "source", "target"],
    "examples": [{"q": "ありがとう", "source": SOURCE, "target": TARGET}],
}
_DETECT = {
    "type": "object",
    "properties": {"q": _STRING, **_KEY},
    "required": ["q"],
    "examples": [{"q": "ありがとう"}],
}


def add_libretranslate(app: FastAPI, service: Service) -> None:
    """Add the routes."""

    async def values_of(request: Request) -> dict[str, Any]:
        values = await _body(request)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        key = values.get("api_key", "")
        if not service.limits.is_token(key if isinstance(key, str) and key else bearer):
            raise token_wrong()
        return values

    @app.post(
        "/translate",
        response_model=schemas.LibreTranslated,
        response_model_exclude_none=True,
        openapi_extra=_request_body(_TRANSLATE),
        tags=["LibreTranslate"],
    )
    async def translate(request: Request) -> Response:
        """LibreTranslate の /translate。`ja` から `jsl`（タグの列）へ。"""
        values = await values_of(request)
        given, source, target = values.get("q"), values.get("source"), values.get("target")
        texts: list[Any] = given if isinstance(given, list) else [given]
        if not 1 <= len(texts) <= schemas.MAX_TEXTS or not all(_is_text(text) for text in texts):
            raise request_invalid(
                f"q is a string or 1 to {schemas.MAX_TEXTS} strings of {MAX_CHARACTERS} characters at most",
                f"q は {MAX_CHARACTERS:,} 文字までの文字列か、その {schemas.MAX_TEXTS} 個までの配列です。",
            )
        if source not in (SOURCE, "auto") or target != TARGET:
            raise request_invalid(
                f"source is {SOURCE} or auto, target is {TARGET}",
                f"source は {SOURCE} か auto、target は {TARGET} です。",
            )
        form, count = values.get("format", "text"), _count(values.get("alternatives", 0))
        if form not in ("text", "html") or count is None:
            raise request_invalid(
                f"format is text or html, alternatives 0 to {MAX_ALTERNATIVES}",
                f"format は text か html、alternatives は 0 から {MAX_ALTERNATIVES} です。",
            )
        if form == "html":
            texts = list(map(html.unescape, texts))
        work = Translating(service.models[None], 1 + count, 1 + count)
        results = await service.compute(request, work, [(text, None) for text in texts])
        written: list[str] = []
        others: list[list[str]] = []
        for one in results:
            if isinstance(one, JslError) and (
                one.code != "nothing-to-translate" or not isinstance(given, list)
            ):
                raise one
            found = [one, *one.alternatives] if isinstance(one, Translation) else []
            strings = [html.escape(str(each)) if form == "html" else str(each) for each in found]
            written.append(strings[0] if strings else "")
            others.append(strings[1:])
        several = isinstance(given, list)
        answer: dict[str, Any] = {"translatedText": written if several else written[0]}
        if count:
            answer["alternatives"] = others if several else others[0]
        if source == "auto":
            detected = [_detected(text) for text in texts]
            answer["detectedLanguage"] = detected if several else detected[0]
        return json_response(answer)

    @app.post(
        "/detect",
        response_model=list[schemas.Detected],
        openapi_extra=_request_body(_DETECT),
        tags=["LibreTranslate"],
    )
    async def detect(request: Request) -> Response:
        """LibreTranslate の /detect。`confidence` は、文字のうち日本語の文字の割合（%）です。"""
        text: Any = (await values_of(request)).get("q")
        if not _is_text(text):
            raise request_invalid(
                f"q is a string of {MAX_CHARACTERS} characters at most",
                f"q は {MAX_CHARACTERS:,} 文字までの文字列です。",
            )
        return json_response([_detected(text)])

    @app.get("/languages", response_model=list[schemas.Language], tags=["LibreTranslate"])
    async def languages() -> Response:
        """LibreTranslate の /languages。`jsl` は言語ではなくタグの列です。"""
        return json_response(LANGUAGES)

    @app.get("/frontend/settings", response_model=dict[str, Any], tags=["LibreTranslate"])
    async def settings() -> Response:
        """LibreTranslate の /frontend/settings。"""
        return json_response(
            {
                "apiKeys": bool(service.limits.token),
                "charLimit": MAX_CHARACTERS,
                "frontendTimeout": 500,
                "keyRequired": bool(service.limits.token),
                "language": {"source": LANGUAGES[0], "target": LANGUAGES[1]},
                "suggestions": False,
                "supportedFilesFormat": [],
            }
        )


async def _body(request: Request) -> dict[str, Any]:
    """The members of a JSON object, or the fields of a form; of a field that comes several times a list.

    Raises UserError for anything else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _URLENCODED:
        try:
            # not Starlette's parser, which takes bytes that are not percent-encoded for Latin-1
            fields = parse_qs(
                (await request.body()).decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS
            )
        except ValueError:
            raise request_invalid(
                "the body is no form in UTF-8", "本文は UTF-8 のフォームではありません。"
            ) from None
        return _plain(fields)
    if kind == _MULTIPART:
        async with request.form(max_files=0, max_fields=_MAX_FIELDS) as form:
            return _plain({name: form.getlist(name) for name in form})
    if kind != _JSON:
        raise media_type(kind, (_JSON, _URLENCODED, _MULTIPART))
    try:
        values = parse_json(await request.body())
    except (ValueError, RecursionError):
        raise request_invalid("the body is no JSON", "本文を JSON として読めません。") from None
    if not isinstance(values, dict):
        raise request_invalid("the body is no object", "本文は JSON のオブジェクトにしてください。")
    return values


def _plain(fields: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Of a field that comes once its value, of others the list."""
    return {name: members if len(members) > 1 else members[0] for name, members in fields.items()}


def _is_text(text: object) -> bool:
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _count(value: object) -> int | None:
    """The number of alternatives, which forms send as text; ``None`` if it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 3:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ALTERNATIVES:
        return value
    return None


def _detected(text: str) -> dict[str, Any]:
    """The share of the text's letters that Japanese is written with, in percent."""
    letters = [character for character in text if character.isalpha()]
    japanese = [
        one for one in letters if "\u3040" <= one <= "\u30ff" or "\u3400" <= one <= "\u9fff" or one == "々"
    ]
    share = len(japanese) / len(letters) if letters else 0.0
    return {"confidence": round(100 * share), "language": SOURCE}


def _request_body(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = (_JSON, _URLENCODED, _MULTIPART)
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}
